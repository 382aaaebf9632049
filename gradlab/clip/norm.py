"""Rules that bound a norm: of all gradients together, or of each layer's."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from gradlab.arguments import positive, within
from gradlab.clip.gradients import Layer, scale_, scale_each_
from gradlab.clip.rule import EPS, Measured, Rule, ratio
from gradlab.clip.running import RunningPercentile


@dataclass(frozen=True, repr=False)
class _NormBound(Rule):
    max_norm: float
    norm_type: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("max_norm", self.max_norm, may_be_inf=True)
        positive("norm_type", self.norm_type, may_be_inf=True)

    @property
    def _order(self) -> float:
        return float(self.norm_type)


@dataclass(frozen=True, repr=False)
class ByNorm(_NormBound):
    """Scale all gradients by one factor, so that their total norm is at most ``max_norm``.

    ``g <- g * min(1, max_norm / (||g|| + 1e-6))``. The direction is kept. Equal to
    ``torch.nn.utils.clip_grad_norm_``, its 1e-6 included.

    Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural
    networks", Algorithm 1.

    Args:
        max_norm: the gradient's unit, in (0, inf]; ``inf`` only measures.
        norm_type: the p of the norm, in (0, inf].
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``.

    Raises:
        ValueError: an argument is not a number, or out of its range.

    Note:
        One layer with a large gradient makes the steps of all layers small.

    >>> w = torch.zeros(2, requires_grad=True)
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> ByNorm(1.0).clip_(w)
    Clipped(total_norm=5, coefficient=0.2, fired=True, layer_norms=[5])
    >>> w.grad
    tensor([0.6000, 0.8000])
    """

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        return _scale_(layers, measured.total_norm, float(self.max_norm), look)


@dataclass(frozen=True, repr=False)
class PerLayer(_NormBound):
    """Scale each parameter's gradient by its own factor, so that its norm is at most ``max_norm``.

    ``g_l <- g_l * min(1, max_norm / (||g_l|| + 1e-6))`` for each parameter tensor l.

    Args:
        max_norm: the gradient's unit, in (0, inf]; the bound of one tensor, not of all together.
        norm_type: the p of the norm, in (0, inf].
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``.

    Raises:
        ValueError: an argument is not a number, or out of its range.

    Note:
        Each tensor keeps its direction, the whole gradient does not. n tensors may still have a
        total 2-norm of ``sqrt(n) * max_norm``.

    >>> a, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
    >>> a.grad, b.grad = torch.tensor([3.0]), torch.tensor([0.5])
    >>> PerLayer(1.0).clip_([a, b])
    Clipped(total_norm=3.041, coefficient=0.3676, fired=True, layer_norms=[3, 0.5])
    """

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        norms, total = measured.layer_norms, measured.total_norm
        factors = _factor(norms, float(self.max_norm)).where(total.isfinite(), 1.0)
        fired = ((factors < 1) & (norms > 0)).any()
        if not look or fired:
            scale_each_([layer.gradient for layer in layers], list(factors))
        after = torch.linalg.vector_norm(norms * factors, self._order)
        return ratio(after, total), fired


@dataclass(frozen=True, eq=False, repr=False)
class Percentile(Rule):
    """Scale all gradients to a percentile of the total norms seen so far: AutoClip.

    ``ByNorm`` with ``max_norm`` = the given percentile of the total norms of all steps until now,
    the present one included. The only rule with a state: use one instance per training run, and
    save it with ``state_dict()``. Norms are counted in bins a 32nd of a factor of two wide, so
    time and memory (74 kB) do not grow with the steps, and ``max_norm`` is within 1.1 % of
    ``numpy.percentile`` of the whole history.

    Source: Seetharaman, Wichern, Pardo & Le Roux 2020, "AutoClip: adaptive gradient clipping for
    source separation networks", arXiv 2007.14469.

    Args:
        percentile: dimensionless, in [0, 100].
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``; such norms do not count.

    Raises:
        ValueError: an argument is not a number, or out of its range.

    Note:
        It clips about ``100 - percentile`` percent of the steps, whether or not any of them is
        unusual. Steps whose gradient is zero count too: when they fill the percentile,
        ``max_norm`` is 0 and every other gradient becomes 0.

    >>> rule, w = Percentile(50.0), torch.zeros(1, requires_grad=True)
    >>> for size in (1.0, 3.0, 8.0):
    ...     w.grad = torch.tensor([size])
    ...     print(f"{w.grad.item():.0f} -> {size * rule.clip_(w).coefficient:.1f}")
    1 -> 1.0
    3 -> 2.0
    8 -> 3.0
    """

    percentile: float = 10.0
    seen: RunningPercentile = field(default_factory=RunningPercentile, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        within("percentile", self.percentile, 0, 100)

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        total = measured.total_norm
        self.seen.add(total.cpu() if look else total)
        max_norm = self.seen.quantile(float(self.percentile) / 100).to(total)
        return _scale_(layers, total, max_norm, look)

    def state_dict(self) -> dict[str, Tensor]:
        """The norms seen so far, as three tensors to save with the optimizer's."""
        return {name: value.clone() for name, value in self.seen.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state_dict()`` returned."""
        self.seen.load_state_dict({name: value.clone() for name, value in state.items()})


def _scale_(
    layers: list[Layer], total: Tensor, max_norm: float | Tensor, look: bool
) -> tuple[Tensor, Tensor]:
    """Multiply all gradients by one factor, which is the coefficient; and whether it is below 1."""
    factor = _factor(total, max_norm).where(total.isfinite(), 1.0)
    fired = (factor < 1) & (total > 0)
    if not look or fired:
        scale_([layer.gradient for layer in layers], factor)
    return factor.where(fired, 1.0), fired


def _factor(norm: Tensor, max_norm: float | Tensor) -> Tensor:
    return (max_norm / (norm + EPS)).clamp(max=1)
