"""The samples of a batch: how hard and where each gradient pulls, and where the mean goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import AFTER, BEFORE, THRESHOLD, Marker, draw_marker, legible

TOPS = (15, 30, 45, 60, 90, 180)  # degrees at which the axis of an angle may end


@dataclass(frozen=True)
class Samples:
    """The artists of ``draw_samples``."""

    norms: NDArray[np.float64]
    cosines: NDArray[np.float64]
    after: Line2D
    change: LineCollection
    marker: Marker

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.change, self.after, *self.marker.artists

    def move(self, max_norm: float, label: str) -> None:
        """Show the samples clipped to ``max_norm``."""
        clipped = np.minimum(self.norms, max_norm)
        self.after.set_xdata(clipped)
        starts, ends = (np.stack([x, self.cosines], 1) for x in (self.norms, clipped))
        self.change.set_segments(list(np.stack([starts, ends], 1)[self.norms > clipped]))
        self.marker.move(max_norm, label)


def draw_samples(
    axes: Axes, norms: ArrayLike, cosines: ArrayLike, span: tuple[float, float]
) -> Samples:
    """Draw a dot for each sample's gradient; return the artists for the clipped ones.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic.
        norms: (n,) of the samples' gradients; a zero norm has no dot.
        cosines: (n,) of the samples' gradients with their mean; NaN has no dot.
        span: the ends of the horizontal axis.
    """
    x, y = np.asarray(norms, np.float64), np.asarray(cosines, np.float64)
    x = np.where(x > 0, x, np.nan)
    axes.set(xscale="log", xlim=span, ylim=(-1.08, 1.08))
    axes.set(xlabel="norm of a sample's gradient", ylabel="cosine with the mean gradient")
    axes.axhline(0, color="#999999", linewidth=1, zorder=1)
    axes.plot(x, y, "o", color=BEFORE, markersize=6, markerfacecolor="white", label="one sample")
    change = LineCollection([], colors=AFTER, linewidths=0.8, alpha=0.25)
    axes.add_collection(change, autolim=False)
    (after,) = axes.plot(x, y, "o", color=AFTER, markersize=4, alpha=0.8, label="clipped")
    axes.legend(loc="lower left", borderaxespad=0.1)
    legible(axes.xaxis)
    return Samples(x, y, after, change, draw_marker(axes))


@dataclass(frozen=True)
class Bias:
    """The artists of ``draw_bias``."""

    here: Line2D
    marker: Marker

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.marker.artists, self.here

    def move(self, max_norm: float, degrees: float, label: str) -> None:
        """Stress the point of the curve at ``max_norm``; none where ``degrees`` is NaN."""
        self.here.set_data([max_norm], [degrees])
        self.marker.move(max_norm, label)


def draw_bias(axes: Axes, max_norms: ArrayLike, degrees: ArrayLike) -> Bias:
    """Draw the angle between the mean of clipped gradients and the mean gradient, over the bound.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic.
        max_norms: (n,) increasing positive bounds.
        degrees: (n,) angles, 0 to 180; NaN leaves a gap.
    """
    x, y = np.asarray(max_norms, np.float64), np.asarray(degrees, np.float64)
    top = next(end for end in TOPS if end >= np.nanmax(y, initial=0))
    axes.set(xscale="log", xlim=(x[0], x[-1]), ylim=(-0.04 * top, 1.04 * top))
    axes.set(xlabel="C, the bound of each sample", ylabel="degrees from the mean gradient")
    axes.set_yticks(np.linspace(0, top, 7 if top == 180 else 4))
    if top > 90:
        axes.axhspan(90, 1.04 * top, color=THRESHOLD, alpha=0.08, linewidth=0)
        axes.text(0.98, 0.96, "uphill", color=THRESHOLD, ha="right", va="top", fontsize=10,
                  transform=axes.transAxes)  # fmt: skip
    axes.plot(x, y, color=AFTER, label="clip, then average")
    axes.plot(x[[0, -1]], [0, 0], color=BEFORE, linestyle="--", label="average, then clip")
    (here,) = axes.plot(x[:1], [0], "o", color=AFTER, markersize=8, clip_on=False, zorder=5)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.05), borderaxespad=0.1)
    legible(axes.xaxis)
    return Bias(here, draw_marker(axes))
