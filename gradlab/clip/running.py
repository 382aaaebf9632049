"""Percentiles of everything seen so far, in constant memory and time."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

PER_OCTAVE = 32
LOWEST, HIGHEST = -128, 160  # powers of two
RELATIVE_ERROR = 2 ** (0.5 / PER_OCTAVE) - 1
"""Half a bin: no number is misread by more (1.1 %)."""


class RunningPercentile:
    """How many numbers of which size were seen, on a log scale; the extremes are kept exactly.

    Nothing is read back to the host, so it can stay on the device of what it counts.

    Args:
        counts: (9216,) int64; 32 bins to each factor of two, from 2**-128 to 2**160. What lies
            outside is counted in the outermost bins.
        smallest: 0-dim float64.
        largest: 0-dim float64.

    >>> seen = RunningPercentile()
    >>> for number in range(101):
    ...     seen.add(torch.tensor(float(number)))
    >>> print(f"{seen.quantile(0.9):.0f}")
    90
    """

    def __init__(self) -> None:
        self.counts = torch.zeros((HIGHEST - LOWEST) * PER_OCTAVE, dtype=torch.int64)
        self.smallest = torch.tensor(inf, dtype=torch.float64)
        self.largest = torch.tensor(0.0, dtype=torch.float64)

    def add(self, number: Tensor) -> None:
        """Count ``number``, 0-dim and not negative; what is not finite is not counted."""
        finite, number = number.isfinite(), number.double()
        self.load_state_dict({name: v.to(number.device) for name, v in vars(self).items()})
        place = ((number.log2() - LOWEST) * PER_OCTAVE).nan_to_num(0.0)
        place = place.clamp(0, len(self.counts) - 1).long()
        self.counts.index_add_(0, place.view(1), finite.long().view(1))
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
        bins = torch.searchsorted(cumulative, ranks.long(), right=True)
        values = torch.exp2((bins + 0.5).double() / PER_OCTAVE + LOWEST)
        low, high = values.clamp(self.smallest, self.largest)
        return torch.lerp(low, high, rank - ranks[0])

    def state_dict(self) -> dict[str, Tensor]:
        """The counts and the extremes; not copies."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state_dict()`` returned."""
        vars(self).update({name: state[name] for name in vars(self)})
