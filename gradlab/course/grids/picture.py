"""A map with a number in every place and a mark on one, and the curves of the marked place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from gradlab.course.grids.grid import Form, label
from gradlab.course.grids.table import Place, Table, is_share
from gradlab.draw.figure import dress, legend_look, sample
from gradlab.draw.style import AFTER, THRESHOLD, axes_of, legible

Floats = NDArray[np.float64]

# From light to dark in one hue: the order is seen by every kind of colour vision.
_SCALE = LinearSegmentedColormap.from_list("depth", ("#EAF3F9", "#56B4E9", AFTER, "#00304D"))
_UNKNOWN, _LOST, _HATCH = "#FFFFFF", "#E4E4E4", "#8A8A8A"
_CROSS: Any = {"color": "black", "markersize": 8, "markeredgecolor": "white"}
_SEED: Any = {"color": AFTER, "linewidth": 1.0, "alpha": 0.75}
_LIVE: Any = {"color": THRESHOLD, "linewidth": 2.2}


@dataclass
class Map:
    """The artists of ``draw_map``."""

    axes: Axes
    halo: Rectangle
    mark: Rectangle
    drawn: list[Artist] = field(default_factory=list)

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.halo, self.mark

    def move(self, row: int, column: int) -> None:
        """Outline another place."""
        for outline in self.artists:
            outline.set_xy((column - 0.5, row - 0.5))  # type: ignore[attr-defined]

    def fill(
        self, table: Table, names: tuple[str, str, str], form: Form, span: tuple[float, float]
    ) -> None:
        """Show another table; the picture must be redrawn.

        Args:
            table: whose means are shown.
            names: of the columns' levels, the rows' levels, and the number.
            form: how a number is written.
            span: the ends of the scale of colours.
        """
        for artist in self.drawn:
            artist.remove()
        across, down = ([label(x) for x in xs] for xs in (table.across, table.down))
        axes = self.axes
        axes.set(xlim=(-0.5, len(across) - 0.5), ylim=(-0.5, len(down) - 0.5))
        axes.set_xticks(range(len(across)), across)
        axes.set_yticks(range(len(down)), down)
        axes.set(xlabel=names[0], ylabel=names[1])
        axes.set_title(names[2])
        places = [(r, c) for r in range(len(down)) for c in range(len(across))]
        low, high = span
        shade = (table.means - low) / max(high - low, 1e-12)
        lost = table.count("diverged")
        colors = [_color(shade[p], bool(table.runs.get(p))) for p in places]
        cells = PolyCollection(
            [_square(r, c) for r, c in places], facecolors=colors, edgecolors="white", linewidths=2
        )
        strokes = [s for r, c in places if lost[r, c] for s in _strokes(r, c)]
        pale = LineCollection(strokes, colors=_HATCH, linewidths=0.8, linestyles="solid", alpha=0.7)
        self.drawn = [axes.add_collection(cells, autolim=False)]
        self.drawn.append(axes.add_collection(pale, autolim=False))
        for place in places:
            self.drawn += self._words(table, place, form, float(shade[place]))

    def _words(self, table: Table, place: Place, form: Form, shade: float) -> list[Text]:
        """What is written in a place: the number, and below it how many seeds have none."""
        row, column = place
        width = self.axes.get_window_extent().width / len(table.across)
        have, ran = table.numbers(place).size, len(table.runs.get(place, ()))
        lost = int(table.count("diverged")[place])
        if have:
            color = "white" if shade > 0.55 else "black"
            lines = [(form(float(table.means[place])), min(10.0, width / 5))]
            if have < ran:
                few = f"{lost} of {ran} ✕" if lost else f"{have} of {ran} seeds"
                lines.append((few, min(7.5, width / 6)))
        else:
            color = "#555555"
            word = "not run" if not ran else "diverged" if lost == ran else "no number"
            lines = [(word, min(8.0, width / 6.5))]
        heights = (0.14, -0.2) if len(lines) == 2 else (0.0,)
        back: Any = {"facecolor": _color(shade, bool(ran)), "edgecolor": "none", "pad": 0.8}
        look: Any = {"color": color, "ha": "center", "va": "center", "bbox": back}
        return [
            self.axes.text(column, row + up, text, fontsize=size, **look)
            for (text, size), up in zip(lines, heights, strict=True)
        ]


def draw_map(axes: Axes) -> Map:
    """Draw an empty map; ``fill`` it, then ``move`` its mark."""
    axes.grid(False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    look: Any = {"fill": False, "joinstyle": "miter", "linestyle": "solid", "clip_on": False}
    halo, mark = (
        Rectangle((0, 0), 1, 1, edgecolor=color, linewidth=width, zorder=z, **look)
        for color, width, z in (("white", 6, 5), (THRESHOLD, 3, 6))
    )
    for outline in (halo, mark):
        axes.add_patch(outline)
    return Map(axes, halo, mark)


class Curve(NamedTuple):
    """One run on its way.

    Args:
        steps: (n,), ascending.
        values: (n,).
        diverged: at which step; None: it did not, NaN: nobody knows at which.
    """

    steps: ArrayLike
    values: ArrayLike
    diverged: float | None = None


@dataclass
class Curves:
    """The artists of ``draw_curves``: all recorded seeds, what trains now, and where some ended.

    Its axes have a ``scale``, once there is room for something.
    """

    seeds: Line2D
    live: Line2D
    crosses: Line2D
    scale: str = ""

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.seeds, self.live, self.crosses

    def span(self, what: str, steps: float, values: Iterable[float]) -> None:
        """Make room for steps and values, per cent or on a log scale; the picture is to be redrawn.

        A log scale ends where nearly all values do; ``move`` puts the others on its edge.

        Args:
            what: the name of the quantity.
            steps: the last one.
            values: all that may be shown.
        """
        axes = axes_of(self.seeds)
        axes.set(xlim=(0, max(steps, 1)), ylabel=what)
        seen = np.array([value for value in values if np.isfinite(value)])
        share, positive = is_share(seen), seen.size and (seen > 0).all()
        scale = "share" if share else "log" if positive else "linear"
        if scale != self.scale:  # to dress axes takes longer than all else here
            self.scale = scale
            axes.set_yscale("log" if scale == "log" else "linear")
            dress(axes)
        if share:
            axes.set_ylim(0, 1.02)
            axes.set_yticks(np.linspace(0, 1, 6), [f"{y:.0%}" for y in np.linspace(0, 1, 6)])
        elif positive:
            low, high = np.quantile(seen, (0.02, 0.9))  # one explosion would flatten all others
            axes.set_ylim(low / 1.5, min(3 * high, 1.3 * seen.max()))
            legible(axes.yaxis)
        elif seen.size:
            room = 0.05 * float(np.ptp(seen)) or 1.0
            axes.set_ylim(seen.min() - room, seen.max() + room)

    def move(self, recorded: Sequence[Curve], live: Sequence[Curve] = ()) -> None:
        """Show other runs; what is beyond the axis is on its edge."""
        self.seeds.set_data(*self._path(recorded))
        self.live.set_data(*self._path(live))
        ends = [self._cross(curve) for curve in (*recorded, *live) if curve.diverged is not None]
        self.crosses.set_data([x for x, _ in ends], [y for _, y in ends])

    def _path(self, curves: Sequence[Curve]) -> tuple[Floats, Floats]:
        steps, heights = [np.empty(0)], [np.empty(0)]
        for curve in curves:
            steps += [np.asarray(curve.steps, float), np.full(1, np.nan)]
            heights += [self._within(curve.values), np.full(1, np.nan)]  # NaN parts the lines
        return np.concatenate(steps), np.concatenate(heights)

    def _within(self, values: ArrayLike) -> Floats:
        seen = np.nan_to_num(np.asarray(values, float), nan=np.inf)
        found: Floats = np.clip(seen, *axes_of(self.seeds).get_ylim())
        return found

    def _cross(self, curve: Curve) -> tuple[float, float]:
        """At the step that diverged, as high as the last point before; without one, at the foot."""
        heights, axes = self._within(curve.values), axes_of(self.seeds)
        x = nan if curve.diverged is None else float(curve.diverged)
        if not isfinite(x):
            x = float(np.asarray(curve.steps, float)[-1]) if heights.size else 0.0
        y = float(heights[-1]) if heights.size else axes.get_ylim()[0]
        return min(x, axes.get_xlim()[1]), y


def draw_curves(axes: Axes) -> Curves:
    """Draw no curve; ``span`` its axes, then ``move`` it."""
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    (seeds,) = axes.plot([], [], **_SEED)
    (live,) = axes.plot([], [], zorder=4, **_LIVE)
    (crosses,) = axes.plot([], [], "X", clip_on=False, zorder=5, **_CROSS)
    for artist in (seeds, live, crosses):
        artist.set_in_layout(False)
    return Curves(seeds, live, crosses)


def draw_key(figure: Figure, *, live: bool) -> None:
    """Say above the picture what its lines and signs mean."""
    outline: Any = {"linestyle": "none", "marker": "s", "markerfacecolor": "none"}
    handles = [
        sample("marked", THRESHOLD, markersize=10, markeredgewidth=2.5, **outline),
        sample("one seed", **_SEED),
        sample("diverged", linestyle="none", marker="X", **_CROSS),
    ]
    if live:
        handles.insert(2, sample("trained now", **_LIVE))
    figure.legend(handles=handles, loc="outside upper right", ncols=4, **legend_look())


def _color(shade: float, ran: bool) -> Any:
    if np.isfinite(shade):
        return _SCALE(float(np.clip(shade, 0, 1)))
    return _LOST if ran else _UNKNOWN


def _square(row: int, column: int) -> Floats:
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    square: Floats = corners + np.array([column, row], float)
    return square


def _strokes(row: int, column: int) -> list[Floats]:
    """Diagonal strokes through a place: it is hatched, whatever the style says of hatches."""
    strokes = []
    for shift in np.arange(-0.75, 1, 0.25):  # of the line y = x + shift in the unit square
        ends = [(max(0, -shift), max(0, shift)), (min(1, 1 - shift), min(1, 1 + shift))]
        strokes.append(np.add(ends, (column - 0.5, row - 0.5)))
    return strokes
