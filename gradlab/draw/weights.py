"""Which weights go: each layer's share, all scores, and one layer with its holes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import (
    AFTER,
    BEFORE,
    THRESHOLD,
    Marker,
    abbreviated,
    decades,
    draw_marker,
)


@dataclass(frozen=True)
class Shares:
    """The artists of ``draw_shares``: a bar for each layer, and a cross where none is left."""

    bars: tuple[Rectangle, ...]
    gone: Line2D
    whole: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.bars, self.whole, self.gone

    def move(self, sparsity: ArrayLike, whole: float) -> None:
        """Show another sparsity of each layer, shape (n,) in [0, 1], and of all together."""
        values = np.asarray(sparsity, np.float64)
        for bar, value in zip(self.bars, values.tolist(), strict=True):
            bar.set_width(value)
        rows = np.flatnonzero(values == 1)
        self.gone.set_data(np.ones(len(rows)), rows)
        self.whole.set_xdata([whole, whole])


def draw_shares(axes: Axes, names: Sequence[str], sizes: Sequence[int]) -> Shares:
    """Draw an empty bar for each layer, for the share of its weights that is zero.

    Args:
        axes: empty axes; the first name is on top.
        names: n names.
        sizes: n numbers of weights, said beside the names.
    """
    rows = range(len(names))
    said = [f"{abbreviated(name)}\n{size:,}" for name, size in zip(names, sizes, strict=True)]
    axes.set(xlim=(0, 1.03), ylim=(len(names) - 0.4, -0.6), xlabel="share that is zero")
    axes.set_title("Layer by layer")
    axes.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.set_yticks(rows, said, fontsize=8)
    axes.barh(rows, 1.0, color="#F0F0F0", height=0.62)
    bars = axes.barh(rows, 0.0, color=AFTER, height=0.62)
    whole = axes.axvline(0, color=THRESHOLD, linewidth=1.6)
    (gone,) = axes.plot([1.0], [0], "X", color="black", markersize=9, clip_on=False, zorder=5)
    return Shares(tuple(bars), gone, whole)


@dataclass(frozen=True)
class Scores:
    """The artists of ``draw_scores``: how many weights have which score, and which of them go."""

    going: StepPatch
    staying: StepPatch
    marker: Marker

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.staying, self.going, *self.marker.artists

    def move(self, going: ArrayLike, counts: ArrayLike) -> None:
        """Show how many weights of each bar go, and how many there are, shapes (n,)."""
        self.staying.set_data(np.asarray(counts))
        self.going.set_data(np.asarray(going))


def draw_scores(axes: Axes, edges: ArrayLike, most: float) -> Scores:
    """Draw an empty histogram of scores; return the artists to fill and move.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic.
        edges: (n + 1,) increasing positive scores, relative to the largest.
        most: the upper end of the vertical axis.
    """
    edges = np.asarray(edges)
    nothing = np.zeros(len(edges) - 1)
    axes.set(xscale="log", xlim=(edges[0], edges[-1]), ylim=(0, most))
    axes.set(xlabel="score / largest score", ylabel="weights in each bar")
    staying = axes.stairs(nothing, edges, fill=True, color=AFTER, label="stay")
    going = axes.stairs(nothing, edges, fill=True, color=BEFORE, label="go")
    axes.plot([], [], color=THRESHOLD, linewidth=1.6, label="threshold")
    axes.legend(loc="upper left", bbox_to_anchor=(0.05, 1), borderaxespad=0.1)
    decades(axes)
    marker = draw_marker(axes)
    axes.set_title("Weights by score")
    return Scores(going, staying, marker)


@dataclass(frozen=True)
class Holes:
    """The artist of ``draw_holes``."""

    image: AxesImage

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return (self.image,)

    def move(self, weights: NDArray[np.float64]) -> None:
        """Show other weights, shape (rows, columns); NaN is a hole, inf the space between."""
        between = 2 * self.image.get_clim()[1]
        self.image.set_data(np.ma.masked_invalid(np.where(np.isinf(weights), between, weights)))


def draw_holes(axes: Axes, weights: NDArray[np.float64], title: str) -> Holes:
    """Draw weights as a picture: purple below zero, orange above, black where there is a hole.

    Args:
        axes: empty axes.
        weights: (rows, columns); the colours reach to the largest finite magnitude.
        title: what is shown.
    """
    most = float(np.abs(weights[np.isfinite(weights)]).max()) or 1.0
    colors = mpl.colormaps["PuOr_r"].with_extremes(bad="black", over="white")
    image = axes.imshow(
        np.zeros_like(weights), colors, vmin=-most, vmax=most, interpolation="nearest"
    )
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(title)
    return Holes(image)
