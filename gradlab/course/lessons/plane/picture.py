"""Vectors in the plane, the regions that clipping keeps them in, and how far it turns them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.quiver import Quiver
from matplotlib.text import Text
from numpy.typing import ArrayLike

from gradlab.draw.style import AFTER, BEFORE, decades


def draw_plane(axes: Axes, reach: float) -> None:
    """Make empty axes a plane from -``reach`` to ``reach`` both ways, its units equally long."""
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set(xlabel="first element of the gradient", ylabel="second element")
    axes.axhline(0, color="#BBBBBB", linewidth=1, zorder=1)
    axes.axvline(0, color="#BBBBBB", linewidth=1, zorder=1)


@dataclass(frozen=True)
class Arrow:
    """The artists of ``draw_arrow``: a vector from the origin, and the border it may not cross."""

    arrow: Quiver
    border: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.border, self.arrow

    def move(self, vector: ArrayLike, border: ArrayLike = ((), ())) -> None:
        """Show another vector, shape (2,), and another border, shape (2, n)."""
        self.arrow.set_UVC(*np.asarray(vector, np.float64)[:, None])
        self.border.set_data(*np.asarray(border))


def draw_arrow(axes: Axes, label: str, color: str, width: float = 0.009) -> Arrow:
    """Draw an arrow of length 0; return the artists to move.

    Args:
        axes: from ``draw_plane``.
        label: for the legend.
        color: of the arrow and its border.
        width: of the shaft, as a fraction of the axes' width.
    """
    arrow = axes.quiver(
        [0],
        [0],
        [0],
        [0],
        facecolor=color,
        edgecolor="none",
        width=width,
        angles="xy",
        scale_units="xy",
        scale=1,
    )
    arrow.set(label=label, zorder=3)
    (border,) = axes.plot([], [], color=color, linewidth=1.3)
    return Arrow(arrow, border)


@dataclass(frozen=True)
class Angle:
    """The artists of ``draw_angle``."""

    arc: Line2D
    label: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.arc, self.label

    def move(self, arc: ArrayLike, place: ArrayLike, label: str) -> None:
        """Show another arc, (2, n), and say ``label`` at a place, (2,); "" hides both."""
        self.arc.set_data(*np.asarray(arc))
        self.label.set_position(tuple(np.asarray(place)))
        self.label.set_text(label)
        for artist in self.artists:
            artist.set_visible(bool(label))


def draw_angle(axes: Axes, color: str) -> Angle:
    """Draw an angle, hidden until it is moved."""
    (arc,) = axes.plot([0], [0], color=color, linewidth=1.5, visible=False)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    label = axes.text(
        0, 0, "", color=color, fontsize=11, ha="center", va="center", visible=False, bbox=box
    )
    label.set_zorder(4)
    return Angle(arc, label)


@dataclass(frozen=True)
class Compass:
    """The artists of ``draw_compass``."""

    curve: Line2D
    here: Line2D
    kept: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.curve, self.kept, self.here

    def move(self, turns: ArrayLike, direction: float, turned: float, kept: float) -> None:
        """Show other angles, shape (n,), and those of the two rules at one direction."""
        self.curve.set_ydata(np.asarray(turns))
        self.here.set_data([direction], [turned])
        self.kept.set_data([direction], [kept])


def draw_compass(axes: Axes, directions: ArrayLike, by_value: str, by_norm: str) -> Compass:
    """Draw a flat curve of the angles by which clipping turns a gradient; return what to move.

    Args:
        axes: empty axes.
        directions: (n,) of the gradient, in degrees, increasing.
        by_value: colour of the curve, and of the dot on it.
        by_norm: colour of the other dot.
    """
    along = np.asarray(directions)
    axes.set(xlim=(along[0], along[-1]), ylim=(-2, 47))
    axes.set_xticks(np.arange(along[0], along[-1] + 1, 90))
    axes.set(xlabel="direction of the gradient (degrees)", ylabel="turned by clipping (degrees)")
    axes.set_title("Every direction at this length")
    (curve,) = axes.plot(along, 0 * along, color=by_value)
    (kept,) = axes.plot([], [], "o", color=by_norm, markersize=9)
    (here,) = axes.plot([], [], "o", color=by_value, markersize=9)
    return Compass(curve, here, kept)


@dataclass(frozen=True)
class Turns:
    """The artists of ``draw_turns``."""

    chosen: Line2D
    here: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.chosen, self.here

    def move(self, degrees: ArrayLike, place: int) -> None:
        """Show another draw's curve, (n,), with a dot at one of its places."""
        turned = np.asarray(degrees)
        self.chosen.set_ydata(turned)
        sizes = np.asarray(self.chosen.get_xdata())
        self.here.set_data([sizes[place]], [turned[place]])


def draw_turns(
    axes: Axes, sizes: ArrayLike, *, others: ArrayLike, farthest: ArrayLike, random: ArrayLike
) -> Turns:
    """Draw how far clipping turns n numbers, over n; return what to move.

    Args:
        axes: empty axes.
        sizes: (n,) increasing.
        others: (draws, n): degrees, drawn thinly.
        farthest: (n,): the farthest that is possible, degrees.
        random: (n,): where a random direction is, degrees.
    """
    along = np.asarray(sizes)
    axes.set(xscale="log", xlim=(along[0], along[-1]), ylim=(-2, 94))
    axes.set(xlabel="numbers in the gradient (n)", ylabel="turned by clipping (degrees)")
    axes.set_yticks(range(0, 91, 15))
    decades(axes)
    axes.plot(along, np.asarray(random), color=BEFORE, linestyle="--", label="a random direction")
    axes.plot(
        along,
        np.asarray(farthest),
        color="black",
        linewidth=1.2,
        label="the farthest, arccos(1/√n)",
    )
    for turned in np.asarray(others):
        axes.plot(along, turned, color="#C9D6DF", linewidth=0.7)
    (chosen,) = axes.plot(along, 0 * along, color=AFTER, label="this gradient, signs only")
    (here,) = axes.plot(along[:1], [0], "o", color=AFTER, markersize=9, markeredgecolor="white")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    return Turns(chosen, here)
