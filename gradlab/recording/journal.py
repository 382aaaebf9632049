"""What a recorder has read back from the device so far, within its budget of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import Rule
from gradlab.histogram.found import Counted
from gradlab.recording.histograms import Histograms
from gradlab.recording.optimizers import plain
from gradlab.recording.recording import Recording

Held = TypeVar("Held")
Numbers = NDArray[np.float64]


class ByLayer(NamedTuple, Generic[Held]):
    """What is known of some layers, in the order of their names."""

    names: Sequence[str]
    held: Held


NOTHING = ByLayer[Numbers]((), np.zeros(0))
UNCOUNTED = ByLayer(tuple[str, ...](), Counted.joined([]))


class Row(NamedTuple):
    """The numbers of one step; ``norms`` has one for each layer known then."""

    total_norm: float
    coefficient: float
    fired: bool
    norms: Numbers
    learning_rate: float


class Sizes(NamedTuple):
    """How large things were in one step, by layer.

    Args:
        weights: norms of the weights before the step.
        after: of the gradients after clipping.
        updates: of what the step added to the weights.
        ratios: of the gradients to the optimizer's own moments.
    """

    weights: ByLayer[Numbers]
    after: ByLayer[Numbers]
    updates: ByLayer[Numbers] = NOTHING
    ratios: ByLayer[Numbers] = NOTHING


class Detail(NamedTuple):
    """The closer look at one step; ``sizes`` has a row for each of ``Sizes``."""

    histograms: Histograms
    moments: Histograms
    sizes: Numbers
    nbytes: int


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
    _bytes: int = 0
    _places: dict[str, int] = field(default_factory=dict)  # the columns, and their names
    _names: list[str] = field(default_factory=list)

    def add(
        self,
        total_norm: float,
        coefficient: float,
        fired: bool,
        norms: ByLayer[Numbers],
        learning_rate: float,
    ) -> None:
        """Write down a step; ``norms`` are of the layers that had a gradient."""
        if not isfinite(total_norm):
            bad = ~np.isfinite(norms.held)
            first = bad.argmax() if bad.any() else norms.held.argmax()
            self.nonfinite[len(self.rows)] = norms.names[int(first)]
        self.rows.append(Row(total_norm, coefficient, fired, self.spread(norms), learning_rate))

    def look(
        self,
        found: ByLayer[Counted],
        sizes: Sizes,
        moments: ByLayer[Counted] = UNCOUNTED,
        *,
        last: bool = False,
    ) -> None:
        """Write down the details of the newest step; those of the ``last`` one stay in any case."""
        step, wanted = len(self.rows) - 1, True
        layers = tuple(self.sizes)
        histograms, squares = (
            Histograms.of(layers, step, self._columns(one.names), one.held)
            for one in (found, moments)
        )
        new = histograms.nbytes + squares.nbytes
        while len(self.details) > 1 and self._bytes + new > self.memory:
            self.details = self.details[::2]
            self._bytes = sum(one.nbytes for one in self.details)
            self.every *= 2
            wanted = last or step % self.every == 0
        if wanted:
            spread = np.stack([self.spread(one) for one in sizes])
            self.details.append(Detail(histograms, squares, spread, new))
            self._bytes += new

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

    def spread(self, norms: ByLayer[Numbers]) -> Numbers:
        """The norms by column, NaN where there is none."""
        found = np.full(len(self.sizes), nan)
        found[self._columns(norms.names)] = norms.held
        return found

    def _columns(self, names: Sequence[str]) -> NDArray[np.int64] | slice:
        if len(self._names) < len(self.sizes):
            self._names = list(self.sizes)
            self._places = {name: column for column, name in enumerate(self._names)}
        if not names or names == self._names:
            return slice(len(names))
        return np.fromiter(map(self._places.__getitem__, names), np.int64, len(names))


def _stacked(rows: Sequence[Numbers], width: int) -> Numbers:
    """The rows as one array; NaN in the columns that a row did not know of."""
    table = np.full((len(rows), width), nan)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table
