"""A circle and the ellipse that layers make of it; the ellipse's axes from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import AFTER, BEFORE, CYCLE, decades

LOWEST, HIGHEST = 1e-9, 1e9
_AROUND = np.linspace(0, 2 * np.pi, 181)
_CIRCLE = np.stack([np.cos(_AROUND), np.sin(_AROUND)])
_REACH = 1.25


@dataclass(frozen=True)
class Ellipse:
    """The artists of ``draw_ellipse``."""

    circle: Line2D
    ellipse: Line2D
    axes: Line2D
    followed: Line2D
    scale: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.circle, self.ellipse, self.axes, self.followed, self.scale

    def move(self, matrix: ArrayLike) -> None:
        """Show what a matrix, (2, 2), makes of the circle; the larger of the two fills the picture.

        The dots are one change of length 1, before and after.
        """
        product = np.asarray(matrix, np.float64)
        left, sizes, _ = np.linalg.svd(product)
        unit = max(1.0, float(sizes[0]))
        self.circle.set_data(*_CIRCLE / unit)
        self.ellipse.set_data(*product @ _CIRCLE / unit)
        long, short = (left * sizes / unit).T
        self.axes.set_data(*np.stack([long, -long, [np.nan] * 2, short, -short], 1))
        self.followed.set_data(*np.stack([[1 / unit, 0], product[:, 0] / unit], 1))
        self.scale.set_text(f"the frame is {2 * _REACH * unit:.3g} wide")


def draw_ellipse(axes: Axes) -> Ellipse:
    """Make empty axes a plane with a circle and an ellipse on it; return what to move."""
    axes.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.set(xlabel="first unit (the scale follows)", ylabel="second unit")
    (circle,) = axes.plot(*_CIRCLE, color=BEFORE, label="changes of length 1")
    (ellipse,) = axes.plot([], [], color=AFTER, label="after the layers")
    (across,) = axes.plot([], [], color=AFTER, linewidth=1)
    (followed,) = axes.plot([], [], "o", color=CYCLE[1], markersize=5, label="one of them")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=3, columnspacing=1, handlelength=1
    )
    scale = axes.text(0, -1.21, "", ha="center", color="#555555", fontsize=9)
    return Ellipse(circle, ellipse, across, followed, scale)


@dataclass(frozen=True)
class Spread:
    """The artists of ``draw_spread``."""

    draws: tuple[Line2D, ...]
    singular: tuple[Line2D, Line2D]
    eigenvalue: Line2D
    mean: Line2D
    slope: Line2D
    here: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        lines = *self.draws, *self.singular, self.mean, self.slope, self.eigenvalue, self.here
        return lines

    def move(
        self,
        axes: NDArray[np.float64],
        eigenvalue: ArrayLike,
        *,
        chosen: int,
        mean: ArrayLike,
        slope: ArrayLike,
        depth: int,
    ) -> None:
        """Show other products: arrays over depth, from 0 on.

        Args:
            axes: (draws, depths, 2): half axes of every draw.
            eigenvalue: (depths,): the larger one of the chosen draw.
            chosen: which draw is drawn boldly.
            mean: (depths,): root of the mean squared length.
            slope: (depths,): what the Lyapunov exponent says.
            depth: where the dots stand.
        """
        for line, half_axes in zip(self.draws, axes, strict=True):
            line.set_ydata(half_axes[:, 0])
        for line, half_axis in zip(self.singular, axes[chosen].T, strict=True):
            line.set_ydata(half_axis)
        self.eigenvalue.set_ydata(np.asarray(eigenvalue))
        self.mean.set_ydata(np.asarray(mean))
        self.slope.set_ydata(np.asarray(slope))
        self.here.set_data([depth, depth], axes[chosen, depth])


def draw_spread(axes: Axes, draws: int, deepest: int) -> Spread:
    """Make empty axes ready for lengths from layer to layer; return what to move."""
    axes.set(xlim=(0, deepest), yscale="log", ylim=(LOWEST, HIGHEST))
    axes.set(xlabel="layers", ylabel="length")
    decades(axes)
    axes.axhline(1, color="#BBBBBB", linewidth=1, zorder=1)
    depths = np.arange(deepest + 1)
    one = np.ones(deepest + 1)

    def line(label: str, color: str, **look: Any) -> Line2D:
        (drawn,) = axes.plot(depths, one, color=color, label=label, **look)
        return drawn

    others = [line("", "#C9D6DF", linewidth=0.7) for _ in range(draws)]
    others[0].set_label("longer half axis, other draws")
    longer, shorter = (line("", AFTER, linewidth=1.8) for _ in range(2))
    longer.set_label("half axes (singular values)")
    eigenvalue = line("larger |eigenvalue|", CYCLE[1], linewidth=1.4)
    mean = line("root of the mean square", CYCLE[2], linewidth=1.2, linestyle=":")
    slope = line("Lyapunov exponent", "black", linewidth=1.2, linestyle="--")
    (here,) = axes.plot([], [], "o", color=AFTER, markersize=7)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2, columnspacing=1.2)
    return Spread(tuple(others), (longer, shorter), eigenvalue, mean, slope, here)
