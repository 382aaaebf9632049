"""Accuracy over sparsity: the axis, an amount on it, and a curve with its runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from gradlab.draw.style import BEFORE, CYCLE, THRESHOLD, Marker, draw_marker

LEAST_LEFT = 0.008
"""Where the axis of sparsity ends: 99.2 % of the weights are gone."""

_TICKS = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
_COLORS = (*(color for color in CYCLE if color != THRESHOLD), BEFORE)  # THRESHOLD marks amounts
_LINES = ("o-", "s-", "^-", "D-", "v-", "X-", "P-")


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
class Curve:
    """The artists of ``draw_curve``: a thin line for each run, and one through their mean."""

    runs: LineCollection
    line: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.runs, self.line

    def move(self, amounts: ArrayLike, runs: ArrayLike) -> None:
        """Show other values, shape (runs, n), at other amounts, shape (n,)."""
        x = np.array([on_sparsity_axis(amount) for amount in np.asarray(amounts).tolist()])
        values = np.asarray(runs, np.float64)
        self.runs.set_segments([np.stack([x, run], 1) for run in values])
        self.line.set_data(x, values.mean(0))


def draw_curve(axes: Axes, label: str, number: int) -> Curve:
    """Draw an empty line, and thin ones for its runs, on axes from ``draw_sparsity_axis``.

    Args:
        axes: where.
        label: for the legend.
        number: 0 to 6, of its colour and marker.
    """
    color = curve_color(number)
    runs = LineCollection([], colors=color, linewidths=0.7, alpha=0.6)
    axes.add_collection(runs, autolim=False)
    look: Any = {
        "markersize": 4.5,
        "linewidth": 1.8,
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
    }
    (line,) = axes.plot([], [], _LINES[number], color=color, label=label, **look)
    return Curve(runs, line)


def curve_color(number: int) -> str:
    """The colour of the curve of that number, 0 to 6."""
    return _COLORS[number]
