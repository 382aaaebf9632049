"""A recorded grid as arrays, down x across x seed: the number of each run, or why it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradlab.arguments import one_of
from gradlab.course.sweep.records import Row

Read = Callable[[Row], float | None]
Level = float | None
Place = tuple[int, int]  # row, column

End = Literal["done", "diverged", "failed", "no number", "not run"]
"""How a run ended: with a number; without one because it diverged, because something else broke
it, or although nothing did; or it was never made."""


def after(name: str, steps: int) -> Read:
    """A function that reads a curve of a run where it was after so many steps.

    Args:
        name: of a list in the results, as long as their ``"steps"``.
        steps: one of the steps at which the curve was taken; a run that has no such point, because
            it had diverged or was shorter, has no number.
    """

    def read(row: Row) -> float | None:
        result = row.result or {}
        found = dict(zip(result.get("steps", ()), result.get(name, ()), strict=False))
        return found.get(steps)

    return read


def result(name: str) -> Read:
    """A function that reads a number among the results; a run that diverged has none."""
    return lambda row: None if diverged_at(row) is not None else (row.result or {}).get(name)


def diverged_at(row: Row) -> float | None:
    """The step at which a run diverged, NaN where nobody has noted it; None: it did not."""
    if row.status == "diverged":
        return float("nan")
    return (row.result or {}).get("diverged")


@dataclass(frozen=True, eq=False)
class Table:
    """One number of every run of a grid.

    Args:
        across: levels of the columns: numbers, ascending, then None, which stands for "without".
        down: levels of the rows, likewise.
        seeds: ascending.
        values: (down, across, seeds) float64; NaN where a run has no number.
        ends: (down, across, seeds) of ``End``.
        runs: the rows of each place, by seed; a place without runs is missing.
    """

    across: tuple[Level, ...]
    down: tuple[Level, ...]
    seeds: tuple[int, ...]
    values: NDArray[np.float64]
    ends: NDArray[np.str_]
    runs: Mapping[Place, tuple[Row, ...]]

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """(down, across): over the seeds that have a number; NaN where none has."""
        known = np.isfinite(self.values)
        number = known.sum(-1)
        total = np.where(known, self.values, 0).sum(-1)
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)

    def count(self, end: End) -> NDArray[np.int64]:
        """(down, across): how many seeds ended so."""
        one_of("end", end, get_args(End))
        found: NDArray[np.int64] = (self.ends == end).sum(-1)
        return found

    def numbers(self, place: Place) -> NDArray[np.float64]:
        """The numbers of one place, of the seeds that have one, shape (n,)."""
        here: NDArray[np.float64] = self.values[place]
        return here[np.isfinite(here)]


def tabulate(rows: Iterable[Row], across: str, down: str, read: Read) -> Table:
    """The number that ``read`` finds in each run, by the run's place in the grid and its seed.

    Args:
        rows: each holds ``across``, ``down`` and ``"seed"`` in its cell.
        across: a name in the cells, whose values are numbers or None.
        down: another.
        read: of a run; None or what is not finite: it has no number.

    Raises:
        ValueError: two runs fall in one place, or a level is no number.

    >>> cells = [{"seed": 0, "lr": lr, "clip": clip} for lr in (1, 2) for clip in (None, 5)]
    >>> rows = [Row(cell, "done", {"loss": cell["lr"] / 4}) for cell in cells]
    >>> table = tabulate(rows, "lr", "clip", result("loss"))
    >>> table.down, table.means
    ((5, None), array([[0.25, 0.5 ],
           [0.25, 0.5 ]]))
    """
    rows = tuple(rows)
    columns, lines = levels(across, rows), levels(down, rows)
    seeds = tuple(sorted({row.cell["seed"] for row in rows}))
    shape = len(lines), len(columns), len(seeds)
    values = np.full(shape, np.nan)
    ends = np.full(shape, "not run", dtype="<U9")
    runs: dict[Place, dict[int, Row]] = {}
    for row in rows:
        place = lines.index(row.cell[down]), columns.index(row.cell[across])
        seed = row.cell["seed"]
        if seed in runs.setdefault(place, {}):
            raise ValueError(
                f"choices must tell the runs apart, and there are two with {across}="
                f"{row.cell[across]!r}, {down}={row.cell[down]!r}, seed={seed!r}"
            )
        runs[place][seed] = row
        number = read(row)
        where = (*place, seeds.index(seed))
        ends[where] = _end(row, number)
        values[where] = number if ends[where] == "done" else np.nan
    by_seed = {place: tuple(found[s] for s in sorted(found)) for place, found in runs.items()}
    return Table(columns, lines, seeds, values, ends, by_seed)


def levels(name: str, rows: Sequence[Row]) -> tuple[Level, ...]:
    """The levels of an axis: numbers, ascending, then None; ValueError where one is neither."""
    found = set()
    for row in rows:
        level = row.cell[name]
        if level is not None and (isinstance(level, bool) or not isinstance(level, int | float)):
            raise ValueError(f"{name} must be a number or None in every cell, got {level!r}")
        found.add(level)
    return tuple(sorted(found, key=lambda level: (level is None, level or 0)))


def is_share(values: ArrayLike) -> bool:
    """Whether all finite values are from -1 to 1, and one is."""
    array = np.asarray(values, float)
    finite = array[np.isfinite(array)]
    return bool(finite.size) and bool((np.abs(finite) <= 1).all())


def _end(row: Row, number: float | None) -> End:
    if number is not None and isfinite(number):
        return "done"
    if diverged_at(row) is not None:
        return "diverged"
    return "failed" if row.result is None else "no number"
