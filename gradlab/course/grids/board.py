"""What the panel over a recorded grid draws: the map on the left, the curves on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradlab.course.grids.grid import Grid, Key
from gradlab.course.grids.live import Trial
from gradlab.course.grids.picture import Curve, draw_curves, draw_key, draw_map
from gradlab.course.grids.table import Place, Table, diverged_at
from gradlab.course.sweep.records import Row
from gradlab.draw.figure import StyledAxes, blank_figure
from gradlab.panels.live import LivePicture


class Board:
    """The picture of the panel.

    Args:
        grid: what is shown.
        names: what its axes are called.
        table, shown: the first map, and what it is: the name of a number, and a choice.
        live: whether runs can be trained.
    """

    def __init__(
        self,
        grid: Grid,
        names: Mapping[str, str],
        table: Table,
        shown: tuple[str, Key],
        *,
        live: bool,
    ) -> None:
        self._grid, self._names = grid, names
        figure = blank_figure(9.6, 4.8)
        draw_key(figure, live=live)
        rows = [["map", curve] for curve in grid.curves] or [["map"]]
        axes = figure.subplot_mosaic(
            rows,  # type: ignore[arg-type]
            width_ratios=(1.5, 1)[: len(rows[0])],
            subplot_kw={"axes_class": StyledAxes},
        )
        self.map = draw_map(axes["map"])
        self.curves = {name: draw_curves(axes[name]) for name in grid.curves}
        if grid.curves:
            axes[list(grid.curves)[-1]].set_xlabel("step")
        moving = [a for curves in self.curves.values() for a in curves.artists]
        self.fill(table, shown)
        self.picture = LivePicture(figure, [*self.map.artists, *moving])

    def fill(self, table: Table, shown: tuple[str, Key]) -> None:
        """Show another map; the picture must be redrawn."""
        name, key = self.shown = shown
        across, down = (self._names.get(axis, axis) for axis in self._grid.axes)
        self.map.fill(table, (across, down, name), self._grid.form(name), self._grid.span(name))
        for called, curves in self.curves.items():
            curves.span(called, *self._grid.points(key, self._grid.curves[called]))

    def move(self, place: Place, rows: Sequence[Row], trials: Sequence[Trial]) -> None:
        """Mark a place, and show the curves of its recorded runs and of those trained now."""
        self.map.move(*place)
        for called, curves in self.curves.items():
            name = self._grid.curves[called]
            curves.move(
                [_recorded(row, name) for row in rows if row.result],
                [_trained(trial, name) for trial in trials],
            )


def _recorded(row: Row, name: str) -> Curve:
    found = row.result or {}
    values = found.get(name, ())
    return Curve(found.get("steps", ())[: len(values)], values, diverged_at(row))


def _trained(trial: Trial, name: str) -> Curve:
    return Curve(*trial.curve(name), trial.step if trial.state == "diverged" else None)
