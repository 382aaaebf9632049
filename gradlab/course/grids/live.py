"""One run that is trained now, in the background, a point of its curves at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gradlab.panels.background import Player

Cell = dict[str, Any]
Point = Mapping[str, float]
Train = Callable[[Cell], Iterable[Point]]

REPAINTS = 10.0  # in a second, while it trains


@dataclass(eq=False)
class Trial:
    """A run before the reader's eyes.

    Args:
        cell: what is run.
        points: so far; each holds its ``"step"`` and what was measured there.
        state: how it stands.
    """

    cell: Cell
    points: list[Point] = field(default_factory=list)
    state: Literal["training", "done", "stopped", "diverged", "failed"] = "training"

    @property
    def step(self) -> float:
        """The last one that is known."""
        return self.points[-1]["step"] if self.points else 0

    def curve(self, name: str) -> tuple[list[float], list[float]]:
        """Steps and values of one of the things that were measured."""
        known = [point for point in self.points if name in point]
        return [point["step"] for point in known], [point[name] for point in known]


class Live:
    """Trains one cell after another, each when it is told to, and shows how far it is.

    Args:
        train: of a cell; yields points. ``FloatingPointError`` says that it diverged.
        show: called after a point where it is time for that, and at the end; an error ended it.
    """

    def __init__(self, train: Train, show: Callable[[Exception | None], None]) -> None:
        self._train, self._show = train, show
        self._points: Iterable[Point] = ()
        self._next_paint = 0.0
        self.trial: Trial | None = None
        self.player = Player(self)

    @property
    def going(self) -> bool:
        """Whether it trains."""
        return self.player.going

    def start(self, cell: Cell) -> Trial:
        """Train a cell, and no other any more."""
        self.stop()
        self.trial = trial = Trial(cell)
        self._points = iter(self._train(dict(cell)))
        self._next_paint = 0.0
        self.player.start()
        return trial

    def stop(self) -> None:
        """Train no further than to the point that is being reached."""
        self.player.stop()

    def turn(self) -> float | None:
        """Train up to the next point."""
        assert self.trial is not None
        try:
            point = next(iter(self._points), None)
        except FloatingPointError:
            self.trial.state = "diverged"
            return None
        if point is None:
            self.trial.state = "done"
            return None
        self.trial.points.append(point)
        if (now := time.monotonic()) >= self._next_paint:
            self._next_paint = now + 1 / REPAINTS
            self._show(None)
        return 0.0

    def rest(self, error: Exception | None) -> None:
        """Say how it ended, and let go of what trained."""
        assert self.trial is not None
        if self.trial.state == "training":
            self.trial.state = "stopped" if error is None else "failed"
        if isinstance(self._points, Generator):
            self._points.close()
        self._points = ()
        self._show(error)
