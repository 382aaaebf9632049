"""Recorded runs, and the arrays that a claim or a picture asks of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gradlab.arguments import one_of
from gradlab.course.sweep.plain import plain, revived
from gradlab.course.sweep.provenance import Provenance

Status = Literal["done", "diverged", "out of memory", "error"]


@dataclass(frozen=True)
class Row:
    """One run.

    Args:
        cell: what was run.
        status: how it ended.
        result: what it returned; None unless it is done.
        error: what ended it, and where; None if it is done.
        seconds: that the run took.
        provenance: place, in ``Records.provenance``, of the circumstances it ran under.
    """

    cell: Mapping[str, Any]
    status: Status
    result: Mapping[str, Any] | None = None
    error: str | None = None
    seconds: float = 0.0
    provenance: int = 0

    def __post_init__(self) -> None:
        one_of("status", self.status, get_args(Status))


@dataclass(frozen=True)
class Records:
    """The recorded runs of an experiment.

    Args:
        provenance: the circumstances of the runs, the first ones first.
        rows: one per run, in the order of the grid once a sweep is complete.
    """

    provenance: tuple[Provenance, ...]
    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def where(self, **wanted: object) -> Records:
        """The runs whose cells hold the wanted values.

        Raises:
            ValueError: no cell has such a name.
        """
        for name in wanted:
            self._check(name)
        alike = {name: revived(plain(value)) for name, value in wanted.items()}
        chosen = [
            row
            for row in self.rows
            if all(name in row.cell and row.cell[name] == value for name, value in alike.items())
        ]
        return replace(self, rows=tuple(chosen))

    def axis(self, name: str) -> list[Any]:
        """The distinct values that the cells hold under a name.

        Numbers in ascending order, so that two selections have their seeds in one order even while
        a sweep is not complete; anything else first seen first.

        Raises:
            ValueError: there are cells, and none has the name.
        """
        self._check(name)
        distinct: list[Any] = []
        for row in self.rows:
            if name in row.cell and row.cell[name] not in distinct:
                distinct.append(row.cell[name])
        numbers = all(isinstance(value, int | float) for value in distinct)
        return sorted(distinct) if numbers else distinct

    def values(self, name: str, by: tuple[str, ...] = ("seed",)) -> NDArray[np.float64]:
        """One number of each run as an array, with an axis for each name in ``by``.

        Args:
            name: in the results. ``"seconds"``: what the run took, unless a result says so.
            by: names in the cells; axis i goes through ``axis(by[i])``.

        Returns:
            float64 of shape (len(axis(by[0])), ...), and one axis more where each result is a list.
            NaN where a run is missing or did not end well.

        Raises:
            ValueError: two runs fall in one place (take some with ``where``, or name more in
                ``by``), or no result has the name.

        Note:
            A mean over what is left after dropping NaN hides the runs that diverged.

        >>> cells = [{"seed": seed, "lr": lr} for seed in (0, 1) for lr in (1, 2)]
        >>> rows = [Row(cell, "done", {"loss": cell["seed"] + cell["lr"]}) for cell in cells]
        >>> Records((), tuple(rows)).values("loss", by=("lr", "seed"))
        array([[1., 2.],
               [2., 3.]])
        """
        axes = [self.axis(one) for one in by]
        found: dict[tuple[int, ...], Any] = {}
        for row in self.rows:
            if lacking := set(by) - set(row.cell):
                raise ValueError(f"by must name what every cell holds, got {lacking.pop()!r}")
            place = tuple(a.index(row.cell[one]) for a, one in zip(axes, by, strict=True))
            if place in found:
                raise ValueError(
                    f"by must tell the runs apart, got {by!r}, for which there are two runs with "
                    + ", ".join(f"{one}={row.cell[one]!r}" for one in by)
                )
            found[place] = _result(row, name)
        known = [np.asarray(value, dtype=float) for value in found.values() if value is not None]
        if self.rows and not known and any(row.result is not None for row in self.rows):
            have = {n for row in self.rows for n in row.result or ()}
            one_of("name", name, sorted(have))
        array = np.full((*map(len, axes), *(known[0].shape if known else ())), np.nan)
        for place in itertools.product(*(range(len(axis)) for axis in axes)):
            if (value := found.get(place)) is not None:
                array[place] = value
        return array

    def _check(self, name: str) -> None:
        if self.rows and not any(name in row.cell for row in self.rows):
            one_of("a name in the cells", name, sorted({n for row in self.rows for n in row.cell}))


def _result(row: Row, name: str) -> Any:
    """What the run returned under the name; None if it did not."""
    default = row.seconds if name == "seconds" else None
    return None if row.result is None else row.result.get(name, default)
