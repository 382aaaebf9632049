"""Averages of weights, what they are made of, pictures beside their augmented ones, and gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import AFTER, BEFORE, THRESHOLD, decades


@dataclass(frozen=True)
class Track:
    """The artists of ``draw_track``: two curves over steps, and a dot where one reads them."""

    weights: Line2D
    average: Line2D
    dot: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.weights, self.average, self.dot

    def move(self, steps: ArrayLike, weights: ArrayLike, average: ArrayLike, here: int) -> None:
        """Show the accuracies of both, NaN where not measured; the dot at place ``here``."""
        x = np.asarray(steps)
        for line, values in ((self.weights, weights), (self.average, average)):
            known = np.isfinite(curve := np.asarray(values, float))
            line.set_data(x[known], curve[known])
        self.dot.set_data(x[[here]], np.asarray(average, float)[[here]])


def draw_track(axes: Axes, last: int, low: float) -> Track:
    """Draw empty curves of accuracy over steps; return what to move.

    Args:
        axes: empty axes.
        last: the last step.
        low: the lower end of the axis of accuracy.
    """
    axes.set(xlim=(0, 1.02 * last), ylim=(low, 1), xlabel="step", ylabel="accuracy on unseen data")
    ticks = [tick for tick in np.linspace(0, 1, 11) if tick >= low]
    axes.set_yticks(ticks, [f"{tick:.0%}" for tick in ticks])
    (weights,) = axes.plot(
        [], [], "o-", color=BEFORE, linewidth=1.2, markersize=3, label="the weights themselves"
    )
    (average,) = axes.plot(
        [], [], "o-", color=AFTER, linewidth=1.8, markersize=4, label="their moving average"
    )
    (dot,) = axes.plot([], [], "o", color=THRESHOLD, markersize=10, zorder=5)
    axes.legend(loc="lower right")
    return Track(weights, average, dot)


LEAST_SHARE = 1e-4
"""Where the axis of ``draw_shares`` ends; smaller shares are drawn there."""


def draw_shares(axes: Axes, last: int) -> Line2D:
    """Draw an empty row of stems: how much of each kept weight is in the average.

    Args:
        axes: empty axes; the vertical one becomes logarithmic.
        last: the last step.
    """
    axes.set(xlim=(0, 1.02 * last), yscale="log", ylim=(LEAST_SHARE, 1.5))
    axes.set(xlabel="weights kept after step", ylabel="share in the average")
    axes.set_title("What the average is made of")
    decades(axes)
    (line,) = axes.plot([], [], "o-", color=AFTER, linewidth=1, markersize=4)
    return line


@dataclass(frozen=True)
class Sheet:
    """The artists of ``draw_sheet``: rows of pictures, each an image of its own."""

    images: tuple[tuple[AxesImage, ...], ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return tuple(image for row in self.images for image in row)

    def move(self, rows: Sequence[ArrayLike]) -> None:
        """Show other rows below the originals, each (n, c, side, side) uint8."""
        for images, pictures in zip(self.images, rows, strict=True):
            for image, picture in zip(images, _coloured(pictures), strict=True):
                if not np.array_equal(np.asarray(image.get_array()), picture):  # most stay
                    image.set_data(picture)


def draw_sheet(axes: Axes, originals: ArrayLike, draws: int) -> Sheet:
    """Draw pictures in a row, and below them rows of the same; return what to move.

    Args:
        axes: empty axes.
        originals: (n, c, side, side) uint8, with one channel or three.
        draws: how many rows will follow.
    """
    pictures = _coloured(originals)
    count, side = pictures.shape[:2]
    gap = max(1, side // 12)

    def row(number: int) -> tuple[AxesImage, ...]:
        top = number * (side + gap)
        lefts = range(0, count * (side + gap), side + gap)
        return tuple(
            axes.imshow(each, extent=(left, left + side, top + side, top), interpolation="nearest")
            for left, each in zip(lefts, pictures, strict=True)
        )

    _, *moved = [row(number) for number in range(1 + draws)]
    axes.set(xlim=(0, count * (side + gap) - gap), ylim=((1 + draws) * (side + gap) - gap, 0))
    axes.set_axis_off()
    for number, name in enumerate(("original", *(f"draw {k + 1}" for k in range(draws)))):
        at = -gap, number * (side + gap) + side / 2
        axes.text(*at, name, ha="right", va="center", fontsize=9)
    return Sheet(tuple(moved))


def _coloured(pictures: ArrayLike) -> NDArray[np.uint8]:
    """(n, side, side, 3) of (n, c, side, side), with one channel or three."""
    last = np.moveaxis(np.asarray(pictures), 1, -1)
    return np.broadcast_to(last, (*last.shape[:-1], 3))


@dataclass(frozen=True)
class Gains:
    """The artists of ``draw_gains``: a dot for each seed, and a bar for the mean of a row."""

    dots: tuple[Line2D, ...]
    means: tuple[Line2D, ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.dots, *self.means

    def move(self, gains: ArrayLike) -> None:
        """Show other gains, (series, rows, seeds), in points; beyond the axis: on its edge."""
        for dots, mean, rows in zip(self.dots, self.means, np.asarray(gains), strict=True):
            axes = dots.axes
            assert axes is not None
            dots.set_xdata(np.clip(rows, *axes.get_xlim()).ravel())
            mean.set_xdata(np.clip(rows.mean(1), *axes.get_xlim()))


def draw_gains(
    axes: Axes,
    rows: Sequence[str],
    series: Sequence[str],
    seeds: int,
    limits: tuple[float, float],
    what: str,
) -> Gains:
    """Draw a row of dots for each setting, in each colour; return what to move.

    Args:
        axes: empty axes; the first row is on top.
        rows: names of the settings.
        series: names of the colours, two at most.
        seeds: dots in each row.
        limits: of the axis, in points.
        what: is gained.
    """
    axes.set(xlim=limits, ylim=(len(rows) - 0.4, -0.6), xlabel=what)
    axes.set_yticks(range(len(rows)), rows)
    axes.axvline(0, color="black", linewidth=1)
    dots, means = [], []
    for number, (name, color) in enumerate(zip(series, (AFTER, THRESHOLD), strict=False)):
        at = np.arange(len(rows)) + 0.3 * (number - (len(series) - 1) / 2)
        look: Any = {"color": color, "linestyle": "none", "clip_on": False}
        places = at.repeat(seeds)
        dots += axes.plot(
            np.zeros_like(places), places, marker="o", markersize=5, alpha=0.5, **look
        )
        means += axes.plot(
            np.zeros_like(at),
            at,
            marker="|",
            markersize=16,
            markeredgewidth=2.5,
            label=name,
            **look,
        )
    axes.legend(loc="lower left", ncols=2, bbox_to_anchor=(-0.02, 1.0), borderaxespad=0)
    return Gains(tuple(dots), tuple(means))
