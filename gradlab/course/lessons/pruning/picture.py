"""What the recorded runs of pruning need besides: names of curves, bars beside bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from gradlab.draw.style import AFTER, BEFORE


def draw_names(axes: Axes) -> None:
    """Name what has been drawn, to the right of the axes, where no curve can meet it."""
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), borderaxespad=0)


@dataclass(frozen=True)
class Bars:
    """The artists of ``draw_bars``: a bar for each network, and the spread of what was measured."""

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


def draw_bars(axes: Axes, names: Sequence[str], what: str, most: float) -> Bars:
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
    return Bars(tuple(bars), spread)
