"""Rules that bound a norm: of all gradients together, or of each layer's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gradlab.arguments import positive
from gradlab.clip.gradients import Layer, scale_, scale_each_
from gradlab.clip.measured import Measured
from gradlab.clip.rule import EPS, Part, Rule, ratio


@dataclass(frozen=True, repr=False)
class _NormBound(Rule):
    bound_name: ClassVar[str] = "max_norm"
    usual: ClassVar[float] = 1.0

    max_norm: float
    norm_type: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("max_norm", self.max_norm, may_be_inf=True)
        positive("norm_type", self.norm_type, may_be_inf=True)

    @property
    def _order(self) -> float:
        return float(self.norm_type)

    def factors(self, total: Tensor, layers: Tensor) -> Tensor:
        if self._order != 2:
            raise ValueError(f"norm_type must be 2, as the norms that are known, got {self!r}")
        return bounding(total[:, None] if self.part == "everything" else layers, self.max_norm)


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

    label: ClassVar[str] = "by norm"
    part: ClassVar[Part] = "everything"

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        return scale_all_(layers, measured.total_norm, float(self.max_norm), look)


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

    label: ClassVar[str] = "by norm, per layer"
    part: ClassVar[Part] = "layer"

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        norms, total = measured.layer_norms, measured.total_norm
        factors = bounding(norms, float(self.max_norm)).where(total.isfinite(), 1.0)
        fired = ((factors < 1) & (norms > 0)).any()
        if not look or fired:
            scale_each_([layer.gradient for layer in layers], list(factors))
        after = torch.linalg.vector_norm(norms * factors, self._order)
        return ratio(after, total), fired


def scale_all_(
    layers: list[Layer], total: Tensor, max_norm: float | Tensor, look: bool
) -> tuple[Tensor, Tensor]:
    """Multiply all gradients by one factor, which is the coefficient; and whether it is below 1."""
    factor = bounding(total, max_norm)
    if look:  # numbers of the host: each operation on a tensor would cost more than all of this
        fires = factor.item() < 1 and total.item() > 0
        if fires:
            scale_([layer.gradient for layer in layers], factor)
        fired = torch.tensor(fires, device=total.device)
        return factor if fires else torch.ones_like(factor), fired
    factor = factor.where(total.isfinite(), 1.0)
    scale_([layer.gradient for layer in layers], factor)
    fired = (factor < 1) & (total > 0)
    return factor.where(fired, 1.0), fired


def bounding(norm: Tensor, max_norm: float | Tensor) -> Tensor:
    """The factor that brings a norm down to ``max_norm``; 1 where it is not above."""
    return (max_norm / (norm + EPS)).clamp(max=1)
