"""A recorded grid that is asked: what was run for a choice, how each number is read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gradlab.arguments import one_of
from gradlab.course.grids.table import Level, Read, Table, is_share, result, tabulate
from gradlab.course.sweep.records import Records, Row

Quantity = str | Read
Key = tuple[object, ...]
Form = Callable[[float], str]


@dataclass(frozen=True, eq=False)
class Grid:
    """Runs by what was chosen, and what is asked of them.

    Args:
        axes: names of the columns' levels and of the rows' levels.
        choices: names of what is chosen.
        rows: the runs of each choice, in the order of ``choices``.
        reads: what may be mapped, by what it is called.
        curves: lists in the results, by what they are called.
    """

    axes: tuple[str, str]
    choices: tuple[str, ...]
    rows: Mapping[Key, Sequence[Row]]
    reads: Mapping[str, Read]
    curves: Mapping[str, str]

    @cached_property
    def tables(self) -> dict[tuple[str, Key], Table]:
        """Every map: a number's name and a choice."""
        return {
            (name, key): tabulate(rows, *self.axes, read)
            for name, read in self.reads.items()
            for key, rows in self.rows.items()
        }

    def options(self, before: Key) -> list[object]:
        """What can be chosen next, after the choices before it; first seen first."""
        place = len(before)
        return list(dict.fromkeys(key[place] for key in self.rows if key[:place] == before))

    def span(self, name: str) -> tuple[float, float]:
        """The least and the greatest mean on any map of a number, for one scale of colours."""
        means = np.concatenate([table.means.ravel() for table in self._maps(name)])
        known = means[np.isfinite(means)]
        return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)

    def form(self, name: str) -> Form:
        """How a number is written."""
        return _form(np.concatenate([t.values.ravel() for t in self._maps(name)]))

    def curve_form(self, curve: str) -> Form:
        """How a point of a curve is written."""
        return _form(self.points(None, curve)[1])

    def points(self, key: Key | None, curve: str) -> tuple[float, list[float]]:
        """The last step of a choice's runs, or of all, and all values of one of their curves."""
        rows = self._all if key is None else self.rows[key]
        results = [row.result for row in rows if row.result]
        steps = [step for found in results for step in found.get("steps", ())]
        return max(steps, default=1), [y for found in results for y in found.get(curve, ())]

    def cell(self, key: Key, across: Level, down: Level, seed: int) -> dict[str, Any]:
        """A cell of that choice, all else being as in those that were run."""
        levels = dict(zip(self.axes, (across, down), strict=True))
        return {**self.rows[key][0].cell, **levels, "seed": seed}

    @property
    def last_seed(self) -> int:
        """The greatest of all runs."""
        return max(int(row.cell["seed"]) for row in self._all)

    def _maps(self, name: str) -> list[Table]:
        return [self.tables[name, key] for key in self.rows]

    @cached_property
    def _all(self) -> list[Row]:
        return [row for rows in self.rows.values() for row in rows]


def arranged(
    records: Records,
    axes: tuple[str, str],
    choices: Sequence[str],
    value: Quantity | Mapping[str, Quantity],
    curves: Mapping[str, str],
) -> Grid:
    """The records as a grid.

    Raises:
        ValueError: there are no runs; a name is none in the cells or results, or occurs twice; a
            level is no number; two runs fall in one place; or a curve is not as long as its steps.
    """
    names = (*axes, *choices)
    if len({*names, "seed"}) <= len(names):
        raise ValueError(f"across, down and choices must differ, and none be 'seed', got {names}")
    if not len(records):
        raise ValueError("records must hold runs, got none")
    quantities = value if isinstance(value, Mapping) else {_called(value): value}
    if not quantities:
        raise ValueError("value must name one quantity or more, got none")
    have = {name for row in records for name in row.result or ()}
    for name in (*quantities.values(), *curves.values()):
        if have and isinstance(name, str):
            one_of("a name in the results", name, sorted(have))
    rows: dict[Key, list[Row]] = {}
    for row in records:
        for name in (*names, "seed"):
            one_of("a name in every cell", name, sorted(row.cell))
        _check_lengths(row, curves.values())
        rows.setdefault(tuple(row.cell[name] for name in choices), []).append(row)
    reads = {name: result(one) if isinstance(one, str) else one for name, one in quantities.items()}
    grid = Grid(axes, tuple(choices), rows, reads, curves)
    grid.tables  # noqa: B018 - what is wrong with the records is to be said now
    return grid


def label(level: object) -> str:
    """A value of a cell as it is written: 0.001, none, yes, vgg."""
    if level is None:
        return "none"
    if isinstance(level, bool):
        return "yes" if level else "no"
    return f"{level:g}" if isinstance(level, int | float) else str(level)


def _form(values: ArrayLike) -> Form:
    """How such values are written: shares in per cent, whole numbers whole."""
    array = np.asarray(values, float)
    finite = array[np.isfinite(array)]
    if is_share(finite):
        return lambda value: f"{value:.0%}"
    if (finite == finite.round()).all():
        return lambda value: f"{value:,.0f}"
    return _number


def _number(value: float) -> str:
    return f"{value:.3g}"


def _called(value: Quantity) -> str:
    return value if isinstance(value, str) else value.__name__


def _check_lengths(row: Row, curves: Iterable[str]) -> None:
    found = row.result or {}
    for name in curves:
        if name in found and len(found[name]) != len(found.get("steps", ())):
            raise ValueError(
                f"{name!r} must be as long as 'steps' ({len(found.get('steps', ()))}) in every "
                f"result, got {len(found[name])} with {dict(row.cell)}"
            )
