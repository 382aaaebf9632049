"""What is left of vectors at each length: accuracy, explained variance, map beside map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator
from numpy.typing import ArrayLike

from gradlab.draw.style import AFTER, BEFORE, CYCLE, THRESHOLD, Marker, draw_marker

_MAPS = tuple(zip((AFTER, *CYCLE[2:]), ("o-", "s-", "^-", "D--", "v--"), strict=False))


@dataclass(frozen=True)
class Lengths:
    """The artists of ``draw_lengths``."""

    accuracy: Line2D
    explained: Line2D
    full: Line2D
    here: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.explained, self.full, self.accuracy, self.here

    def move(
        self, lengths: ArrayLike, accuracy: ArrayLike, explained: ArrayLike, place: int
    ) -> None:
        """Show other curves, each (n,), the last point being the whole vector; mark one point."""
        x, right, kept = np.asarray(lengths), np.asarray(accuracy), np.asarray(explained)
        self.accuracy.set_data(x, right)
        self.explained.set_data(x, kept)
        self.full.set_ydata([right[-1], right[-1]])
        self.here.set_data([x[place]] * 2, [right[place], kept[place]])


def draw_lengths(axes: Axes, lengths: Sequence[int]) -> Lengths:
    """Draw empty curves over the length of a vector; return the artists to move.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic.
        lengths: whole numbers, increasing.
    """
    _length_axis(axes, lengths, "fraction")
    axes.set_title(" ")  # as high as the plane beside it
    full = axes.axhline(1, color=AFTER, linewidth=1, linestyle=":")
    full.set_label("accuracy with all numbers")
    (kept,) = axes.plot([], [], color=BEFORE, label="variance explained")
    (right,) = axes.plot([], [], color=AFTER, label="accuracy on test digits")
    (here,) = axes.plot([1, 1], [0, 1], "o", color=THRESHOLD, markersize=8, clip_on=False)
    axes.legend(loc="lower right")
    return Lengths(right, kept, full, here)


def _length_axis(axes: Axes, lengths: Sequence[int], what: str) -> None:
    axes.set(xscale="log", xlim=(0.85 * lengths[0], 1.18 * lengths[-1]), ylim=(0, 1.03))
    axes.set(xlabel="numbers left of each vector (k)", ylabel=what)
    axes.xaxis.set_major_locator(FixedLocator(lengths))
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


@dataclass(frozen=True)
class Maps:
    """The artists of ``draw_maps``: a line and a band for each map, and the line of no map."""

    marker: Marker
    full: Line2D
    lines: dict[str, Line2D]
    bands: dict[str, PolyCollection]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.marker.artists, self.full, *self.bands.values(), *self.lines.values()

    def move(self, found: Mapping[str, tuple[ArrayLike, ArrayLike]], full: float, k: int) -> None:
        """Show other runs: of each map the lengths, (n,), and accuracies, (n, seeds)."""
        self.full.set_ydata([full, full])
        self.marker.move(k, f"k = {k}")
        for name, line in self.lines.items():
            x, runs = map(np.asarray, found.get(name, ([], np.empty((0, 1)))))
            line.set_data(x, runs.mean(1))
            edge = np.concatenate([runs.min(1), runs.max(1)[::-1]])
            self.bands[name].set_verts([np.stack([np.concatenate([x, x[::-1]]), edge], 1)])


def draw_maps(axes: Axes, lengths: Sequence[int], names: Sequence[str]) -> Maps:
    """Draw an empty line with a band for each map, over the length; return what to move.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic.
        lengths: whole numbers, increasing.
        names: of up to five maps, for the legend.
    """
    _length_axis(axes, lengths, "accuracy on test digits")
    marker = draw_marker(axes)
    full = axes.axhline(1, color="#555555", linewidth=1, linestyle=":", label="all numbers")
    lines, bands = {}, {}
    for name, (color, form) in zip(names, _MAPS, strict=False):
        (lines[name],) = axes.plot([], [], form, color=color, label=name, markersize=5)
        bands[name] = PolyCollection(
            [], facecolors=color, alpha=0.15, linewidths=0, edgecolors="none"
        )
        axes.add_collection(bands[name], autolim=False)
    axes.legend(loc="lower right")
    return Maps(marker, full, lines, bands)


@dataclass(frozen=True)
class Kinds:
    """The artists of ``draw_explained``: a path for each map, and where on it a length is."""

    paths: dict[str, Line2D]
    here: dict[str, Line2D]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.paths.values(), *self.here.values()

    def move(self, found: Mapping[str, tuple[ArrayLike, ArrayLike]], place: int) -> None:
        """Show other paths: of each map explained variance and accuracy, (n,) each."""
        for name, (explained, accuracy) in found.items():
            x, y = np.asarray(explained), np.asarray(accuracy)
            self.paths[name].set_data(x, y)
            self.here[name].set_data([x[place]], [y[place]])


def draw_explained(axes: Axes, names: Sequence[str]) -> Kinds:
    """Draw empty paths of accuracy over explained variance; return what to move.

    Args:
        axes: empty axes.
        names: of up to five maps, coloured as by ``draw_maps``.
    """
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="variance explained", title=" ")
    paths, here = {}, {}
    for name, (color, form) in zip(names, _MAPS, strict=False):
        (paths[name],) = axes.plot([], [], form, color=color, markersize=3, linewidth=1)
        (here[name],) = axes.plot([0], [0], form[0], color=color, markersize=10, clip_on=False)
    return Kinds(paths, here)
