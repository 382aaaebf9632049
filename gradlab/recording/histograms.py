"""The histograms of many layers at many steps, kept sparse until one is asked for.

A layer's gradient fills a few thousand of the 32,640 bins of a ``LogHistogram``; only those are
kept, at four to six bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradlab.histogram import LogHistogram
from gradlab.patterns import BINS


@dataclass(frozen=True, eq=False)
class Histograms(Mapping[int, dict[str, LogHistogram]]):
    """Step -> layer -> ``LogHistogram``; layers without a gradient at that step are left out.

    Args:
        layers: names of the L layers.
        steps: (m,) int64, increasing.
        codes: (K,) uint16; twice the bin, plus 1 for negative elements; increasing in each layer.
        counts: (K,) unsigned; how many elements each code counts.
        ends: (m, L) int64; where each layer's codes end. They begin where those before it end.
        zeros: (m, L) int64; elements that are exactly zero.
        nonfinite: (m, L) int64; elements that are infinite or NaN.
    """

    layers: tuple[str, ...]
    steps: NDArray[np.int64]
    codes: NDArray[np.uint16]
    counts: NDArray[np.unsignedinteger]
    ends: NDArray[np.int64]
    zeros: NDArray[np.int64]
    nonfinite: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[int]:
        return iter(self.steps.tolist())

    def __getitem__(self, step: int) -> dict[str, LogHistogram]:
        row = int(np.searchsorted(self.steps, step))
        if row == len(self.steps) or self.steps[row] != step:
            raise KeyError(step)
        every = {layer: self.at(row, column) for column, layer in enumerate(self.layers)}
        return {layer: histogram for layer, histogram in every.items() if histogram.numel}

    def __repr__(self) -> str:
        return f"Histograms({len(self)} steps, {len(self.layers)} layers, {self.nbytes:,} bytes)"

    @property
    def nbytes(self) -> int:
        """Bytes held, all arrays together."""
        arrays = (self.codes, self.counts, self.ends, self.zeros, self.nonfinite)
        return sum(array.nbytes for array in arrays)

    def at(self, row: int, column: int) -> LogHistogram:
        """The histogram of one layer at the step of one row; empty where there was no gradient."""
        place = row * len(self.layers) + column
        start = self.ends.flat[place - 1] if place else 0
        held = slice(start, self.ends.flat[place])
        dense = np.zeros((BINS, 2), np.int64)
        dense.reshape(-1)[self.codes[held]] = self.counts[held]
        return LogHistogram(
            np.ascontiguousarray(dense.T),
            int(self.zeros.flat[place]),
            int(self.nonfinite.flat[place]),
        )

    @classmethod
    def joined(cls, layers: tuple[str, ...], parts: Sequence[Histograms]) -> Histograms:
        """One after the other; ``layers`` begin with those of each part."""
        before = np.cumsum([0, *(len(part.codes) for part in parts)])

        def rows(arrays: list[NDArray[np.int64]], mode: str) -> NDArray[np.int64]:
            wide = [np.pad(a, ((0, 0), (0, len(layers) - a.shape[1])), mode) for a in arrays]  # type: ignore[call-overload]
            return np.concatenate([np.zeros((0, len(layers)), np.int64), *wide])

        return cls(
            layers,
            np.array([step for part in parts for step in part], np.int64),
            np.concatenate([np.zeros(0, np.uint16), *(part.codes for part in parts)]),
            np.concatenate([np.zeros(0, np.uint8), *(part.counts for part in parts)]),
            rows([part.ends + n for part, n in zip(parts, before, strict=False)], "edge"),
            rows([part.zeros for part in parts], "constant"),
            rows([part.nonfinite for part in parts], "constant"),
        )
