"""A curve, steps on it, and how far from the bottom they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from gradlab.draw.style import axes_of, decades


@dataclass(frozen=True)
class Steps:
    """The artists of ``draw_steps``: one run, on the curve and over the steps."""

    on_curve: Line2D
    over_steps: Line2D
    end: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.on_curve, self.over_steps, self.end

    def move(self, points: ArrayLike, heights: ArrayLike, *, left: bool) -> None:
        """Show another run: (n,) points, and how high each is; a cross at the end of one that left.

        A distance that the axis cannot hold stands on its edge.
        """
        x, y = np.asarray(points, np.float64), np.asarray(heights, np.float64)
        self.on_curve.set_data(x, y)
        distances = np.clip(np.abs(x), *axes_of(self.end).get_ylim())
        self.over_steps.set_data(np.arange(1, len(x) + 1), distances)
        self.end.set_data([len(x)], distances[-1:])
        self.end.set_marker("X" if left else "o")


def draw_curve(axes: Axes, reach: float) -> Line2D:
    """Make empty axes ready for a curve over [-reach, reach]; return the curve, to be moved."""
    axes.set(xlim=(-reach, reach), ylim=(-0.05, 1.3))
    axes.set(xlabel="x (dimensionless)", ylabel="height, as a fraction of the start's")
    axes.set_title("The curve, and the steps on it")
    (curve,) = axes.plot([], [], color="#222222", linewidth=1)
    return curve


def draw_distances(axes: Axes, most: int, start: float, tolerance: float) -> None:
    """Make empty axes ready for distances from the bottom, step after step."""
    axes.set(xscale="log", yscale="log", xlim=(0.9, 1.3 * most), ylim=(tolerance / 3, 8 * start))
    axes.set(xlabel="step, the start is 1", ylabel="distance from the bottom")
    axes.set_title("Where it is after each step")
    axes.axhline(tolerance, color="#777777", linewidth=1, linestyle="--")
    axes.text(1.05, 1.2 * tolerance, "arrived", color="#777777", fontsize=9)
    decades(axes)


def draw_steps(curve: Axes, distances: Axes, label: str, color: str) -> Steps:
    """Draw an empty run on axes from ``draw_curve`` and ``draw_distances``; return what to move."""
    (on_curve,) = curve.plot([], [], "o-", color=color, linewidth=1, markersize=4, label=label)
    (over_steps,) = distances.plot([], [], color=color, linewidth=1.6, label=label)
    at = [1], [distances.get_ylim()[1]]
    (end,) = distances.plot(*at, "o", color=color, markersize=8, markeredgecolor="white")
    end.set_clip_on(False)
    return Steps(on_curve, over_steps, end)
