"""Short feature vectors: the plane that they lie in, digits drawn back from them, their price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.figure import font, powers_of_ten
from gradlab.draw.style import AFTER, BEFORE, CYCLE, THRESHOLD


@dataclass(frozen=True)
class Glyphs:
    """The artists of ``draw_glyphs``: one for each class."""

    classes: tuple[Line2D, ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.classes

    def move(self, places: ArrayLike, labels: ArrayLike) -> None:
        """Show points at other places, (n, 2), each as the digit that it is, (n,)."""
        xy, digits = np.clip(np.asarray(places), -REACH, REACH), np.asarray(labels)
        for digit, points in enumerate(self.classes):
            points.set_data(*xy[digits == digit].T)


REACH = 2.8
"""How far the plane of ``draw_glyphs`` reaches; points beyond are drawn on its edge."""


def draw_glyphs(axes: Axes) -> Glyphs:
    """Draw an empty plane on which ten classes will be written as digits; return what to move."""
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH))
    axes.set(xlabel="direction of most variance (rms lengths)", ylabel="second direction")
    axes.set_title("The short vectors of test digits")
    colors = (*CYCLE, "#7A5195", "#6B6B6B", "#8A6D00")
    classes = [
        axes.plot([], [], color=color, marker=_glyph(digit), markersize=6, linestyle="none")[0]
        for digit, color in enumerate(colors)
    ]
    for points in classes:
        points.set_markeredgewidth(0.3)
    return Glyphs(tuple(classes))


def _glyph(digit: int) -> Path:
    """A digit as a marker; matplotlib's own markers of text have the reader's font."""
    path = TextPath((0, 0), str(digit), prop=font(10), usetex=False)
    middle = path.get_extents().get_points().mean(0)
    return Path(path.vertices - middle, path.codes)


@dataclass(frozen=True)
class Drawn:
    """The artists of ``draw_back``."""

    pictures: AxesImage
    named: tuple[Text, ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.pictures, *self.named

    def move(self, pictures: ArrayLike, named: Sequence[str], right: Sequence[bool]) -> None:
        """Show other pictures, (n, side, side), with a name below each, marked where wrong."""
        self.pictures.set_data(np.clip(np.hstack(list(np.asarray(pictures))), 0, 1))
        for text, name, fits in zip(self.named, named, right, strict=True):
            text.set_text(name if fits else f"{name}?")
            text.set_color("#222222" if fits else THRESHOLD)
            text.set_fontweight("normal" if fits else "bold")


def draw_back(axes: Axes, originals: ArrayLike) -> Drawn:
    """Draw pictures in a row, and below each an empty place; return the artists to move.

    Args:
        axes: empty axes.
        originals: (n, side, side) in [0, 1].
    """
    pictures = np.asarray(originals)
    count, side, _ = pictures.shape
    names = 3 * side  # room for the names of the rows
    axes.set_axis_off()

    def strip(number: int, shown: NDArray[np.float64]) -> AxesImage:
        place = (0, count * side, (number + 1) * side, number * side)
        return axes.imshow(shown, "gray_r", vmin=0, vmax=1, extent=place, interpolation="nearest")

    strip(0, np.hstack(list(pictures)))
    drawn = strip(1, np.zeros((side, count * side)))
    axes.set(xlim=(-names, count * side), ylim=(2.6 * side, 0))
    named = [
        axes.text((i + 0.5) * side, 2.28 * side, "", ha="center", va="center", fontsize=10)
        for i in range(count)
    ]
    for row, what in zip((0.5, 1.5, 2.28), ("digit", "drawn back", "read as"), strict=True):
        axes.text(-0.15 * side, row * side, what, ha="right", va="center")
    return Drawn(drawn, tuple(named))


@dataclass(frozen=True)
class Price:
    """The artists of ``draw_price``: a bar and a dot in each row."""

    alone: Line2D
    together: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.together, self.alone

    def move(self, alone: ArrayLike, together: ArrayLike) -> None:
        """Show other ratios, each (rows,): of the classifier, and of classifier and map."""
        self.alone.set_xdata(np.clip(np.asarray(alone), *PRICES))
        self.together.set_xdata(np.clip(np.asarray(together), *PRICES))


PRICES = (1e-3, 1e2)
"""The ends of the axis of ``draw_price``; ratios beyond are drawn there."""


def draw_price(axes: Axes, rows: Sequence[str]) -> Price:
    """Draw a row for each cost, relative to the classifier of all numbers; return what to move.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic.
        rows: names of the costs, from above.
    """
    axes.set(xscale="log", xlim=PRICES, ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticks(range(len(rows)), rows)
    axes.xaxis.set_major_formatter(powers_of_ten())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("in units of classifying all numbers")
    axes.axvline(1, color=BEFORE, linewidth=1.5)
    at = np.arange(len(rows))
    ones = np.ones(len(rows))
    (together,) = axes.plot(
        ones, at, "D", color=THRESHOLD, markersize=8, label="classifier and map", clip_on=False
    )
    (alone,) = axes.plot(
        ones, at, "o", color=AFTER, markersize=8, label="classifier", clip_on=False
    )
    axes.legend(loc="lower left", ncols=2, bbox_to_anchor=(-0.02, 0.98), borderaxespad=0)
    return Price(alone, together)
