"""Pictures from plain data: artists on given axes, nothing computed, nothing opened.

Every ``draw_*`` function takes axes and numbers and returns the artists that a panel may move
afterwards. One style sheet and one set of colours, safe for the colour-blind, serve all pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import _GeneratorContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

# Okabe & Ito 2008, "Color Universal Design": told apart by all common kinds of colour vision.
BEFORE = "#9A9A9A"
AFTER = "#0072B2"
THRESHOLD = "#D55E00"
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

_STYLE: Any = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=CYCLE),
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2,
}


def style() -> _GeneratorContextManager[None]:
    """The course's style sheet: ``with draw.style():`` around artists, or ``@draw.style()``."""
    return mpl.rc_context(_STYLE)


@dataclass(frozen=True)
class Marker:
    """A vertical line with a label: the threshold on the axis that it belongs to."""

    line: Line2D
    label: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.line, self.label

    def move(self, x: float | None, label: str = "") -> None:
        """Go to ``x`` and say ``label`` beside it; None: be hidden."""
        for artist in self.artists:
            artist.set_visible(x is not None)
        if x is None:
            return
        self.line.set_xdata([x, x])
        self.label.set_text(f" {label} ")
        self.label.set_x(x)
        axes = self.line.axes
        assert axes is not None
        across = (axes.transData + axes.transAxes.inverted()).transform((x, 1))[0]
        self.label.set_horizontalalignment("right" if across > 0.5 else "left")


@style()
def draw_marker(axes: Axes) -> Marker:
    """Draw the line of a threshold, hidden until it is moved; its label is above the axes."""
    axes.set_title(" ")  # room for the label
    line = axes.axvline(axes.get_xlim()[1], color=THRESHOLD, linewidth=1.6, visible=False)
    place = axes.get_xaxis_transform()
    label = axes.text(
        1, 1.01, "", color=THRESHOLD, fontsize=10, va="bottom", transform=place, visible=False
    )
    return Marker(line, label)


@dataclass(frozen=True)
class Magnitudes:
    """The artists of ``draw_magnitudes``."""

    before: StepPatch
    after: StepPatch
    marker: Marker

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.before, self.after, *self.marker.artists

    def move(self, before: ArrayLike, after: ArrayLike) -> None:
        """Show other shares before and after clipping, shapes (n,)."""
        self.before.set_data(np.asarray(before))
        self.after.set_data(np.asarray(after))


@style()
def draw_magnitudes(axes: Axes, edges: ArrayLike, smallest_share: float, what: str) -> Magnitudes:
    """Draw an empty histogram of magnitudes; return the artists to fill and move.

    Args:
        axes: empty axes; become logarithmic both ways.
        edges: (n + 1,) increasing positive magnitudes.
        smallest_share: where the vertical axis ends; half of it is the floor of the bars.
        what: the name of the quantity on the horizontal axis.
    """
    edges = np.asarray(edges)
    floor = smallest_share / 2
    nothing = np.zeros(len(edges) - 1)
    axes.set(xscale="log", yscale="log", xlim=(edges[0], edges[-1]), ylim=(floor, 1.6))
    axes.set(xlabel=what, ylabel="share of the elements in each bar")
    before = axes.stairs(
        nothing, edges, baseline=floor, fill=True, color=BEFORE, alpha=0.5, label="before"
    )
    after = axes.stairs(
        nothing, edges, baseline=floor, color=AFTER, linewidth=1.8, label="after clipping"
    )
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1), borderaxespad=0.1)
    decades(axes)
    return Magnitudes(before, after, draw_marker(axes))


@dataclass(frozen=True)
class Norms:
    """The artists of ``draw_norms``."""

    before: NDArray[np.float64]
    after: Line2D
    change: LineCollection
    band: Rectangle
    marker: Marker

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.band, self.change, self.after, *self.marker.artists

    def move(self, after: ArrayLike, row: int) -> None:
        """Show other norms after clipping, shape (n,), and stress one row."""
        self.band.set_y(row - 0.5)
        values = np.asarray(after, np.float64)
        rows = np.arange(len(values))
        self.after.set_xdata(values)
        ends = np.stack([np.stack([self.before, rows], 1), np.stack([values, rows], 1)], 1)
        self.change.set_segments(list(ends))


@style()
def draw_norms(axes: Axes, names: Sequence[str], before: ArrayLike, lowest: float) -> Norms:
    """Draw one dot for each norm before clipping; return the artists for the norms after.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic, the first name is on top.
        names: n names.
        before: (n,) norms, in the unit of the gradient; a zero norm has no dot.
        lowest: the left end of the axis, positive.
    """
    norms = np.asarray(before, np.float64)
    rows = np.arange(len(norms))
    axes.set(xscale="log", xlim=(lowest, 3 * norms.max()), ylim=(len(norms) - 0.4, -0.6))
    axes.set(xlabel="norm of the gradient")
    every = -(-len(names) // 24)  # more names are not legible at this height
    axes.set_yticks(rows[::every], [shorten(name) for name in names[::every]], fontsize=8)
    band = axes.axhspan(-0.5, 0.5, color=AFTER, alpha=0.08, linewidth=0)
    axes.plot(norms, rows, "o", color=BEFORE, markersize=7, markerfacecolor="white")
    change = LineCollection([], colors=AFTER, linewidths=1.2, alpha=0.5)
    axes.add_collection(change, autolim=False)
    (after,) = axes.plot(norms, rows, "o", color=AFTER, markersize=5)
    decades(axes)
    return Norms(norms, after, change, band, draw_marker(axes))


def shorten(name: str, width: int = 22) -> str:
    """The name, with its middle left out where it is longer than ``width`` characters."""
    if len(name) <= width:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"


def decades(axes: Axes) -> None:
    """Ticks at powers of ten on logarithmic axes, few enough to be read."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_locator(LogLocator(numticks=8))
            axis.set_minor_formatter(NullFormatter())
            axis.set_minor_locator(LogLocator(subs=[], numticks=8))
