"""The panel over a recorded grid: two sliders on a map, and the curves of the marked place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import get_ident
from typing import Any

import ipywidgets

from gradlab.arguments import one_of
from gradlab.course.grids.board import Board
from gradlab.course.grids.grid import Grid, Key, Quantity, arranged, label
from gradlab.course.grids.live import Live, Train, Trial
from gradlab.course.grids.menus import choice_menu, level_slider, nearest, put
from gradlab.course.grids.table import Place, Table
from gradlab.course.grids.words import in_words, trained
from gradlab.course.sweep.records import Records
from gradlab.panels.panel import NotPossible, Panel, told


def panel(
    records: Records,
    across: str,
    down: str,
    *,
    choices: Sequence[str] = (),
    value: Quantity | Mapping[str, Quantity] = "accuracy",
    curves: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    start: Mapping[str, object] | None = None,
    live: Train | None = None,
) -> GridPanel:
    """A panel that slides through a recorded grid: a map of it, and the curves of the marked place.

    Each place of the map holds the mean over the seeds that came to a number. Where seeds diverged
    it is hatched and says how many of them did; where nothing was run it says so. Beside it every
    seed of the marked place is a thin line, with a cross where it diverged. Numbers that are all
    from -1 to 1 are taken for shares, and written in per cent.

    Args:
        records: finished runs; a partial sweep will do. ``"steps"`` in a result are the steps at
            which its curves were taken, ``"diverged"`` is the step at which it diverged, or None,
            and ``"clipped"``, if it is there, the share of the steps that were clipped.
        across: a name in the cells whose values are numbers, or None for "without": the columns.
        down: another: the rows, the smallest at the foot.
        choices: further names, of whatever values; each that has several becomes a choice.
        value: what the map shows: a name in the results, or a function of a run (``grids.after``
            makes one) that returns None where there is no number; or several, by what they are
            called, to choose from.
        curves: names of lists in the results, by what they are called.
        names: what names in the cells are called.
        start: levels and choices, by name, to begin with; else the middle and the first.
        live: a function of a cell that trains it and yields points: ``"step"``, and names that
            ``curves`` has. A button then trains the marked cell, with a seed that was not recorded.
            It runs in a thread of its own, yields some times a second, and raises
            ``FloatingPointError`` where it diverges.

    Raises:
        ValueError: there are no runs; a name is none in the cells or results, or occurs twice; a
            level is no number; two runs fall in one place; or a curve is not as long as its steps.

    Note:
        A mean says nothing of the seeds that diverged: read their number with it. And the best
        place of a map is a little too good, because it was chosen for being the best.
    """
    grid = arranged(records, (across, down), choices, value, dict(curves or {}))
    return GridPanel(grid, dict(names or {}), dict(start or {}), live)


class GridPanel(Panel):
    """See ``panel``. ``mark(lr=0.1)``, ``train()`` and ``stop()`` do by code what a hand does."""

    children: Any

    def __init__(
        self,
        grid: Grid,
        names: Mapping[str, str],
        start: Mapping[str, object],
        live: Train | None,
    ) -> None:
        self._grid, self._names = grid, names
        self._turner: int | None = None
        self._error = ""
        self._seed, self._trials = grid.last_seed, defaultdict[object, list[Trial]](list)
        self.choices = {name: choice_menu(names.get(name, name)) for name in grid.choices}
        self.value = choice_menu("map of", list(grid.reads))
        self.across, self.down = (level_slider(names.get(name, name)) for name in grid.axes)
        self._begin(start)
        self.board = Board(grid, names, self.table, self._shown, live=live is not None)
        self.live = Live(live, self._advanced) if live else None
        self._settings = [*self.choices.values(), self.value, self.across, self.down]
        for name, menu in self.choices.items():
            place = grid.choices.index(name)
            several = len({key[place] for key in grid.rows}) > 1
            menu.layout.display = None if several else "none"
        self.value.layout.display = None if len(grid.reads) > 1 else "none"
        super().__init__(self._settings, self.board.picture)
        if self.live:
            self.train_button = ipywidgets.Button(**_PLAY, layout={"width": "170px"})
            self.train_button.on_click(lambda _: self._train_or_stop())
            self.controls = (*self.controls, self.train_button)
            bar, *_ = self.children
            bar.children = (*bar.children[:-1], self.train_button, bar.children[-1])

    # By code and by button

    @property
    def table(self) -> Table:
        """What the map shows."""
        return self._grid.tables[self._shown]

    @property
    def place(self) -> Place:
        """The marked row and column of the table."""
        return self.down.index, self.across.index

    def mark(self, **where: object) -> None:
        """Move the mark to a level of each axis, and choose; by the names in the cells.

        Raises:
            ValueError: a name is none of the panel's, or has no such level.
        """
        controls = self.choices | dict(zip(self._grid.axes, (self.across, self.down), strict=True))
        for name in where:
            one_of("a name to mark by", name, controls)
        for name in controls:  # choices first: they change the levels
            if name in where:
                put(controls[name], name, where[name])

    @property
    def training(self) -> bool:
        """Whether it trains."""
        return self.live is not None and self.live.going

    def train(self) -> None:
        """Train the marked cell in the background, with a seed that was not recorded.

        Raises:
            NotPossible: the panel has no ``live``.
        """
        if self.live is None:
            raise NotPossible("this panel was made without live=, a way to train a cell")
        table, (row, column) = self.table, self.place
        cell = self._grid.cell(self._key, table.across[column], table.down[row], self._seed + 1)
        self._seed += 1
        self._error = ""
        self.train_button.description, self.train_button.icon = "Stop", "stop"
        self._trials[self._key, *self.place].append(self.live.start(cell))
        self._follow()

    def stop(self) -> None:
        """Stop training, at the next point."""
        if self.live:
            self.live.stop()

    def reset(self) -> None:
        """Put every control back to where it was, and forget what was trained."""
        self.stop()
        self._trials.clear()
        self._error = ""
        for control, value in zip(self._settings, self._start, strict=True):
            control.value = value
        self._follow()

    def _train_or_stop(self) -> None:
        if self.training:
            self.stop()
        else:
            self.train()

    def _stop(self) -> None:
        if self.live:
            self.live.player.close()

    def _viewed(self, change: Any) -> None:
        super()._viewed(change)
        if change.old and not change.new:  # its cell was run again, or deleted
            self.stop()

    def _advanced(self, error: Exception | None) -> None:
        """The run in the background came further, or ended."""
        if not self.training:
            self.train_button.description, self.train_button.icon = "Train this one now", "play"
        if error is not None:
            self._error = f" Training stopped. {told(error)}"
        self._follow()

    # What the controls mean

    def show(self) -> str:
        """Look up the marked place."""
        self._choose()
        (name, key), table = self._shown, self.table
        if anew := self.board.shown != (name, key):
            self.board.fill(table, (name, key))
            self._turn(table)
        place = self.place
        trials = self._trials.get((key, *place), [])
        self.board.move(place, table.runs.get(place, ()), trials)
        if anew:
            self.board.picture.redraw()
        said = in_words(self._where(), name, table, place, self._grid.form(name))
        return said + trained(trials, self._grid) + self._error

    def _follow(self) -> None:
        if self._turner != get_ident():  # it is `show` that moves the controls
            super()._follow()

    def _choose(self) -> None:
        """Offer in each menu what was run with the choices before it."""
        key: Key = ()
        for menu in self.choices.values():
            options = self._grid.options(key)
            self._offer(menu, [label(one) for one in options])
            key = (*key, options[menu.index])

    def _turn(self, table: Table) -> None:
        """Give the sliders the table's levels, and leave them where they are, or nearly."""
        for slider, levels in ((self.across, table.across), (self.down, table.down)):
            self._offer(slider, [label(level) for level in levels], nearest(slider.value, levels))

    def _offer(self, control: Any, texts: Sequence[str], place: int = 0) -> None:
        """Let a control offer texts: it stays at its own where it can, else goes to a place."""
        if control.options != tuple(texts):
            place = texts.index(control.value) if control.value in texts else place
            self._turner = get_ident()
            control.options = texts
            control.index = place
            self._turner = None

    def _begin(self, start: Mapping[str, object]) -> None:
        """Put the controls where they start; nobody follows them yet."""
        grid = self._grid
        for name in start:
            one_of("a name in start", name, (*grid.choices, *grid.axes))
        for name, menu in self.choices.items():
            self._choose()
            if name in start:
                put(menu, name, start[name])
        self._choose()
        table = self.table
        levels = dict(zip(grid.axes, (table.across, table.down), strict=True))
        for name, slider in zip(grid.axes, (self.across, self.down), strict=True):
            slider.options = [label(level) for level in levels[name]]
            put(slider, name, start.get(name, levels[name][(len(levels[name]) - 1) // 2]))

    @property
    def _shown(self) -> tuple[str, Key]:
        return self.value.value, self._key

    @property
    def _key(self) -> Key:
        key: Key = ()
        for menu in self.choices.values():
            key = (*key, self._grid.options(key)[menu.index])
        return key

    def _where(self) -> str:
        """The marked place and the choice, in words."""
        controls = [self.across, self.down, *self.choices.values()]
        seen = [one for one in controls if len(one.options) > 1]
        return ", ".join(f"{one.description} {one.value}" for one in seen)


_PLAY: Any = {
    "description": "Train this one now",
    "icon": "play",
    "tooltip": "Train the marked cell here, with a seed of its own",
}
