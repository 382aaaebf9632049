"""A gradient's magnitudes and norms, before and after clipping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import AFTER, BEFORE, Marker, abbreviated, decades, draw_marker


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


def draw_magnitudes(
    axes: Axes,
    edges: ArrayLike,
    smallest_share: float,
    what: str,
    names: tuple[str, str] = ("before", "after clipping"),
) -> Magnitudes:
    """Draw an empty histogram of magnitudes; return the artists to fill and move.

    Args:
        axes: empty axes; become logarithmic both ways.
        edges: (n + 1,) increasing positive magnitudes.
        smallest_share: where the vertical axis ends; half of it is the floor of the bars.
        what: the name of the quantity on the horizontal axis.
        names: what the legend calls the two histograms.
    """
    edges = np.asarray(edges)
    floor = smallest_share / 2
    nothing = np.zeros(len(edges) - 1)
    axes.set(xscale="log", yscale="log", xlim=(edges[0], edges[-1]), ylim=(floor, 1.6))
    axes.set(xlabel=what, ylabel="share of the elements in each bar")
    before = axes.stairs(
        nothing, edges, baseline=floor, fill=True, color=BEFORE, alpha=0.5, label=names[0]
    )
    after = axes.stairs(nothing, edges, baseline=floor, color=AFTER, linewidth=1.8, label=names[1])
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
    axes.set_yticks(rows[::every], [abbreviated(name) for name in names[::every]], fontsize=8)
    band = axes.axhspan(-0.5, 0.5, color=AFTER, alpha=0.08, linewidth=0)
    axes.plot(norms, rows, "o", color=BEFORE, markersize=7, markerfacecolor="white")
    change = LineCollection([], colors=AFTER, linewidths=1.2, alpha=0.5)
    axes.add_collection(change, autolim=False)
    (after,) = axes.plot(norms, rows, "o", color=AFTER, markersize=5)
    decades(axes)
    return Norms(norms, after, change, band, draw_marker(axes))
