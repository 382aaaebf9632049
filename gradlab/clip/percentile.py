"""The rule whose threshold is a percentile of the norms that it has seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from gradlab.arguments import within
from gradlab.clip.gradients import Layer
from gradlab.clip.measured import Measured
from gradlab.clip.moving import Moving
from gradlab.clip.norm import bounding, scale_all_
from gradlab.clip.rule import Part, Replayed
from gradlab.histogram.running import RunningQuantile, running_quantiles


@dataclass(frozen=True, eq=False, repr=False)
class Percentile(Moving):
    """Scale all gradients to a percentile of the total norms seen so far: AutoClip.

    ``ByNorm`` with ``max_norm`` = the given percentile of the total norms of all steps until now,
    the present one included. It has a state: use one instance per training run, and save it with
    ``state_dict()``. Norms are counted in the bins of
    ``LogHistogram``, so time and memory (131 kB) do not grow with the steps, and ``max_norm`` is
    within 1.6 % of ``numpy.percentile`` of the whole history.

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

    label: ClassVar[str] = "by norm, at a percentile"
    part: ClassVar[Part] = "everything"
    bound_name: ClassVar[str] = "percentile"
    usual: ClassVar[float] = 10.0
    largest_bound: ClassVar[float] = 100.0

    percentile: float = 10.0
    seen: RunningQuantile = field(default_factory=RunningQuantile, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        within("percentile", self.percentile, 0, self.largest_bound)

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        total = measured.total_norm
        self.seen.add(total.cpu() if look else total)
        max_norm = self.seen.quantile(float(self.percentile) / 100).to(total)
        return scale_all_(layers, total, max_norm, look)

    def replayed(self, total: Tensor, layers: Tensor) -> Replayed:
        found = running_quantiles(total.numpy(), float(self.percentile) / 100)
        max_norm = torch.from_numpy(found).to(total)[:, None]
        return Replayed(bounding(total[:, None], max_norm), max_norm)

    def state_dict(self) -> dict[str, Tensor]:
        """The norms seen so far, as three tensors to save with the optimizer's."""
        return {name: value.clone() for name, value in self.seen.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state_dict()`` returned."""
        self.seen.load_state_dict({name: value.clone() for name, value in state.items()})
