"""The rule that drops a step whose norm is a spike."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar

import torch
from torch import Tensor

from gradlab.arguments import positive, whole
from gradlab.clip.gradients import Layer, scale_
from gradlab.clip.measured import Measured
from gradlab.clip.moving import Number, Seeing
from gradlab.clip.rule import EPS, Part, Replayed

_FEWEST = 20  # steps to judge by


@dataclass(frozen=True, eq=False, repr=False)
class SkipSpikes(Seeing):
    """Drop all gradients of a step whose total norm is a spike among the last ones.

    With the mean m and the standard deviation s of the last ``window`` norms before this one, the
    step is dropped where ``||g|| > m + sigma_factor * s``: every ``.grad`` becomes ``None``, so
    ``optimizer.step()`` leaves weights and momentum alone. The norm counts all the same. Nothing is
    dropped before half of a window, and 20 steps, are there.

    Source: OLMo-core, ``SkipStepOptimizer``; Team OLMo 2025, "2 OLMo 2 Furious", arXiv 2501.00656.

    Args:
        sigma_factor: dimensionless, in (0, inf).
        window: how many norms to judge by, at least 20.
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``; such norms do not count.

    Raises:
        ValueError: an argument is out of its range.

    Note:
        OLMo-core skips a step for a spike of the loss, too. A rule sees gradients only. On a CUDA
        device with ``nonfinite="allow"`` nothing may be read back, so the gradients become zeros
        instead of ``None``: then momentum and weight decay still move the weights.

    >>> rule, w = SkipSpikes(window=20), torch.zeros(1, requires_grad=True)
    >>> for size in (1.0, 2.0) * 10 + (9.0,):
    ...     w.grad = torch.tensor([size])
    ...     done = rule.clip_(w)
    >>> done.fired, w.grad
    (tensor(True), None)
    """

    label: ClassVar[str] = "by skipping spikes"
    part: ClassVar[Part] = "everything"
    bound_name: ClassVar[str] = "sigma_factor"
    usual: ClassVar[float] = 6.0

    sigma_factor: float = 6.0
    window: int = 128

    def __post_init__(self) -> None:
        whole("window", self.window, _FEWEST)
        super().__post_init__()
        positive("sigma_factor", self.sigma_factor)

    @property
    def warmup(self) -> int:
        """The steps before there are enough norms to judge by."""
        return max(_FEWEST, self.window // 2) - 1

    def _unseen(self) -> dict[str, Tensor]:
        return {"norms": torch.full((self.window,), torch.nan, dtype=torch.float64)}

    def _see(self, xp: Any, seen: tuple[Number, ...], *norms: Number) -> tuple[Any, ...]:
        """The norm above which this step is dropped."""
        (norm,), (last,) = norms, seen
        return self._threshold(last), torch.cat([last[1:], norm.view(1)])

    def _threshold(self, last: Tensor) -> Tensor:
        """By the norms of windows, (..., window); NaN where there was none yet."""
        count = (~last.isnan()).sum(-1)
        mean = last.nansum(-1) / count
        square = (last - mean[..., None]).square().nansum(-1) / (count - 1)
        # Norms that are all alike have no spike, whatever rounding makes of their mean.
        threshold = (mean + float(self.sigma_factor) * square.sqrt()) * (1 + EPS)
        return threshold.where(count >= self.warmup, inf)

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        total = measured.total_norm
        norm = total.cpu() if look else total
        self._goes_on(norm.device)
        finite = norm.isfinite()
        spike = ((norm > self._judge(finite, norm)) & finite).to(total.device)
        kept = (~spike).to(total.dtype)
        if not look:
            scale_([layer.gradient for layer in layers], kept)
        elif spike:
            for layer in layers:
                layer.parameter.grad = None
        return kept, spike

    def replayed(self, total: Tensor, layers: Tensor) -> Replayed:
        finite = total.isfinite()
        norms = total[finite].double()
        before = torch.cat([self._unseen()["norms"], norms])  # no step depends on what was dropped
        found = torch.full_like(total, inf, dtype=torch.float64)
        found[finite] = self._threshold(before.unfold(0, self.window, 1)[:-1])
        return Replayed((total <= found).to(total)[:, None], found[:, None])
