"""Many histograms as one, each multiplied by a factor of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gradlab.histogram.log import LogHistogram

_FINE = 8  # points between two edges, between which elements are taken to be spread evenly


class Scaled:
    """The elements of n layers, to be scaled layer by layer and counted between edges.

    Args:
        histograms: of the layers.
        edges: (k + 1,) magnitudes in a geometric sequence; the last is beyond all elements.
    """

    def __init__(self, histograms: Sequence[LogHistogram], edges: NDArray[np.float64]) -> None:
        self._points = _FINE * (len(edges) - 1) + 1
        grid = np.geomspace(edges[0], edges[-1], self._points)
        self._step = np.log(edges[-1] / edges[0]) / (self._points - 1)
        bounds = np.append(0, grid[1:])
        self._below = np.zeros((len(histograms), self._points), np.float32)
        for row, one in enumerate(histograms):
            if one.finite:
                self._below[row, 1:] = np.cumsum(one.finite * one.shares(bounds))

    def counts(self, factor: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(k,): elements in each interval, of the layers of some rows; the first begins at 0.

        Args:
            factor: (n,); of each layer, in (0, 1].
            rows: (m,); which layers.
        """
        last = self._points - 1
        shift = -np.log(factor[rows]) / self._step
        at = np.minimum(np.arange(_FINE, self._points, _FINE) + shift[:, None], last)
        low = at.astype(np.int64)
        high, part = np.minimum(low + 1, last), at - low
        side = rows[:, None]
        below = (1 - part) * self._below[side, low] + part * self._below[side, high]
        return np.diff(below.sum(axis=0), prepend=0.0)
