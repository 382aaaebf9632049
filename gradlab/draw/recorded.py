"""A recorded run: what a clip rule compares with its threshold, step by step and layer by layer.

The axes belong together. Left, steps run from left to right; right, the share of the steps. Above,
both have the threshold as their height, so that one line crosses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import AFTER, BEFORE, THRESHOLD, decades, legible, shorten, style

COLUMNS = 500
"""The most columns that a picture tells apart; of more steps, several share one."""

LEAST_COEFFICIENT = 1e-3
_NO_GRADIENT = "#E6E6E6"
_SHARES = (0, 25, 50, 75, 100)


@dataclass(frozen=True)
class Compared:
    """The artists of ``draw_compared``."""

    before: Line2D
    lost: Line2D
    reference: Line2D
    after: Line2D
    fired: Line2D
    line: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.after, self.fired, self.line

    @style()
    def measure(
        self,
        steps: ArrayLike,
        values: ArrayLike,
        what: str,
        span: tuple[float, float],
        reference: float | None = None,
    ) -> None:
        """Show another quantity, (n,), at its steps, (n,); the picture must be redrawn.

        Where several steps share a column, it spans the smallest and the largest of them. What a
        logarithmic axis cannot hold is a cross: on its lower edge for zero, on its upper edge for
        infinity and NaN.

        Args:
            steps: increasing.
            values: what is compared with the threshold.
            what: the name of the quantity.
            span: the ends of the vertical axis, positive.
            reference: the threshold in force when it was recorded.
        """
        axes, x, y = _axes(self.before), np.asarray(steps), np.asarray(values, np.float64)
        axes.set_ylim(span)
        legible(axes.yaxis)
        lost = (y == 0) | ~np.isfinite(y)
        edge = np.nan_to_num(y, nan=np.inf).clip(*span)
        self.lost.set_data(x[lost], edge[lost])
        held = np.where(lost, np.nan, y)
        low, high = (_columns(held, extreme) for extreme in (np.fmin, np.fmax))
        if len(low) < len(y):
            x, held = np.repeat(_columns(x, np.fmin), 2), np.stack([low, high], 1).ravel()
        self.before.set_data(x, held)
        self.reference.set_ydata([np.nan if reference is None else reference] * 2)
        axes.set_ylabel(what)
        shown = [self.before, self.after, self.fired]
        shown += [] if reference is None else [self.reference]
        axes.legend(handles=shown, loc="lower left", bbox_to_anchor=(0, 1.06), ncols=4,
                    borderaxespad=0, handlelength=1.4, columnspacing=1.4)  # fmt: skip

    def move(self, threshold: float, fired: ArrayLike) -> None:
        """Cut at another threshold, and mark the steps that it changes.

        Args:
            threshold: on the vertical axis.
            fired: (steps,) booleans, for all steps. A mark is as high as the share of its column's
                steps, but never too low to be seen.
        """
        x, y = self.before.get_data()
        self.after.set_data(x, np.minimum(y, threshold))
        self.line.set_ydata([threshold, threshold])
        share = _share(fired)
        at, high = _places(len(np.asarray(fired)))[share > 0], _seen(share[share > 0])
        ends = np.stack([np.full_like(high, 1.0), 1 + 0.05 * high, np.full_like(high, np.nan)], 1)
        self.fired.set_data(np.repeat(at, 3), ends.ravel())  # NaN parts the marks


@style()
def draw_compared(axes: Axes, steps: int) -> Compared:
    """Draw the axes for a quantity at each step, on which a threshold lies as a line.

    Args:
        axes: empty axes; the vertical one becomes logarithmic.
        steps: how many there are.
    """
    axes.set(yscale="log", xlim=(-0.5, steps - 0.5))
    axes.tick_params(labelbottom=False)
    (before,) = axes.plot([], [], color=BEFORE, linewidth=1, label="before")
    (after,) = axes.plot([], [], color=AFTER, linewidth=1, label="after")
    line = axes.axhline(1, color=THRESHOLD, linewidth=1.4)
    reference = axes.axhline(np.nan, color="#444444", linewidth=1.2, linestyle=(0, (4, 3)))
    reference.set_label("threshold of the run")
    # Above the axes, where no curve can meet it; the layout shall not ask what has no place yet.
    mark: Any = {"clip_on": False, "zorder": 5, "in_layout": False}
    (fired,) = axes.plot([], [], color=THRESHOLD, linewidth=1, label="clipped steps",
                         transform=axes.get_xaxis_transform(), **mark)  # fmt: skip
    (lost,) = axes.plot([], [], "x", color="black", markersize=6, **mark)
    return Compared(before, lost, reference, after, fired, line)


@dataclass(frozen=True)
class Layers:
    """The artists of ``draw_layers``."""

    norms: AxesImage
    clipped: AxesImage

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return (self.clipped,)

    def move(self, clipped: ArrayLike | None) -> None:
        """Cover the cells that are clipped, (n, layers) of booleans; None: no cell of its own."""
        self.clipped.set_visible(clipped is not None)
        if clipped is not None:
            self.clipped.set_data(_covered(_share(clipped)))


@style()
def draw_layers(axes: Axes, names: Sequence[str], norms: ArrayLike) -> Layers:
    """Draw the norm of each layer's gradient at each step as a colour, on a logarithmic scale.

    Where there are more steps than ``COLUMNS``, each column shows the largest of several: a spike
    never vanishes. Grey: no gradient. White: exactly zero. Black: infinite or NaN.

    Args:
        axes: empty axes; the first name is on top.
        names: of the layers.
        norms: (n, layers); NaN where a layer had no gradient, inf where it was not finite.
    """
    steps, layers = np.shape(norms)
    cells = _columns(np.asarray(norms, np.float64), np.fmax).T
    held = np.isfinite(cells) & (cells > 0)
    low, high = (cells[held].min(), cells[held].max()) if held.any() else (1.0, 10.0)
    scale = LogNorm(low, high if high > low else 10 * low)
    extent = (-0.5, steps - 0.5, layers - 0.5, -0.5)
    how: Any = {"aspect": "auto", "interpolation": "nearest", "extent": extent}
    colours = mpl.colormaps["viridis"].with_extremes(bad=_NO_GRADIENT, under="white", over="black")
    shown = np.where(cells == 0, low / 10, np.where(np.isinf(cells), 10 * scale.vmax, cells))
    image = axes.imshow(shown, cmap=colours, norm=scale, **how)
    clipped = axes.imshow(_covered(np.zeros(cells.T.shape)), **how)
    axes.grid(False)
    every = -(-layers // 20)  # more names are not legible at this height
    axes.set_yticks(np.arange(layers)[::every], [shorten(n) for n in names[::every]], fontsize=8)
    together = _together(steps)
    axes.set_xlabel("step" + f" (each column: the largest of {together})" * (together > 1))
    bar = _figure(axes).colorbar(image, ax=axes, location="bottom", aspect=60, pad=0.02)
    bar.set_label("norm of the layer's gradient")
    return Layers(image, clipped)


def _covered(share: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The colour of the threshold, the denser, the larger the share of a column's steps."""
    colour = np.empty((*share.T.shape, 4))
    colour[..., :3] = to_rgba(THRESHOLD)[:3]
    colour[..., 3] = 0.9 * _seen(share.T)
    return (255 * colour).astype(np.uint8)


@dataclass(frozen=True)
class Firing:
    """The artists of ``draw_firing``."""

    curve: Line2D
    line: Line2D
    share: Line2D
    here: Line2D
    label: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.line, self.share, self.here, self.label

    def measure(self, thresholds: ArrayLike, shares: ArrayLike, span: tuple[float, float]) -> None:
        """Show the share, (n,) in [0, 1], that each threshold clips, (n,) falling; then redraw."""
        axes = _axes(self.curve)
        axes.set_ylim(span)
        legible(axes.yaxis)
        self.curve.set_data(100 * np.asarray(shares, np.float64), np.asarray(thresholds))

    def move(self, threshold: float, share: float, label: str) -> None:
        """Stress the point of the curve at a threshold and the share that it clips."""
        bottom = _axes(self.line).get_ylim()[0]
        self.line.set_ydata([threshold, threshold])
        self.share.set_data([100 * share] * 2, [bottom, threshold])
        self.here.set_data([100 * share], [threshold])
        self.label.set_text(label)


@style()
def draw_firing(axes: Axes) -> Firing:
    """Draw the axes for the share of the steps that each threshold clips, the threshold upwards.

    They belong beside those of ``draw_compared``, with the same span.
    """
    axes.set(yscale="log", xlim=(-2, 102))
    axes.set_xticks(_SHARES)
    axes.tick_params(labelleft=False, labelbottom=False)
    (curve,) = axes.plot([], [], color="#444444", linewidth=1.4, drawstyle="steps-post")
    line = axes.axhline(1, color=THRESHOLD, linewidth=1.4)
    (share,) = axes.plot([], [], ":", color=THRESHOLD, linewidth=1.4)
    (here,) = axes.plot([], [], "o", color=THRESHOLD, markersize=7)
    label = axes.set_title("two\nlines", fontsize=10, color=THRESHOLD)  # room for two
    return Firing(curve, line, share, here, label)


@dataclass(frozen=True)
class Coefficients:
    """The artists of ``draw_coefficients``."""

    curve: Line2D
    share: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.curve, self.share

    def move(self, coefficients: ArrayLike, share: float) -> None:
        """Show other coefficients, (n,), the smallest first, and the share that is below 1.

        What is below ``LEAST_COEFFICIENT`` lies on the lower edge; NaN is left out.
        """
        values = np.asarray(coefficients, np.float64)
        y = np.sort(values[~np.isnan(values)]).clip(min=LEAST_COEFFICIENT)
        self.curve.set_data(100 * (np.arange(len(y)) + 0.5) / max(len(y), 1), y)
        self.share.set_xdata([100 * share] * 2)


@style()
def draw_coefficients(axes: Axes) -> Coefficients:
    """Draw the axes for the coefficients of all steps, in order of size."""
    axes.set(xlim=(-2, 102), yscale="log", ylim=(LEAST_COEFFICIENT / 1.3, 1.3))
    axes.set_xticks(_SHARES)
    axes.set(xlabel="share of the steps (%)")
    axes.set_title("norm after / norm before")
    axes.axhline(1, color=BEFORE, linewidth=1)
    (curve,) = axes.plot([], [], color=AFTER)
    share = axes.axvline(0, color=THRESHOLD, linewidth=1.4, linestyle=":")
    decades(axes)
    return Coefficients(curve, share)


def _together(steps: int) -> int:
    """How many steps share a column, 1 or more."""
    return -(-steps // COLUMNS)


def _columns(rows: NDArray[Any], together: np.ufunc) -> NDArray[Any]:
    """(n, ...) values become (at most ``COLUMNS``, ...)."""
    every = _together(len(rows))
    return rows if every == 1 else together.reduceat(rows, np.arange(0, len(rows), every))


def _places(steps: int) -> NDArray[np.float64]:
    """The middle of each column."""
    every = _together(steps)
    return np.arange(0, steps, every) + (every - 1) / 2


def _share(true: ArrayLike) -> NDArray[np.float64]:
    """How much of each column is true, in [0, 1]."""
    rows = np.asarray(true, np.float64)
    return _columns(rows, np.add) / _columns(np.ones((len(rows), *[1] * (rows.ndim - 1))), np.add)


def _seen(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share, and where there is any, a third at least: what is rare is not to vanish."""
    return np.where(share > 0, share.clip(min=1 / 3), 0.0)


def _axes(artist: Artist) -> Axes:
    assert isinstance(artist.axes, Axes)
    return artist.axes


def _figure(axes: Axes) -> Figure:
    assert isinstance(axes.figure, Figure)
    return axes.figure
