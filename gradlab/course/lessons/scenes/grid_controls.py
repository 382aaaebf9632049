"""The panel over the recorded readers: task, model, rate and bound; one more trained on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gradlab.course import grids
from gradlab.course.grids.controls import GridPanel
from gradlab.course.lessons.scenes.readers import network
from gradlab.course.lessons.scenes.running import points
from gradlab.course.sweep.records import Records


def readers_panel(records: Records) -> GridPanel:
    """A panel over the recorded grid: choose task, reader and rule; slide rate and bound.

    Args:
        records: of the experiment ``scenes``; a partial sweep will do.

    Raises:
        ValueError: they hold no run of the grid.
    """
    return grids.panel(
        _with_unclipped(records),
        "lr",
        "bound",
        choices=("task", "model", "rule"),
        value={"test accuracy": "accuracy", "share of strips read as nothing": "empty"},
        curves={"validation accuracy": "accuracy_curve", "largest norm": "norm_curve"},
        names={"lr": "rate", "model": "reader"},
        live=_live,
    )


def _with_unclipped(records: Records) -> Records:
    """The grid with its unclipped runs beside those of each rule."""
    rows = []
    for row in records:
        if row.cell["part"] in ("grid", "small", "small, clipped"):
            rules = [row.cell["rule"]] if row.cell["rule"] else ["by norm", "by value"]
            rows += [replace(row, cell={**row.cell, "rule": rule}) for rule in rules]
    return replace(records, rows=tuple(rows))


def _live(cell: dict[str, Any]) -> Iterator[dict[str, float]]:
    return points(cell, network(cell["task"], cell["model"], cell["seed"]))
