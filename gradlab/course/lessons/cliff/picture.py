"""A loss surface seen from above, paths over it, and a cut through it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import axes_of

_LEVELS = (0.001, 0.01, 0.03, 0.05, 0.07, 0.1, 0.2, 0.3, 0.4)
_NAMED = {0.01: (3.82, -1.67), 0.05: (4.05, -1.25), 0.07: (4.36, -0.9), 0.2: (3.58, -2.0)}
_LEVEL = "#8A8A8A"


@dataclass(frozen=True)
class Path:
    """The artists of ``draw_path``."""

    way: Line2D
    end: Line2D
    distance: Annotation

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.way, self.end, self.distance

    def move(
        self, x: ArrayLike, y: ArrayLike, end: ArrayLike, *, away: float | None = None
    ) -> None:
        """Go through other points, shapes (n,), to ``end``, shape (2,).

        The end is a dot; where the path has left the picture, an arrow that leaves it too, and how
        far ``away`` from the start the path went on to.
        """
        self.way.set_data(np.asarray(x), np.asarray(y))
        self.end.set_data(*np.asarray(end)[:, None])
        self.end.set_marker("o" if away is None else (3, 0, self._heading(end)))
        self.end.set_markersize(9 if away is None else 13)
        self.distance.set_text("" if away is None else f"{away:.3g} away")
        self.distance.xy = tuple(np.asarray(end).tolist())
        below, above = axes_of(self.way).get_ylim()
        low = np.asarray(end)[1] < (below + above) / 2
        self.distance.set_position((-18, 22 if low else -4))
        self.distance.set_verticalalignment("bottom" if low else "top")

    def _heading(self, end: ArrayLike) -> int:
        """Degrees by which a marker that points up is turned to point where the path left."""
        here = np.asarray(self.way.get_xydata(), np.float64)
        axes = axes_of(self.way)
        (low, high), (below, above) = axes.get_xlim(), axes.get_ylim()
        inside = ((here >= (low, below)) & (here <= (high, above))).all(-1)
        points = axes.transData.transform([here[np.flatnonzero(inside)[-1]], np.asarray(end)])
        across, up = points[1] - points[0]
        return round(math.degrees(math.atan2(up, across))) - 90


def draw_path(axes: Axes, label: str, color: str) -> Path:
    """Draw an empty path; return the artists to move.

    Args:
        axes: whose limits are set: a path leaves them unchanged.
        label: for the legend.
        color: of the line and its points.
    """
    (way,) = axes.plot([], [], "o-", color=color, linewidth=1.6, markersize=3.5, label=label)
    (end,) = axes.plot([], [], color=color, markersize=9, markeredgecolor="white", clip_on=False)
    end.set_zorder(5)
    beside: Any = {"xytext": (0, 0), "textcoords": "offset points", "ha": "right"}
    distance = axes.annotate("", (0, 0), color=color, fontsize=10, **beside)
    return Path(way, end, distance)


def draw_surface(axes: Axes, w: ArrayLike, b: ArrayLike, loss: ArrayLike) -> Line2D:
    """Draw a loss over two parameters as a map; return the mark of the start, to be moved.

    Args:
        axes: empty axes.
        w: (m,) increasing, horizontal.
        b: (n,) increasing, vertical.
        loss: (n, m): the darker, the higher; lines join points of equal loss.
    """
    w, b, height = np.asarray(w), np.asarray(b), np.asarray(loss)
    extent = (w[0], w[-1], b[0], b[-1])
    image = axes.imshow(
        height, cmap="Greys", vmax=1.8 * height.max(), extent=extent, aspect="auto", origin="lower"
    )
    lines = axes.contour(w, b, height, levels=_LEVELS, colors=_LEVEL, linewidths=0.6)
    for level, place in _NAMED.items():
        curves = lines.allsegs[_LEVELS.index(level)]
        _name(axes, level, np.concatenate(curves), place, image.to_rgba(np.array(level)))
    axes.grid(False)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.set(xlabel="weight w (dimensionless)", ylabel="bias b (dimensionless)")
    axes.set_title("The loss from above: dark is high")
    (start,) = axes.plot(
        [], [], "s", color="black", markersize=7, markerfacecolor="white", zorder=4
    )
    return start


def _name(
    axes: Axes, level: float, curve: NDArray[np.float64], near: tuple[float, float], ground: Any
) -> None:
    """Write a level on its curve, (n, 2); matplotlib's own labels have the reader's font."""
    at = int(np.linalg.norm(curve - near, axis=1).argmin())
    (x, y), (across, up) = curve[at], curve[at + 1] - curve[at - 1]
    axes.text(
        x,
        y,
        f"{level:g}",
        fontsize=7,
        color=_LEVEL,
        ha="center",
        va="center",
        rotation=np.degrees(np.arctan(up / across)),
        rotation_mode="anchor",
        transform_rotates_text=True,
        bbox={"facecolor": ground, "edgecolor": "none", "pad": 1},
    )


def seen(w: ArrayLike, b: ArrayLike, height: ArrayLike) -> NDArray[np.float64]:
    """Where a point of the surface is in the picture of ``draw_relief``, (2, ...).

    Seen from the side of large b: there w grows to the left, and what has a large b is in front.
    """
    w, b, height = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in (w, b, height)))
    return np.stack([-w - 0.25 * b, -0.5 * b + 3.2 * height])


def draw_relief(axes: Axes, w: ArrayLike, b: ArrayLike, loss: ArrayLike) -> Line2D:
    """Draw a loss over two parameters as a landscape; return the mark of the start, to be moved.

    Args:
        axes: empty axes.
        w: (m,) increasing.
        b: (n,) increasing: one line each, the largest in front.
        loss: (n, m).
    """
    rows = np.asarray(b)
    lines = seen(w, rows[:, None], np.asarray(loss))
    for row, x, y in zip(rows, *lines, strict=True):
        look: Any = {"zorder": 2 + row / 10}
        axes.fill_between(x, seen(0, row, 0)[1], y, facecolor="white", linewidth=0, **look)
        axes.plot(x, y, color=_LEVEL, linewidth=0.7, **look)
    axes.grid(False)
    axes.set(xticks=[], yticks=[], xlabel="← weight w grows to the left")
    axes.set_ylabel("loss ↑    (bias b: larger is nearer)", fontsize=9)
    axes.set_title("The same loss from the side")
    (left, low), (right, high) = lines.min((1, 2)), lines.max((1, 2))
    axes.set(xlim=(left - 0.45, right + 0.1), ylim=(low - 0.15, high + 0.1))
    (start,) = axes.plot(
        [], [], "s", color="black", markersize=7, markerfacecolor="white", zorder=4
    )
    return start


@dataclass(frozen=True)
class Profile:
    """The artists of ``draw_profile``."""

    ground: Line2D
    promise: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.ground, self.promise

    def move(self, loss: ArrayLike, promise: ArrayLike) -> None:
        """Show another loss along the line, and what the gradient at the start says of it."""
        self.ground.set_ydata(np.asarray(loss))
        self.promise.set_ydata(np.asarray(promise))


def draw_profile(axes: Axes, distances: ArrayLike, highest: float) -> Profile:
    """Draw an empty cut through a loss surface; return the artists to move.

    Args:
        axes: empty axes.
        distances: (n,) from the start; the start is at 0.
        highest: the upper end of the vertical axis.
    """
    far = np.asarray(distances)
    axes.set(xlim=(far[0], far[-1]), ylim=(-0.04 * highest, highest))
    axes.set(xlabel="distance from the start (dimensionless)", ylabel="loss")
    axes.set_title("From the start straight against its gradient")
    (ground,) = axes.plot(far, 0 * far, color="#444444")
    (promise,) = axes.plot(far, 0 * far, color="#444444", linewidth=1, linestyle=(0, (4, 3)))
    promise.set_label("what the gradient predicts")
    axes.legend(loc="upper right", bbox_to_anchor=(1, 1.04))
    return Profile(ground, promise)


def draw_fall(axes: Axes, steps: int, highest: float) -> None:
    """Make empty axes ready for the loss after each of ``steps`` steps, from 0 to ``highest``."""
    axes.set(xlim=(0, steps), ylim=(-0.04 * highest, highest), xlabel="step", ylabel="loss")
    axes.set_title("After each step")
