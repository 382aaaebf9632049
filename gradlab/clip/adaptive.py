"""The rule that bounds each unit's gradient by its weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gradlab.arguments import positive
from gradlab.clip.gradients import Layer, joined, scale_each_, tensor_norms, unit_norms
from gradlab.clip.measured import Measured
from gradlab.clip.rule import EPS, Part, Rule, ratio
from gradlab.clip.sharded import own_rows, spread_rows, whole


@dataclass(frozen=True, repr=False)
class Adaptive(Rule):
    """Bound each unit's gradient by its weight: adaptive gradient clipping (AGC).

    ``g_u <- g_u * f * max(||w_u||, eps) / ||g_u||`` where ``||g_u|| / max(||w_u||, eps) > f``, with
    ``f = clip_factor``. A unit is a row ``[i, ...]`` of a parameter of two or more dimensions (the
    weights into one output), or all of a bias or gain. Equal to ``timm.utils.adaptive_clip_grad``.

    Source: Brock, De, Smith & Simonyan 2021, "High-performance large-scale image recognition
    without normalization", equation 3.

    Args:
        clip_factor: dimensionless, in (0, inf); largest gradient norm relative to the weight's.
        eps: the weight's unit, in (0, inf); smaller weight norms count as this, so that weights
            that start at zero can move.
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``.

    Raises:
        ValueError: an argument is not a number, or out of its range.

    Note:
        The authors leave the last linear layer out; so pass the parameters without it.

    >>> w = torch.ones(2, 4, requires_grad=True)
    >>> w.grad = torch.tensor([[1.0] * 4, [0.001] * 4])
    >>> Adaptive(0.01).clip_(w).fired, w.grad[:, 0]
    (tensor(True), tensor([0.0100, 0.0010]))
    """

    label: ClassVar[str] = "adaptive (AGC)"
    part: ClassVar[Part] = "unit"
    bound_name: ClassVar[str] = "clip_factor"
    usual: ClassVar[float] = 0.01

    clip_factor: float = 0.01
    eps: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("clip_factor", self.clip_factor)
        positive("eps", self.eps)

    def _measure(self, layers: list[Layer], dtype: torch.dtype) -> Measured:
        units = _whole_units(layers, [layer.gradient for layer in layers], dtype)
        return Measured.of(units, tensor_norms(units, 2.0, dtype), 2.0, dtype)

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        total = measured.total_norm
        weights = _whole_units(layers, [layer.weight() for layer in layers], measured.dtype)
        norms, bounds = joined(measured.units, total.device), joined(weights, total.device)
        bounds = bounds.clamp(min=float(self.eps)).mul(float(self.clip_factor))
        over = (norms >= bounds) & total.isfinite()
        factors = torch.where(over, bounds / norms.clamp(min=EPS), 1.0)
        fired = ((factors < 1) & (norms > 0)).any()
        if not look or fired:
            sizes = [unit.numel() for unit in measured.units]
            each = zip(factors.split(sizes), layers, strict=True)
            own = [own_rows(factor, layer.parameter) for factor, layer in each]
            scale_each_([layer.gradient for layer in layers], own)
        return ratio(torch.linalg.vector_norm(norms * factors), total), fired


def _whole_units(layers: list[Layer], held: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """The norms of the units of whole tensors, from what is held of them here."""
    wholes = [layer.parameter for layer in layers]
    here = zip(unit_norms(held, dtype), wholes, strict=True)
    return whole([spread_rows(norms, tensor) for norms, tensor in here], wholes, 2.0)
