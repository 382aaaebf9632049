"""A run with a throttle: its curve so far, its other futures, and the settings that it goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.figure import legend_look, sample
from gradlab.draw.style import AFTER, BEFORE, THRESHOLD, decades


class Future(NamedTuple):
    """What became of a run from one of its steps on.

    Args:
        start: the step that ``values`` begin at, from 1.
        values: (n,), one for each step.
        diverged: whether the last one is where it ended.
    """

    start: int
    values: ArrayLike
    diverged: bool


@dataclass(frozen=True)
class Futures:
    """The artists of ``draw_futures``: this run, its newest step, and its other futures."""

    line: Line2D
    now: Line2D
    others: Line2D
    crosses: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.others, self.line, self.crosses, self.now

    def move(self, values: ArrayLike, others: Sequence[Future], *, diverged: bool = False) -> None:
        """Show ``values`` of the steps 1 to n, and other futures; a cross where one diverged."""
        run = Future(1, values, diverged)
        self.line.set_data(*self._path([run]))
        self.others.set_data(*self._path(others))
        steps, heights = self._path([run])
        last = slice(-2, -1)  # the path ends with a gap
        self.now.set_data(steps[last], heights[last])
        ends = [self._path([other]) for other in (*others, run) if other.diverged]
        self.crosses.set_data(*([x for end in ends for x in end[k][last]] for k in (0, 1)))

    def _path(self, futures: Sequence[Future]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """One line through all, with a gap after each; what is beyond the axis is on its edge."""
        axes = self.line.axes
        assert axes is not None
        steps, heights = [np.empty(0)], [np.empty(0)]
        for future in futures:
            seen = np.nan_to_num(np.asarray(future.values, np.float64), nan=np.inf)
            steps += [future.start + np.arange(len(seen), dtype=float), np.full(1, np.nan)]
            heights += [np.clip(seen, *axes.get_ylim()), np.full(1, np.nan)]
        return np.concatenate(steps), np.concatenate(heights)


def draw_futures(axes: Axes, what: str, *, held: bool = False) -> Futures:
    """Draw an empty curve over steps; return the artists to move.

    Args:
        axes: empty axes; the vertical one becomes logarithmic.
        what: the name of the quantity.
        held: whether it keeps its value between two steps, as a setting does.
    """
    axes.set(yscale="log", ylabel=what)
    how = "steps-pre" if held else "default"
    (others,) = axes.plot([], [], color=BEFORE, linewidth=1.3, drawstyle=how)
    (line,) = axes.plot([], [], color=AFTER, linewidth=1.6, drawstyle=how)
    (now,) = axes.plot([], [], "o", color=AFTER, markersize=6, clip_on=False, zorder=5)
    (crosses,) = axes.plot([], [], "X", clip_on=False, zorder=6, **_CROSS)
    for artist in (now, crosses):
        artist.set_in_layout(False)  # without data they would stand in the figure's corner
    return Futures(line, now, others, crosses)


_CROSS: Any = {"color": "black", "markersize": 10, "markeredgecolor": "white"}
_DASHES = (0, (4, 2))
_CLIPPED: Any = {"color": THRESHOLD, "markersize": 3.5}


@dataclass(frozen=True)
class Setting:
    """The artists of ``draw_setting``: a level from the present step on, and its name."""

    line: Line2D
    label: Annotation

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.line, self.label

    def move(self, step: int, value: float | None, label: str = "") -> None:
        """Go on from ``step`` at ``value``, or at the edge it is beyond; None: be hidden."""
        for artist in self.artists:
            artist.set_visible(value is not None)
        if value is None:
            return
        axes = self.line.axes
        assert axes is not None
        low, high = axes.get_ylim()
        height = min(max(value, low), high)
        self.line.set_data([step, axes.get_xlim()[1]], [height, height])
        self.label.set_text(label)
        self.label.xy = (0.99, height)
        upper = np.log(height / low) > 0.8 * np.log(high / low)
        self.label.set_position((0, -4 if upper else 4))
        self.label.set_verticalalignment("top" if upper else "bottom")


def draw_setting(axes: Axes, color: str) -> Setting:
    """Draw a dashed level, hidden until it is moved: what the next step will go by."""
    (line,) = axes.plot([], [], color=color, linewidth=1.6, linestyle=_DASHES, visible=False)
    label = axes.annotate(
        "",
        (0.99, 1),
        (0, 4),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        color=color,
        ha="right",
        visible=False,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0},
        zorder=7,
    )
    label.set_in_layout(False)  # where it starts is beyond the axes
    return Setting(line, label)


@dataclass(frozen=True)
class Clipping:
    """The artists of ``draw_clipping``: the bound of each step, and the steps that it cut."""

    bound: Line2D
    cut: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.bound, self.cut

    def move(self, bounds: ArrayLike, norms: ArrayLike, fired: ArrayLike) -> None:
        """Show other steps, from 1 on, shapes (n,); where the bound is NaN there is none."""
        axes = self.cut.axes
        assert axes is not None
        steps, cut = 1 + np.arange(np.size(norms)), np.asarray(fired, bool)
        self.bound.set_data(steps, np.clip(bounds, *axes.get_ylim()))
        self.cut.set_data(steps[cut], np.clip(np.asarray(norms)[cut], *axes.get_ylim()))


def draw_clipping(axes: Axes) -> Clipping:
    """Draw, over a curve of norms, an empty line of bounds and no clipped step."""
    (bound,) = axes.plot([], [], color=THRESHOLD, linewidth=1.2, drawstyle="steps-pre")
    (cut,) = axes.plot([], [], "o", zorder=4, **_CLIPPED)
    return Clipping(bound, cut)


def draw_steering_key(figure: Figure) -> None:
    """Say above the picture what its lines and signs mean."""
    figure.legend(
        handles=[
            sample("this run", AFTER, linewidth=1.6),
            sample("other futures", BEFORE, linewidth=1.3),
            sample("set for the next step", "#444444", linestyle=_DASHES),
            sample("clipped step", linestyle="none", marker="o", **_CLIPPED),
            sample("diverged", linestyle="none", marker="X", **_CROSS),
        ],
        loc="outside upper left",
        ncols=5,
        **legend_look(),
    )


def draw_span(axes: Axes, steps: int, limits: tuple[float, float]) -> bool:
    """Make room for ``steps`` steps and for values within ``limits``; whether that was a change."""
    wanted = (0.0, float(steps)), limits
    if (axes.get_xlim(), axes.get_ylim()) == wanted:
        return False
    axes.set(xlim=wanted[0], ylim=wanted[1])
    decades(axes)
    return True
