"""What a recorder has read back from the device so far, within its budget of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import Rule
from gradlab.histogram.codes import Found
from gradlab.recording.histograms import Histograms
from gradlab.recording.optimizers import plain
from gradlab.recording.recording import Recording


class Row(NamedTuple):
    """The numbers of one step; ``norms`` has one for each layer known then."""

    total_norm: float
    coefficient: float
    fired: bool
    norms: NDArray[np.float64]
    learning_rate: float


class Sizes(NamedTuple):
    """How large things were in one step, by layer.

    Args:
        weights: norms of the weights before the step.
        after: of the gradients after clipping.
        updates: of what the step added to the weights.
        ratios: of the gradients to the optimizer's own moments.
    """

    weights: Mapping[str, float]
    after: Mapping[str, float]
    updates: Mapping[str, float] = {}
    ratios: Mapping[str, float] = {}


class Detail(NamedTuple):
    """The closer look at one step; ``sizes`` has a row for each of ``Sizes``."""

    histograms: Histograms
    moments: Histograms
    sizes: NDArray[np.float64]


@dataclass(eq=False)
class Journal:
    """Rows and details, in the order of the steps.

    Args:
        every: steps from one detail to the next; doubles when ``memory`` is full.
        memory: bytes that all histograms together may take.
        sizes: elements of each layer met so far, by name: the columns.
        optimizer: its settings at the first step.
    """

    every: int
    memory: int
    sizes: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)
    nonfinite: dict[int, str] = field(default_factory=dict)
    skipped: int = 0
    optimizer: dict[str, Any] | None = None

    def add(
        self,
        total_norm: float,
        coefficient: float,
        fired: bool,
        norms: Mapping[str, float],
        learning_rate: float,
    ) -> None:
        """Write down a step; ``norms`` are of the layers that had a gradient."""
        if not isfinite(total_norm):
            largest = max(norms, key=norms.__getitem__)  # where only the total is not finite
            bad = (name for name, norm in norms.items() if not isfinite(norm))
            self.nonfinite[len(self.rows)] = next(bad, largest)
        self.rows.append(Row(total_norm, coefficient, fired, self.spread(norms), learning_rate))

    def look(
        self,
        found: Mapping[str, Found],
        sizes: Sizes,
        moments: Mapping[str, Found] = {},
        *,
        last: bool = False,
    ) -> None:
        """Write down the details of the newest step; those of the ``last`` one stay in any case."""
        step, wanted = len(self.rows) - 1, True
        histograms = Histograms.of(tuple(self.sizes), step, found)
        squares = Histograms.of(tuple(self.sizes), step, moments)
        new = histograms.nbytes + squares.nbytes
        while len(self.details) > 1 and self._bytes() + new > self.memory:
            self.details = self.details[::2]
            self.every *= 2
            wanted = last or step % self.every == 0
        if wanted:
            spread = np.stack([self.spread(one) for one in sizes])
            self.details.append(Detail(histograms, squares, spread))

    def recording(self, clip: Rule | None) -> Recording:
        """All of it, as plain data."""
        layers = tuple(self.sizes)
        weights, after, updates, ratios = (
            _stacked([one.sizes[kind] for one in self.details], len(layers))
            for kind in range(len(Sizes._fields))
        )
        return Recording(
            layers=layers,
            sizes=np.array(list(self.sizes.values()), np.int64),
            total_norm=np.array([row.total_norm for row in self.rows], np.float64),
            coefficient=np.array([row.coefficient for row in self.rows], np.float64),
            fired=np.array([row.fired for row in self.rows], np.bool_),
            layer_norms=_stacked([row.norms for row in self.rows], len(layers)),
            nonfinite=dict(self.nonfinite),
            skipped=self.skipped,
            clip=clip,
            optimizer=plain(self.optimizer),
            learning_rate=np.array([row.learning_rate for row in self.rows], np.float64),
            every=self.every,
            histograms=Histograms.joined(layers, [one.histograms for one in self.details]),
            weight_norms=weights,
            norms_after=after,
            update_norms=updates,
            moment_ratios=ratios,
            moment_histograms=Histograms.joined(layers, [one.moments for one in self.details]),
        )

    def spread(self, norms: Mapping[str, float]) -> NDArray[np.float64]:
        """The norms by column, NaN where there is none."""
        return np.array([norms.get(layer, nan) for layer in self.sizes], np.float64)

    def _bytes(self) -> int:
        return sum(one.histograms.nbytes + one.moments.nbytes for one in self.details)


def _stacked(rows: Sequence[NDArray[np.float64]], width: int) -> NDArray[np.float64]:
    """The rows as one array; NaN in the columns that a row did not know of."""
    table = np.full((len(rows), width), nan)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table
