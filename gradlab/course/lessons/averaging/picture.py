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
    """The artist of ``draw_sheet``: rows of pictures as one image."""

    image: AxesImage

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return (self.image,)

    def move(self, rows: Sequence[ArrayLike]) -> None:
        """Show other rows below the originals, each (n, c, side, side) uint8."""
        self.image.set_data(_sheet(rows))


def draw_sheet(axes: Axes, originals: ArrayLike, draws: int) -> Sheet:
    """Draw pictures in a row, and below them empty rows; return what to move.

    Args:
        axes: empty axes.
        originals: (n, c, side, side) uint8, with one channel or three.
        draws: how many rows will follow.
    """
    side = np.asarray(originals).shape[-1]
    pitch = side + _gap(side)

    def strip(first: int, rows: Sequence[ArrayLike]) -> AxesImage:
        sheet = _sheet(rows)
        place = (0, sheet.shape[1], first * pitch + sheet.shape[0], first * pitch)
        return axes.imshow(sheet, extent=place, interpolation="nearest")

    strip(0, [originals])
    image = strip(1, [originals] * draws)
    axes.set(xlim=image.get_extent()[:2], ylim=(image.get_extent()[2], 0))
    axes.set_axis_off()
    for row, name in enumerate(("original", *(f"draw {k + 1}" for k in range(draws)))):
        at = -_gap(side), row * pitch + side / 2
        axes.text(*at, name, ha="right", va="center", fontsize=9)
    return Sheet(image)


def _gap(side: int) -> int:
    return max(1, side // 12)


def _sheet(rows: Sequence[ArrayLike]) -> NDArray[np.uint8]:
    """(height, width, 3): pictures beside one another, and rows below one another."""
    pictures = np.stack([np.asarray(row) for row in rows])
    gap = _gap(pictures.shape[-1])
    framed = np.pad(pictures, (*[(0, 0)] * 3, *[(0, gap)] * 2), constant_values=255)
    count, wide, channels, side, _ = framed.shape
    sheet = framed.transpose(0, 3, 1, 4, 2).reshape(count * side, wide * side, channels)
    return sheet.repeat(3 // channels, 2)[:-gap, :-gap]


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
