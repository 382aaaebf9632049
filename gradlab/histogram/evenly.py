"""Magnitudes in bins, each bin filled evenly: the one distribution that all answers come from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradlab.histogram.codes import BINS, EDGES, bins_of

_LOW, _HIGH = EDGES[:-1], EDGES[1:]


class Evenly(NamedTuple):
    """Which bins hold magnitudes, (j,); how many elements lie below each, and in all, (j + 1,)."""

    bins: NDArray[np.uint16]
    below: NDArray[np.int64]

    @classmethod
    def of(cls, codes: NDArray[np.uint16], counts: NDArray[np.unsignedinteger]) -> Evenly:
        """Both signs together; what is zero or not finite is left out."""
        bins = bins_of(codes)
        inside = bins < BINS
        order = np.argsort(bins[inside], kind="stable")
        found, first = np.unique(bins[inside][order], return_index=True)
        running = np.cumsum(counts[inside][order], dtype=np.int64)
        below = np.append(np.append(0, running)[first], running[-1:])
        return cls(found, below if len(found) else np.zeros(1, np.int64))

    def above(self, threshold: Any) -> Any:
        """How many lie above each threshold."""
        k = np.clip(np.searchsorted(EDGES, threshold, side="right") - 1, 0, BINS - 1)
        at = np.searchsorted(self.bins, k)
        part = np.minimum((threshold - _LOW[k]) / (_HIGH[k] - _LOW[k]), 1.0)
        here = np.append(np.diff(self.below), 0)[at] * (np.append(self.bins, BINS)[at] == k)
        return self.below[-1] - self.below[at] - part * here

    def ranked(self, rank: int) -> float:
        """The magnitude of this rank, counted from 1, the smallest."""
        i = int(np.searchsorted(self.below, rank)) - 1
        part = (rank - 0.5 - self.below[i]) / (self.below[i + 1] - self.below[i])
        low, high = _LOW[self.bins[i]], _HIGH[self.bins[i]]
        return float(low + part * (high - low))

    def square(self) -> float:
        """The sum of the squares."""
        return float(np.diff(self.below) @ mean_square(_LOW[self.bins], _HIGH[self.bins]))

    def clamped(self, c: float) -> tuple[float, float]:
        """After clamping at ``c``: the sum of squares, and the dot product with those before."""
        low, high = _LOW[self.bins], _HIGH[self.bins]
        numbers, part = np.diff(self.below), np.clip((c - low) / (high - low), 0.0, 1.0)
        inside, above = part * numbers, (1 - part) * numbers
        top = np.clip(c, low, high)
        square = inside @ mean_square(low, top) + c * c * above.sum()
        dot = inside @ mean_square(low, top) + c * (above @ mean(top, high))
        return float(square), float(dot)

    def span(self) -> tuple[float, float] | None:
        """From where to where they lie; None where there is none."""
        bins = self.bins
        return (float(_LOW[bins[0]]), float(_HIGH[bins[-1]])) if bins.size else None


def mean(low: Any, high: Any) -> Any:
    """The mean of numbers spread evenly from ``low`` to ``high``."""
    return (low + high) / 2


def mean_square(low: Any, high: Any) -> Any:
    """The mean of their squares."""
    return (low * low + low * high + high * high) / 3
