"""What the recorded runs of pruning need besides: small multiples, bars beside bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from gradlab.draw.sparsity import curve_color, draw_sparsity_axis, on_sparsity_axis
from gradlab.draw.style import AFTER, BEFORE, Marker


def draw_multiple(axes: Axes, name: str, number: int, *, left: bool, below: bool) -> Marker:
    """Make small axes ready for accuracies over sparsity; return the marker of an amount.

    Args:
        axes: empty axes.
        name: of what is drawn in it, written inside.
        number: of the curve whose colour the name has.
        left: whether it stands at the left, and has the numbers of the vertical axis.
        below: whether nothing stands below it, and it has those of the horizontal one.
    """
    marker = draw_sparsity_axis(axes, "", chance=0.1 if name == "all means" else None)
    ticks = (0, 0.5, 0.8, 0.9, 0.95, 0.98)
    axes.set_xticks([on_sparsity_axis(amount) for amount in ticks], [f"{a:.0%}" for a in ticks])
    axes.tick_params(labelsize=8, labelleft=left, labelbottom=below)
    axes.set_xlabel("sparsity" if below else "", fontsize=9)
    color = "#222222" if name == "all means" else curve_color(number)
    axes.text(0.97, 0.96, name, color=color, fontsize=10, fontweight="bold", ha="right", va="top",
              transform=axes.transAxes)  # fmt: skip
    return marker


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
