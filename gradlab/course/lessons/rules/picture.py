"""What clip rules leave of each layer, and how far they turn the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Arc
from matplotlib.text import Annotation, Text
from numpy.typing import ArrayLike

from gradlab.draw.style import AFTER, BEFORE, THRESHOLD, abbreviated, decades

LEAST_KEPT = 1e-3


@dataclass(frozen=True)
class Kept:
    """The artists of ``draw_kept``."""

    dots: Line2D
    beyond: Line2D
    taken: Line2D
    share: Line2D
    threshold: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.share, self.taken, self.dots, self.beyond, self.threshold

    def move(self, kept: ArrayLike, share: float, threshold: str) -> None:
        """Show what is left of each layer, shape (n,) in [0, 1], and of all, at a threshold.

        What is left of below ``LEAST_KEPT`` becomes a triangle on the edge; NaN has no dot.
        """
        values = np.asarray(kept, np.float64)
        rows = np.arange(len(values))
        edge = values.clip(min=LEAST_KEPT)
        self.dots.set_data(edge, rows)
        self.beyond.set_data(edge[values < LEAST_KEPT], rows[values < LEAST_KEPT])
        ends = np.stack([edge, np.ones_like(edge), np.full_like(edge, np.nan)], 1)
        self.taken.set_data(ends.ravel(), np.repeat(rows, 3))  # NaN parts the lines
        self.share.set_xdata([share, share])
        self.threshold.set_text(threshold)


def draw_kept(axes: Axes, names: Sequence[str], bound: str) -> Kept:
    """Draw an empty row for each layer, over what is left of its norm.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic, the first name is on top.
        names: n names.
        bound: the name of the threshold.
    """
    rows = np.arange(len(names))
    axes.set(xscale="log", xlim=(LEAST_KEPT, 1.4), ylim=(len(names) - 0.4, -0.6))
    axes.set_xlabel("norm after / norm before", fontsize=9)
    every = -(-len(names) // 24)  # more names are not legible at this height
    axes.set_yticks(rows[::every], [abbreviated(name) for name in names[::every]], fontsize=8)
    axes.axvline(1, color=BEFORE, linewidth=1.2)
    share = axes.axvline(1, color=THRESHOLD, linewidth=1.6)
    (taken,) = axes.plot([], [], color=AFTER, linewidth=3, alpha=0.3)
    (dots,) = axes.plot([], [], "o", color=AFTER, markersize=4.5)
    # A marker that is not cut at the axes needs a place in them before the layout is settled.
    (beyond,) = axes.plot([LEAST_KEPT], [0], "<", color=AFTER, clip_on=False, zorder=5)
    axes.set_title(" ")  # room for the threshold
    place: Any = {"transform": axes.transAxes, "color": THRESHOLD, "fontsize": 10, "va": "bottom"}
    axes.text(0.58, 1.01, f"{bound} =", ha="right", **place)  # still: text is slow to draw
    threshold = axes.text(0.62, 1.01, "", **place)
    decades(axes)
    return Kept(dots, beyond, taken, share, threshold)


@dataclass(frozen=True)
class Turn:
    """The artists of ``draw_turn``."""

    after: Annotation
    label: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.after, self.label

    def move(self, degrees: float) -> None:
        """Point ``degrees`` away from the direction before, 0 to 90."""
        angle = np.radians(degrees)
        self.after.xy = (float(np.cos(angle)), float(np.sin(angle)))
        self.label.set_text(f"{degrees:.0f}°")


def draw_turn(axes: Axes, name: str) -> Turn:
    """Draw a quarter circle with the direction before, and an arrow for the direction after.

    Args:
        axes: empty axes; lose their frame.
        name: of the rule.
    """
    axes.set(xlim=(-0.06, 1.95), ylim=(-0.1, 1.1), aspect="equal", title=name)
    axes.axis("off")
    axes.add_patch(Arc((0, 0), 2, 2, theta1=0, theta2=90, color="#CCCCCC", linewidth=1))
    for color, width in ((BEFORE, 2.0), (AFTER, 2.4)):
        arrow = {"arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 0}
        after = axes.annotate("", (1, 0), (0, 0), arrowprops=arrow | {"shrinkB": 0})
    label = axes.text(1.12, 0.62, "", color=AFTER, fontsize=13, va="center")
    return Turn(after, label)
