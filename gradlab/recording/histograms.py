"""The histograms of many layers at many steps, kept sparse until one is asked for.

A layer's gradient fills at most a few thousand of the 32,640 bins of a ``LogHistogram``; only
those are kept, at three to six bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gradlab.histogram import LogHistogram
from gradlab.histogram.found import Counted


@dataclass(frozen=True, eq=False)
class Histograms(Mapping[int, dict[str, LogHistogram]]):
    """Step -> layer -> ``LogHistogram``; layers without a gradient at that step are left out.

    Args:
        layers: names of the L layers.
        steps: (m,) int64, increasing.
        ends: (m, L) int64; where each layer's codes end. They begin where those before it end.
        codes: (K,) uint16, as in ``histogram.codes``; increasing within each layer.
        counts: (K,) unsigned; how many elements have each code.
        strides: (m, L) int64; one element in so many of each layer was looked at; 1: every one.
    """

    layers: tuple[str, ...]
    steps: NDArray[np.int64]
    ends: NDArray[np.int64]
    codes: NDArray[np.uint16]
    counts: NDArray[np.unsignedinteger]
    strides: NDArray[np.int64]

    @classmethod
    def of(
        cls, layers: tuple[str, ...], step: int, columns: NDArray[np.int64] | slice, found: Counted
    ) -> Histograms:
        """Those of one step.

        Args:
            layers: all that are known.
            step: its number.
            columns: of those that had a gradient, each once; a slice: they are in order.
            found: in those gradients.
        """
        if not isinstance(columns, slice):  # layers that were met late stand at the end
            order = columns.argsort()
            columns, found = columns[order], Counted.joined(found.each(order.tolist()))
        lengths, strides = np.zeros(len(layers), np.int64), np.ones(len(layers), np.int64)
        lengths[columns], strides[columns] = found.lengths(), found.strides
        ends = np.cumsum(lengths)[None]
        return cls(layers, np.array([step]), ends, found.codes, found.counts, strides[None])

    @classmethod
    def joined(cls, layers: tuple[str, ...], parts: Sequence[Histograms]) -> Histograms:
        """One after the other; ``layers`` begin with those of each part."""
        starts = np.cumsum([0, *(len(part.codes) for part in parts)])
        ends, strides = ([np.zeros((0, len(layers)), np.int64)] for _ in range(2))
        for part, start in zip(parts, starts, strict=False):
            new = len(layers) - len(part.layers)
            ends.append(start + np.pad(part.ends, ((0, 0), (0, new)), "edge"))
            strides.append(np.pad(part.strides, ((0, 0), (0, new)), constant_values=1))
        return cls(
            layers,
            np.array([step for part in parts for step in part], np.int64),
            np.concatenate(ends),
            np.concatenate([np.zeros(0, np.uint16), *(part.codes for part in parts)]),
            np.concatenate([np.zeros(0, np.uint8), *(part.counts for part in parts)]),
            np.concatenate(strides),
        )

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[int]:
        return iter(self.steps.tolist())

    def __getitem__(self, step: int) -> dict[str, LogHistogram]:
        (rows,) = np.nonzero(self.steps == step)
        if not rows.size:
            raise KeyError(step)
        each = {layer: self._at(int(rows[0]), i) for i, layer in enumerate(self.layers)}
        return {layer: histogram for layer, histogram in each.items() if histogram.numel}

    def __repr__(self) -> str:
        return f"Histograms({len(self)} steps, {len(self.layers)} layers, {self.nbytes:,} bytes)"

    @property
    def nbytes(self) -> int:
        """Bytes held, all arrays together."""
        held = self.steps, self.ends, self.codes, self.counts, self.strides
        return sum(array.nbytes for array in held)

    @property
    def stride(self) -> int:
        """One element in up to so many was looked at; 1: every one."""
        return int(self.strides.max(initial=1))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(m, L) int64: where each layer's codes begin."""
        return np.append(0, self.ends.ravel())[:-1].reshape(self.ends.shape)

    def _at(self, row: int, column: int) -> LogHistogram:
        """The histogram of one layer at the step of one row; empty where there was no gradient."""
        held = slice(self.starts[row, column], self.ends[row, column])
        return LogHistogram(self.codes[held], self.counts[held], int(self.strides[row, column]))
