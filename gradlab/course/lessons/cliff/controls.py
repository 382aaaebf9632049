"""The cliff panel: what does one step off the cliff look like, and what does clipping change?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from math import inf

import ipywidgets
import numpy as np

from gradlab.arguments import whole, within
from gradlab.course.lessons.cliff.picture import (
    draw_fall,
    draw_path,
    draw_profile,
    draw_relief,
    draw_surface,
    seen,
)
from gradlab.course.lessons.cliff.surface import (
    Descent,
    Floats,
    descend,
    last_seen,
    profile,
    surface,
)
from gradlab.draw.style import AFTER, THRESHOLD, draw_legend
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, counted, number

WINDOW = np.array([[3.5, -3.2], [6.0, -0.7]])  # lower and upper corner: (w, b)
STARTS = {"on the wall": (4.3, -2.18), "on the slope": (4.6, -1.8), "on the plain": (5.7, -1.1)}
STEPS = 50
# Whole tenths of a decade, written as a reader would: 0.01, 0.0126, 0.0158 ... 100
_SETTINGS = tuple(float(f"{10 ** (tenth / 10):.3g}") for tenth in range(-20, 21))
_FAR = np.linspace(-0.4, 1.4, 361)
_HIGHEST = 0.5
_CUT_WINDOW = np.array([[_FAR[0], 0.0], [_FAR[-1], _HIGHEST]])

Walks = tuple[Descent, Floats]  # from one start: all paths, and the cut along the first step


def panel(
    starts: Mapping[str, tuple[float, float]] = STARTS,
    *,
    learning_rate: float = 1.0,
    max_norm: float = 0.1,
    steps: int = 1,
) -> Cliff:
    """A panel that walks down the loss of a one-unit RNN, with and without clipping by norm.

    Above the loss over the network's two parameters, as a map and as a landscape; below a cut along
    the first step, and the loss after every step. All paths of all settings are walked by autograd,
    in one batch, when a start is first chosen (about half a second); a slider then only looks them
    up.

    Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural
    networks", section 2.3 and figure 6; clipping is their Algorithm 1.

    Args:
        starts: names and points (w, b) to start from, w in [3.5, 6] and b in [-3.2, -0.7].
        learning_rate: at first, 0.01 to 100; the nearest tenth of a decade is taken.
        max_norm: the bound of the clipped path's gradients at first, likewise 0.01 to 100.
        steps: of gradient descent at first, 1 to 50.

    Raises:
        ValueError: no start, a start outside of the picture, or a setting out of its range.

    Note:
        On the wall the smallest rounding decides where the path goes next, so that after some steps
        two machines may disagree about a path. The first steps are the same everywhere.
    """
    if not starts:
        raise ValueError("starts must name a point (w, b) or more, got none")
    for name, point in starts.items():
        if np.shape(point) != (2,) or not ((WINDOW[0] <= point) & (point <= WINDOW[1])).all():
            raise ValueError(
                f"starts must lie in w 3.5 to 6 and b -3.2 to -0.7, got {name!r}: {point!r}"
            )
    for what, value in (("learning_rate", learning_rate), ("max_norm", max_norm)):
        within(what, value, _SETTINGS[0], _SETTINGS[-1])
    whole("steps", steps, 1, STEPS)
    return Cliff(dict(starts), learning_rate, max_norm, steps)


class Cliff(Panel):
    """See ``panel``."""

    def __init__(
        self,
        starts: dict[str, tuple[float, float]],
        learning_rate: float,
        max_norm: float,
        steps: int,
    ) -> None:
        self._starts = {name: (float(w), float(b)) for name, (w, b) in starts.items()}
        self.start = ipywidgets.Dropdown(options=list(starts), description="start")
        self.learning_rate = _settings("learning rate", learning_rate)
        self.max_norm = _settings("max_norm", max_norm)
        self.steps = ipywidgets.IntSlider(steps, 1, STEPS, description="steps", **_WIDE)
        controls = [self.max_norm, self.learning_rate, self.steps, self.start]
        super().__init__(controls, self._picture())

    def _picture(self) -> LivePicture:
        figure, (map_, side, cut, fall) = subplots(9.6, 7.2, nrows=2, ncols=2, height_ratios=(4, 3))
        w, b, heights = _landscape()
        self.mark = draw_surface(map_, w, b, heights)
        rows = slice(None, None, 8)
        self.mark_aside = draw_relief(side, w, b[rows], heights[rows])
        self._frame = np.transpose([side.get_xlim(), side.get_ylim()])
        self.cut = draw_profile(cut, _FAR, _HIGHEST)
        draw_fall(fall, STEPS, _HIGHEST)
        looks = (("no clipping", THRESHOLD), ("clipped", AFTER))
        self.paths = [draw_path(map_, *look) for look in looks]
        self.aside = [draw_path(side, *look) for look in looks]
        self.landings = [draw_path(cut, *look) for look in looks]
        self.falls = [draw_path(fall, *look) for look in looks]
        draw_legend(map_, "lower left")
        paths = [*self.paths, *self.aside, *self.landings, *self.falls]
        artists = [artist for path in paths for artist in path.artists]
        return LivePicture(figure, [self.mark, self.mark_aside, *self.cut.artists, *artists])

    def show(self) -> str:
        """Look up the two paths of these settings."""
        walks, ground = _walk(self._starts[self.start.value])
        w, b = walks.points[0, 0, 0]
        loss, norm = float(walks.losses[0, 0, 0]), float(walks.norms[0, 0, 0])
        self.mark.set_data([w], [b])
        self.mark_aside.set_data(*seen([w], [b], [loss]))
        self.cut.move(ground, loss - norm * _FAR)

        rate, bound, steps = self.learning_rate.value, self.max_norm.value, self.steps.value
        row, column = _SETTINGS.index(rate), _SETTINGS.index(bound)
        shown = slice(steps + 1), row, np.array([-1, column])
        points, losses = walks.points[shown], walks.losses[shown]
        said = [self._move(path, points[:, path], losses[:, path]) for path in (0, 1)]
        fired = int((walks.norms[:steps, row, column] > bound).sum())
        clipped = (
            f"Clipped to max_norm = {bound:g}, in {fired} of them: {said[1]}."
            if fired
            else f"No gradient is longer than max_norm = {bound:g}: clipping changes nothing."
        )
        return (
            f"Start at w = {number(w)}, b = {number(b)}: loss {number(loss)}, gradient norm "
            f"{number(norm)}. {counted(steps, 'step')} at learning rate {rate:g}. "
            f"Without clipping: {said[0]}. {clipped}"
        )

    def _move(self, path: int, points: Floats, losses: Floats) -> str:
        """Move one path in all four pictures; say where it ends."""
        end, there = last_seen(points, WINDOW)
        far = float(np.linalg.norm(points[-1] - points[0]))
        away = None if there else far
        self.paths[path].move(points[:, 0], points[:, 1], end, away=away)
        x, y = seen(points[:, 0], points[:, 1], losses)
        stop, here = last_seen(np.stack([x, y], -1), self._frame)
        self.aside[path].move(x, y, stop, away=None if here else far)
        first = float(np.linalg.norm(points[1] - points[0]))
        landing, near = last_seen([(0, losses[0]), (first, losses[1])], _CUT_WINDOW)
        self.landings[path].move([0, first], losses[:2], landing, away=None if near else first)
        steps = np.arange(len(losses))
        self.falls[path].move(steps, losses, (steps[-1], losses[-1]))
        w, b = points[-1]
        out = "" if there else "out of the picture, "
        place = f"{out}at w = {number(w)}, b = {number(b)}"
        return f"{place}, {number(far)} from the start, loss {number(losses[-1])}"


@cache
def _landscape() -> tuple[Floats, Floats, Floats]:
    """The grid's w and b, and the loss over it."""
    w, b = np.linspace(WINDOW[0], WINDOW[1], 321).T
    return w, b, surface(w, b)


@lru_cache(maxsize=8)
def _walk(start: tuple[float, float]) -> Walks:
    """All paths from a start, walked when it is first chosen."""
    rates, bounds = np.array(_SETTINGS)[:, None], np.array([*_SETTINGS, inf])
    return descend(start, rates, bounds, STEPS), profile(start, _FAR)


_WIDE = {"layout": {"width": "420px"}, "style": {"description_width": "100px"}}


def _settings(name: str, start: float) -> ipywidgets.SelectionSlider:
    nearest = min(_SETTINGS, key=lambda value: abs(np.log(value / start)))
    options = [(f"{value:.3g}", value) for value in _SETTINGS]
    return ipywidgets.SelectionSlider(options=options, value=nearest, description=name, **_WIDE)
