"""Quantiles of everything seen so far, in constant memory and time, in the bins of ``codes``."""

from __future__ import annotations

from bisect import insort
from math import ceil, floor, inf, isfinite

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from gradlab.histogram.codes import BINS, ZERO, codes, middles


class RunningQuantile:
    """How many numbers of which size were seen; the extremes are kept exactly.

    Nothing is read back to the host, so it can stay on the device of what it counts.

    Args:
        counts: (16321,) int64; zeros, then the bins of ``codes``. Numbers above 3.4e38 are counted
            in the highest.
        smallest: 0-dim float64.
        largest: 0-dim float64.

    >>> seen = RunningQuantile()
    >>> for number in range(101):
    ...     seen.add(torch.tensor(float(number)))
    >>> print(f"{seen.quantile(0.9):.0f}")
    90
    """

    def __init__(self) -> None:
        self.counts = torch.zeros(BINS + 1, dtype=torch.int64)
        self.smallest = torch.tensor(inf, dtype=torch.float64)
        self.largest = torch.tensor(0.0, dtype=torch.float64)

    def add(self, number: Tensor) -> None:
        """Count ``number``, 0-dim and not negative; what is not finite is not counted."""
        finite, number = number.isfinite(), number.double()
        self.load_state_dict({name: v.to(number.device) for name, v in vars(self).items()})
        self.counts.index_add_(0, _places(number.view(1)), finite.long().view(1))
        self.smallest = self.smallest.minimum(number).where(finite, self.smallest)
        self.largest = self.largest.maximum(number).where(finite, self.largest)

    def quantile(self, q: float) -> Tensor:
        """The number that a share ``q`` in [0, 1] lies below, 0-dim float64; 0 before the first.

        Interpolated between the two nearest ranks, as by ``numpy.percentile``, and within
        ``RELATIVE_ERROR`` of it.
        """
        cumulative = self.counts.cumsum(0)
        rank = (cumulative[-1] - 1).double() * q
        ranks = torch.stack([rank.floor(), rank.ceil()])
        places = torch.searchsorted(cumulative, ranks.long(), right=True).clamp(max=BINS)
        low, high = _values(places).clamp(self.smallest, self.largest)
        found = torch.lerp(low, high, rank - ranks[0])
        return found.where(cumulative[-1] > 0, 0.0)

    def state_dict(self) -> dict[str, Tensor]:
        """The counts and the extremes; not copies."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state_dict()`` returned."""
        vars(self).update({name: state[name] for name in vars(self)})


def running_quantiles(numbers: ArrayLike, q: float) -> NDArray[np.float64]:
    """What ``RunningQuantile`` says after each of many numbers, without a walk over all bins.

    Args:
        numbers: (n,), not negative; what is not finite is not counted.
        q: in [0, 1].

    Returns:
        (n,) float64; 0 before the first finite number.
    """
    values = np.asarray(numbers, np.float64)
    places = _places(torch.tensor(values)).tolist()
    middle = _values(torch.arange(BINS + 1)).tolist()
    seen: list[int] = []
    smallest, largest = inf, 0.0
    found = np.zeros(len(values))
    for step, (number, place) in enumerate(zip(values.tolist(), places, strict=True)):
        if isfinite(number):
            insort(seen, place)
            smallest, largest = min(smallest, number), max(largest, number)
        if seen:
            rank = (len(seen) - 1) * q
            low, high = (
                min(max(middle[seen[at]], smallest), largest) for at in (floor(rank), ceil(rank))
            )
            found[step] = low + (high - low) * (rank - floor(rank))
    return found


def _places(numbers: Tensor) -> Tensor:
    """Where each of some numbers, not negative, is counted: at 0 what is zero or not finite."""
    found = codes(numbers.where(numbers.isfinite(), 0.0))
    return (found + 1).where(found != ZERO, 0).long()


def _values(places: Tensor) -> Tensor:
    """The number in the middle of each place, float64."""
    return middles((places - 1).clamp(min=0)).double().where(places > 0, 0.0)
