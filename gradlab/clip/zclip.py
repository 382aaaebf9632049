"""The rule that clips norms whose z-score stands out from their moving average."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from gradlab.arguments import one_of, positive, whole, within
from gradlab.clip.gradients import Layer
from gradlab.clip.measured import Measured
from gradlab.clip.moving import Floats, Number, Seeing
from gradlab.clip.norm import bounding, scale_all_
from gradlab.clip.rule import EPS, Part, Replayed

Mode = Literal["reciprocal", "mean", "max"]


@dataclass(frozen=True, eq=False, repr=False)
class ZClip(Seeing):
    """Scale all gradients when the total norm is an outlier among those before: ZClip.

    With the moving mean m and deviation s of the norms, ``z = (||g|| - m) / (s + 1e-6)``. Where
    ``z > z_thresh``, the norm is brought to ``m + s * z_thresh**2 / z``: the further out, the
    nearer to the mean. Then m and s move on, by the norm after clipping. The first
    ``warmup_steps`` norms are only averaged.

    Source: Kumar, Owen, Chowdhury & Güra 2025, "ZClip: adaptive spike mitigation for LLM
    pre-training", arXiv 2504.02507.

    Args:
        z_thresh: dimensionless, in (0, inf).
        alpha: in [0, 1); how much of mean and variance stays at each step.
        warmup_steps: steps before the first that may be clipped, at least 1.
        mode: what an outlier is brought to: ``"reciprocal"`` as above (the authors' code calls it
            adaptive scaling), ``"mean"`` to m, ``"max"`` to ``m + s * z_thresh``.
        max_norm: the gradient's unit, in (0, inf]; bounds every norm, as ``ByNorm``, also during
            the warm-up.
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``; such norms do not count.

    Raises:
        ValueError: an argument is out of its range.

    Note:
        The authors' code has ``max_norm=1.0`` as its default. Where most norms are above 1, that
        bound acts at each step and the z-score at none: it is ``ByNorm(1.0)``. Here there is no
        such bound unless you give it. The 1e-6 is in the unit of the norm: where norms are as
        small as that, outliers hide behind it.

    >>> rule, w = ZClip(warmup_steps=4), torch.zeros(1, requires_grad=True)
    >>> for size in (1.0, 3.0, 1.0, 3.0, 12.0):
    ...     w.grad = torch.tensor([size])
    ...     print(f"{size:.0f} -> {size * rule.clip_(w).coefficient:.3f}")
    1 -> 1.000
    3 -> 3.000
    1 -> 1.000
    3 -> 3.000
    12 -> 2.625
    """

    label: ClassVar[str] = "by norm, at a z-score (ZClip)"
    part: ClassVar[Part] = "everything"
    bound_name: ClassVar[str] = "z_thresh"
    usual: ClassVar[float] = 2.5

    z_thresh: float = 2.5
    alpha: float = 0.97
    warmup_steps: int = 25
    mode: Mode = "reciprocal"
    max_norm: float = inf

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("z_thresh", self.z_thresh)
        within("alpha", self.alpha, 0, 1, below=True)
        whole("warmup_steps", self.warmup_steps)
        one_of("mode", self.mode, get_args(Mode))
        positive("max_norm", self.max_norm, may_be_inf=True)

    @property
    def warmup(self) -> int:
        """The steps whose norms are only averaged."""
        return self.warmup_steps

    def _unseen(self) -> dict[str, Tensor]:
        zero = torch.zeros((), dtype=torch.float64)
        return {"steps": zero, "mean": zero, "variance": zero}

    def _see(self, xp: Any, seen: tuple[Number, ...], *norms: Number) -> tuple[Any, ...]:
        """The norm that stands out at this step, and what it is brought to; inf: it does not."""
        (norm,), (steps, mean, variance) = norms, seen
        deviation = xp.sqrt(variance)
        warm = steps < self.warmup_steps
        threshold = xp.where(warm, inf, mean + float(self.z_thresh) * (deviation + EPS))
        spike = norm > threshold
        z = xp.where(spike, (norm - mean) / (deviation + EPS), float(self.z_thresh))
        bound = xp.where(spike, mean + self._allowed(z) * deviation, inf)
        left = xp.minimum(bound, norm)
        # In the warm-up the plain mean and variance (Welford's way), then the moving ones.
        weight = xp.where(warm, 1 / (steps + 1), 1 - float(self.alpha))
        new = mean + weight * (left - mean)
        spread = xp.where(warm, left - mean, left - new) * (left - new)
        return (threshold, bound), steps + 1, new, variance + weight * (spread - variance)

    def _allowed(self, z: Number) -> Number:
        """The z-score that an outlier of score ``z`` is brought to."""
        most = float(self.z_thresh)
        # torch divides a number by a tensor as 1 / z: written so, floats are rounded alike.
        return {"reciprocal": 1 / z * most * most, "mean": 0 * z, "max": most}[self.mode]

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        total = measured.total_norm
        norm = total.cpu() if look else total
        self._goes_on(norm.device)
        _, bound = self._judge(norm.isfinite(), norm)
        return scale_all_(layers, total, bound.clamp(max=float(self.max_norm)).to(total), look)

    def replayed(self, total: Tensor, layers: Tensor) -> Replayed:
        finite = total.isfinite()
        steps = zip(total[finite].tolist(), strict=True)
        said = list(self._step_by_step(Floats, (0.0, 0.0, 0.0), steps))
        found = torch.full((len(total), 2), inf, dtype=torch.float64)
        found[finite] = torch.tensor(said, dtype=torch.float64).view(-1, 2)
        thresholds, bounds = found.clamp(max=float(self.max_norm)).to(total).split(1, dim=1)
        return Replayed(bounding(total[:, None], bounds), thresholds)
