"""What pruning leaves: accuracy over sparsity, each layer's share, scores, weights with holes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import (
    AFTER,
    BEFORE,
    CYCLE,
    THRESHOLD,
    Marker,
    decades,
    draw_marker,
    shorten,
    style,
)

LEAST_LEFT = 0.008
"""Where the axis of sparsity ends: 99.2 % of the weights are gone."""

_TICKS = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
_COLORS = (*(color for color in CYCLE if color != THRESHOLD), BEFORE)  # THRESHOLD marks amounts
_LINES = ("o-", "s-", "^-", "D-", "v-", "X-", "P-")


@style()
def draw_sparsity_axis(axes: Axes, what: str, chance: float | None = None) -> Marker:
    """Make empty axes ready for accuracies over sparsity; return the marker of an amount.

    The axis is logarithmic in the weights that are left, so that 90, 99 % are as far apart as 0 and
    90. Artists on it are placed by ``on_sparsity_axis``.

    Args:
        axes: empty axes.
        what: is measured, a fraction; the vertical axis shows it in per cent.
        chance: the accuracy of guessing; None: not drawn.
    """
    axes.set(xscale="log", xlim=(1.12, LEAST_LEFT), ylim=(0, 1.02))
    axes.set(xlabel="sparsity: share of weights that are zero", ylabel=what)
    axes.set_xticks([on_sparsity_axis(amount) for amount in _TICKS], [f"{a:.0%}" for a in _TICKS])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(np.linspace(0, 1, 6), [f"{y:.0%}" for y in np.linspace(0, 1, 6)])
    if chance is not None:
        axes.axhline(chance, color="#555555", linewidth=1, linestyle=":")
        end = LEAST_LEFT * 1.03
        axes.text(end, chance + 0.012, "guessing", color="#555555", fontsize=8, ha="right")
    return draw_marker(axes)


def on_sparsity_axis(amount: float) -> float:
    """Where an amount is on the axis of sparsity: the share that is left, 0.8 % at least."""
    return max(1 - amount, LEAST_LEFT)


@dataclass(frozen=True)
class Band:
    """The artists of ``draw_band``: a line through the middle, and the spread around it."""

    line: Line2D
    area: PolyCollection

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.area, self.line

    def move(self, amounts: ArrayLike, low: ArrayLike, middle: ArrayLike, high: ArrayLike) -> None:
        """Show other values at other amounts, shapes (n,)."""
        x = [on_sparsity_axis(amount) for amount in np.asarray(amounts).tolist()]
        self.line.set_data(x, np.asarray(middle))
        border = np.concatenate([np.asarray(low), np.asarray(high)[::-1]])
        self.area.set_verts([np.stack([np.array(x + x[::-1]), border], 1)])


@style()
def draw_band(axes: Axes, label: str, number: int) -> Band:
    """Draw an empty line with a band around it on axes from ``draw_sparsity_axis``.

    Args:
        axes: where.
        label: for the legend.
        number: 0 to 6, of its colour and marker.
    """
    color = _COLORS[number]
    look: Any = {
        "markersize": 4.5,
        "linewidth": 1.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
    }
    (line,) = axes.plot([], [], _LINES[number], color=color, label=label, **look)
    area = PolyCollection([], facecolors=color, alpha=0.15, linewidths=0)
    axes.add_collection(area, autolim=False)
    return Band(line, area)


@style()
def draw_names(axes: Axes) -> None:
    """Name what has been drawn, to the right of the axes, where no curve can meet it."""
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), borderaxespad=0)


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


@style()
def draw_shares(axes: Axes, names: Sequence[str], sizes: Sequence[int]) -> Shares:
    """Draw an empty bar for each layer, for the share of its weights that is zero.

    Args:
        axes: empty axes; the first name is on top.
        names: n names.
        sizes: n numbers of weights, said beside the names.
    """
    rows = range(len(names))
    said = [f"{shorten(name)}\n{size:,}" for name, size in zip(names, sizes, strict=True)]
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


@style()
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


@style()
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


@dataclass(frozen=True)
class Cost:
    """The artists of ``draw_cost``: a bar for each network, and the spread of what was measured."""

    bars: tuple[Rectangle, ...]
    spread: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.bars, self.spread

    def move(self, low: ArrayLike, middle: ArrayLike, high: ArrayLike) -> None:
        """Show other values, shapes (n,)."""
        for bar, value in zip(self.bars, np.asarray(middle).tolist(), strict=True):
            bar.set_width(value)
        ends = np.stack([np.asarray(low), np.asarray(high), np.full(len(self.bars), np.nan)], 1)
        self.spread.set_xdata(ends.ravel())  # NaN parts the lines


@style()
def draw_cost(axes: Axes, names: Sequence[str], what: str, most: float) -> Cost:
    """Draw an empty bar for each network, for one thing that it costs or gives.

    Args:
        axes: empty axes; the first name is on top.
        names: n names.
        what: is measured, with its unit.
        most: the right end of the axis.
    """
    rows = range(len(names))
    axes.set(xlim=(0, most), ylim=(len(names) - 0.4, -0.6))
    axes.set_title(what)
    axes.set_yticks(rows, names)
    axes.locator_params(axis="x", nbins=4)
    bars = axes.barh(rows, 0.0, height=0.6, color=(BEFORE, *[AFTER] * (len(names) - 1)))
    (spread,) = axes.plot(
        np.full(3 * len(names), np.nan), np.repeat(rows, 3), color="black", linewidth=1.2
    )
    return Cost(tuple(bars), spread)
