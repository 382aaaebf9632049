"""The rule that bounds every element."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from math import inf
from typing import ClassVar

import torch
from torch import Tensor

from gradlab.arguments import positive
from gradlab.clip.gradients import Layer, exceeding, grouped, joined
from gradlab.clip.measured import Measured
from gradlab.clip.rule import Part, Rule, ratio
from gradlab.clip.sharded import anywhere


@dataclass(frozen=True, repr=False)
class ByValue(Rule):
    """Clamp every element of every gradient to ``[-clip_value, clip_value]``.

    Equal to ``torch.nn.utils.clip_grad_value_``.

    Source: Mikolov 2012, "Statistical language models based on neural networks" (thesis).

    Args:
        clip_value: the gradient's unit, in (0, inf).
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``.

    Raises:
        ValueError: an argument is not a number, or out of its range.

    Note:
        Signs are kept, the direction is not: large elements shrink, small ones stay.

    >>> w = torch.zeros(2, requires_grad=True)
    >>> w.grad = torch.tensor([-3.0, 0.5])
    >>> ByValue(1.0).clip_(w).fired, w.grad
    (tensor(True), tensor([-1.0000,  0.5000]))
    """

    label: ClassVar[str] = "by value"
    part: ClassVar[Part] = "element"
    bound_name: ClassVar[str] = "clip_value"
    usual: ClassVar[float] = 0.01

    clip_value: float

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("clip_value", self.clip_value)

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        total, limit = measured.total_norm, float(self.clip_value)
        groups = list(grouped([layer.gradient for layer in layers]))
        over = [exceeding(group, limit) for group in groups]
        hit = joined(over, total.device).any() & total.isfinite()
        fired = anywhere(hit, [layer.parameter for layer in layers])
        if not look:
            bound = torch.full_like(total, limit).where(total.isfinite(), inf)
            for layer in layers:
                here = bound.to(layer.gradient)
                layer.gradient.clamp_(-here, here)
        elif fired:
            for group, hits in zip(groups, over, strict=True):
                if touched := list(compress(group, hits.tolist())):
                    torch._foreach_clamp_min_(touched, -limit)
                    torch._foreach_clamp_max_(touched, limit)
        else:
            return torch.ones_like(total), fired
        after = self._measure(layers, measured.dtype).total_norm
        return ratio(after, total), fired
