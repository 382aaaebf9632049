"""Training runs side by side: their curves, how far they have come, and where they ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import decades


@dataclass(frozen=True)
class Trace:
    """The artists of ``draw_trace``: the curve so far, its last point, and the cross of its end."""

    values: NDArray[np.float64]
    line: Line2D
    now: Line2D
    cross: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.line, self.now, self.cross

    def move(self, step: int, *, ended: bool) -> None:
        """Show the curve up to ``step``; a cross instead of a dot where it has ended."""
        last = min(step, len(self.values) - 1)
        self.line.set_data(np.arange(last + 1), self.values[: last + 1])
        self.now.set_data([last], [self.values[last]])
        self.now.set_visible(not ended)
        self.cross.set_visible(ended)


def draw_race(axes: Axes, steps: int, limits: tuple[float, float], what: str) -> None:
    """Make empty axes ready for curves over ``steps`` steps; the vertical one is logarithmic."""
    axes.set(xlim=(-0.01 * steps, 1.01 * steps), yscale="log", ylim=limits)
    axes.set(xlabel="step", ylabel=what)
    decades(axes)


def draw_trace(axes: Axes, values: ArrayLike, label: str, color: str) -> Trace:
    """Draw all of a curve faintly, and an empty one over it; return the artists to move.

    Args:
        axes: from ``draw_race``.
        values: (n,), one for each step; what lies beyond the axis, or is not finite, is drawn on
            its edge.
        label: for the legend.
        color: of the curve.
    """
    edge = np.clip(np.nan_to_num(np.asarray(values, np.float64), nan=np.inf), *axes.get_ylim())
    axes.plot(np.arange(len(edge)), edge, color=color, linewidth=1, alpha=0.25)
    (line,) = axes.plot([], [], color=color, linewidth=1.5, label=label)
    look: Any = {"color": color, "clip_on": False}
    (now,) = axes.plot([0], edge[:1], "o", markersize=7, zorder=5, **look)
    end = [len(edge)], [axes.get_ylim()[1]]  # the step after the last that has numbers
    (cross,) = axes.plot(*end, "X", markersize=11, markeredgecolor="white", zorder=6, **look)
    return Trace(edge, line, now, cross)
