"""Many histograms clamped at once: what a slider asks of all steps and layers.

The counts stay where they are. Beside them stand sums up to every sixteenth one, so that a
threshold costs the same few look-ups in each histogram, however full it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradlab.histogram.codes import BINS, CODES, EDGES, bins_of
from gradlab.histogram.evenly import mean, mean_square
from gradlab.histogram.log import LogHistogram

_BLOCK = 16
_NEGATIVE = CODES // 2  # the first code of a negative element
_LOW, _HIGH = EDGES[:-1], EDGES[1:]
# By bin: 1, mean magnitude and mean square of an element; 0 for what is zero or not finite.
_POWERS = np.zeros((3, _NEGATIVE))
_POWERS[:, :BINS] = np.ones(BINS), mean(_LOW, _HIGH), mean_square(_LOW, _HIGH)


class Clamped(NamedTuple):
    """What clamping at c does to each of many gradients: (m, L) each.

    Args:
        above: how many elements are larger than c.
        square: squared norm of the clamped gradient.
        dot: its inner product with the gradient before.
        before: squared norm of the gradient before.
    """

    above: NDArray[np.float64]
    square: NDArray[np.float64]
    dot: NDArray[np.float64]
    before: NDArray[np.float64]


class _Blocks(NamedTuple):
    """Up to 16 neighbouring codes of one run; a run is the elements of one sign of one gradient.

    Args:
        runs: (b,) of each block.
        starts: (b,) where its codes start.
        stops: (b,) where they stop.
        sums: (3, b) of elements, magnitudes and squares in the blocks before it, of its run.
        totals: (3, 2 L) the same of each run.
    """

    runs: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    sums: NDArray[np.float64]
    totals: NDArray[np.float64]


class Magnitudes:
    """Histograms of the layers of some steps, ready to be clamped at any value.

    Args:
        codes: (K,) uint16, as in ``histogram.codes``; increasing within each histogram.
        counts: (K,) unsigned; how many elements have each code.
        ends: (m, L); where the codes of each histogram end, one after the other, row by row.
    """

    def __init__(
        self,
        codes: NDArray[np.uint16],
        counts: NDArray[np.unsignedinteger],
        ends: NDArray[np.int64],
    ) -> None:
        self._codes, self._counts = codes, counts
        rows, layers = ends.shape
        starts = np.append(0, ends.ravel())[:-1].reshape(ends.shape)
        each = [_blocks(codes, counts, *pair) for pair in zip(starts, ends, strict=True)]
        for row, blocks in enumerate(each):
            each[row] = blocks._replace(runs=blocks.runs + 2 * layers * row)
        if not each:
            nowhere, nothing = np.zeros(0, np.int64), np.zeros((3, 0))
            each = [_Blocks(nowhere, nowhere, nowhere, nothing, nothing)]
        self._all = _Blocks(*(np.concatenate(part, axis=-1) for part in zip(*each, strict=True)))
        self._keys = self._all.runs * _NEGATIVE + self._bins(self._all.starts)
        self._shape = rows, layers, 2

    @classmethod
    def of(cls, histograms: Mapping[str, LogHistogram]) -> Magnitudes:
        """Those of the layers of one step."""
        each = histograms.values()
        return cls(
            np.concatenate([np.zeros(0, np.uint16), *(one.codes for one in each)]),
            np.concatenate([np.zeros(0, np.uint8), *(one.counts for one in each)]),
            np.cumsum([len(one.codes) for one in each], dtype=np.int64)[None],
        )

    def clamped(self, clip_value: float) -> Clamped:
        """What ``x -> min(max(x, -clip_value), clip_value)`` does to each gradient."""
        c = min(clip_value, float(EDGES[-1]))
        numbers, sums, squares = self._below(c)
        count, total, square = self._all.totals
        above = count - numbers
        found = above, squares + c * c * above, squares + c * (total - sums), square
        return Clamped(*(one.reshape(self._shape).sum(-1) for one in found))

    def _below(self, c: float) -> NDArray[np.float64]:
        """(3, runs): elements, magnitudes and squares below c; bins are taken as evenly filled."""
        k = int(np.clip(np.searchsorted(EDGES, c, side="right") - 1, 0, BINS - 1))
        low, part = _LOW[k], min((c - _LOW[k]) / (_HIGH[k] - _LOW[k]), 1.0)
        runs = np.arange(self._all.totals.shape[1])
        block = np.searchsorted(self._keys, runs * _NEGATIVE + k, side="right") - 1
        held = np.flatnonzero(block >= 0)
        held = held[self._all.runs[block[held]] == held]  # the others hold nothing below c
        block = block[held]
        places = self._all.starts[block, None] + np.arange(_BLOCK)
        inside = places < self._all.stops[block, None]
        places = np.minimum(places, len(self._codes) - 1)
        bins = self._bins(places)
        counts = self._counts[places] * inside
        whole = np.where(bins < k, counts, 0.0)
        partial = part * np.where(bins == k, counts, 0).sum(-1)
        found = np.zeros_like(self._all.totals)
        for power, one in enumerate((1.0, mean(low, c), mean_square(low, c))):
            among = np.einsum("ij,ij->i", whole, _POWERS[power].take(bins))
            found[power, held] = self._all.sums[power, block] + among + partial * one
        return found

    def _bins(self, places: NDArray[np.int64]) -> NDArray[np.uint16]:
        return bins_of(self._codes[places])


def totals(histograms: Iterable[LogHistogram]) -> NDArray[np.float64]:
    """(3, L): elements, sum of magnitudes and of squares of each; of what is finite, not zero."""
    each = list(histograms)
    owners = np.repeat(np.arange(len(each)), [len(one.codes) for one in each])
    codes = np.concatenate([np.zeros(0, np.uint16), *(one.codes for one in each)])
    counts = np.concatenate([np.zeros(0, np.uint8), *(one.counts for one in each)])
    powers = _POWERS[:, bins_of(codes)] * counts
    return np.stack([np.bincount(owners, power, len(each)) for power in powers])


def _blocks(
    codes: NDArray[np.uint16],
    counts: NDArray[np.unsignedinteger],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> _Blocks:
    """The blocks of one step."""
    here = slice(starts[0], ends[-1]) if len(ends) else slice(0)
    layers = np.arange(len(ends)) * CODES
    keys = codes[here] + np.repeat(layers, ends - starts)
    finite = np.array([0, BINS, _NEGATIVE, _NEGATIVE + BINS])
    bounds = np.searchsorted(keys, layers[:, None] + finite).reshape(-1, 2)
    numbers = -(-np.diff(bounds).ravel() // _BLOCK)
    runs = np.repeat(np.arange(len(bounds)), numbers)
    within = np.arange(len(runs)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    first = bounds[runs, 0] + _BLOCK * within
    powers = _POWERS[:, keys % _NEGATIVE] * counts[here]
    grid = np.zeros((3, len(bounds), int(numbers.max(initial=0)) + 1))
    if len(first):  # what lies between the runs is zero or not finite: it has no powers
        grid[:, runs, within + 1] = np.add.reduceat(powers, first, axis=1)
    sums = np.cumsum(grid, axis=-1)  # of each run for itself: no large number eats a small one
    start = here.start or 0
    return _Blocks(
        runs,
        start + first,
        start + np.minimum(first + _BLOCK, bounds[runs, 1]),
        sums[:, runs, within],
        sums[:, :, -1],
    )
