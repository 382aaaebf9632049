"""Norms of gradients from place to place, on an axis that stays while they explode or vanish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from gradlab.draw.figure import powers_of_ten

LOWEST, HIGHEST = 1e-8, 1e8


@dataclass(frozen=True)
class Curve:
    """The artists of ``draw_curve``: a line with a dot for each norm, and two kinds of marks."""

    line: Line2D
    beyond: Line2D
    lost: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.line, self.beyond, self.lost

    def move(self, places: ArrayLike, norms: ArrayLike) -> None:
        """Show other norms, shape (n,), at other places, shape (n,).

        What the axis cannot hold stays in sight on the edge that it left through: a diamond for a
        number beyond it, a cross for zero (below), infinity and NaN (above).
        """
        x, values = np.asarray(places, np.float64), np.asarray(norms, np.float64)
        edge = np.clip(np.nan_to_num(values, nan=np.inf), LOWEST, HIGHEST)
        lost = (values == 0) | ~np.isfinite(values)
        beyond = ~lost & (values != edge)
        self.line.set_data(x, edge)
        self.beyond.set_data(x[beyond], edge[beyond])
        self.lost.set_data(x[lost], edge[lost])


def draw_growth(axes: Axes, longest: int, xlabel: str, ylabel: str) -> None:
    """Make empty axes ready for curves over the places 1 ... ``longest``."""
    axes.set(xlim=(0, longest + 1), yscale="log", ylim=(LOWEST, HIGHEST))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.axhline(1, color="#BBBBBB", linewidth=1, zorder=1)
    axes.set_yticks(10.0 ** np.arange(-8, 9, 2))
    axes.yaxis.set_major_formatter(powers_of_ten())
    axes.minorticks_off()


def draw_curve(axes: Axes, label: str, color: str, marker: str) -> Curve:
    """Draw an empty curve of measured norms on axes from ``draw_growth``; return its artists.

    Args:
        axes: where.
        label: for the legend.
        color: of all its parts.
        marker: of each point.
    """
    (line,) = axes.plot(
        [],
        [],
        marker=marker,
        markerfacecolor="none",
        markersize=5,
        linewidth=0.8,
        color=color,
        label=label,
    )
    edge: Any = {"linestyle": "", "color": color, "clip_on": False, "zorder": 5, "markersize": 6}
    (beyond,) = axes.plot([], [], marker="D", markerfacecolor="white", **edge)
    (lost,) = axes.plot([], [], marker="x", markeredgewidth=1.6, **edge)
    return Curve(line, beyond, lost)


def draw_law(axes: Axes, label: str, color: str) -> Line2D:
    """Draw an empty dashed line for what was predicted; it may leave the axes."""
    (line,) = axes.plot([], [], linestyle="--", color=color, label=label)
    return line


def draw_key(axes: Axes, columns: int) -> None:
    """Draw the legend above the axes, where no curve can meet it."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)
