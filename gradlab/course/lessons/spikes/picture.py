"""Signs under their bounds, and the futures of a run with where they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from gradlab.draw.style import AFTER, BEFORE, CYCLE, THRESHOLD, axes_of, legible


@dataclass(frozen=True)
class Sign:
    """The artists of ``draw_sign``."""

    values: Line2D
    bound: Line2D
    alarms: Line2D
    spike: Line2D
    words: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.values, self.bound, self.alarms, self.spike, self.words

    def fill(self, values: ArrayLike, onset: int, before: int, after: int) -> None:
        """Show other values, (n,), around their spike; the picture must be redrawn."""
        seen = np.asarray(values, float)
        self.values.set_data(np.arange(len(seen)), seen)
        self.spike.set_xdata([onset, onset])
        near = seen[onset - before : onset + after + 1]
        axes = axes_of(self.values)
        axes.set(xlim=(onset - before, onset + after), ylim=(near.min() / 1.3, near.max() * 1.6))
        legible(axes.yaxis)

    def move(self, bound: ArrayLike, alarms: ArrayLike, words: str) -> None:
        """Show another bound, (n,), the steps that are above it, and what is said of them."""
        height = np.asarray(bound, float)
        self.bound.set_data(np.arange(len(height)), height)
        steps = np.flatnonzero(alarms)
        self.alarms.set_data(steps, np.asarray(self.values.get_ydata(), float)[steps])
        self.words.set_text(words)


def draw_sign(axes: Axes, name: str, below: bool) -> Sign:
    """Draw an empty sign; return what to move.

    Args:
        axes: empty axes; the vertical one becomes logarithmic.
        name: of the sign.
        below: whether the axis of steps is named here.
    """
    axes.set(yscale="log", ylabel=name, xlabel="step" if below else "")
    axes.set_title(" ")  # room for the words
    spike = axes.axvline(0, color="black", linewidth=0.9, linestyle=":")
    (values,) = axes.plot([], [], color=AFTER, linewidth=1.4)
    (bound,) = axes.plot([], [], color=THRESHOLD, linewidth=1.4)
    (alarms,) = axes.plot([], [], "o", color=THRESHOLD, markersize=5, zorder=5)
    words = axes.text(0, 1.03, "", transform=axes.transAxes, fontsize=9.5, va="bottom")
    return Sign(values, bound, alarms, spike, words)


@dataclass(frozen=True)
class Paths:
    """The artists of ``draw_paths``: a line for each treatment, and two that are trained now."""

    lines: dict[str, Line2D]
    untreated: Line2D
    treated: Line2D
    start: Line2D
    spike: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.lines.values(), self.untreated, self.treated, self.start, self.spike

    def move(self, name: str, steps: ArrayLike, losses: ArrayLike, chosen: bool) -> None:
        """Show another future of a treatment, (n,) each; the chosen one is thick."""
        line = self.lines[name]
        line.set_data(steps, np.clip(losses, *axes_of(line).get_ylim()))
        line.set(linewidth=3.2 if chosen else 1.3, alpha=1 if chosen else 0.75)
        line.set_zorder(4 if chosen else 3)


def draw_paths(axes: Axes, names: Sequence[str], steps: tuple[int, int]) -> Paths:
    """Draw empty futures; return what to move.

    Args:
        axes: empty axes; the vertical one becomes logarithmic.
        names: of the treatments.
        steps: the ends of the axis of steps.
    """
    axes.set(xlim=steps, yscale="log", ylim=(0.3, 12), xlabel="step", ylabel="training loss")
    legible(axes.yaxis)
    lines = {name: axes.plot([], [], color=color)[0] for name, color in colors(names).items()}
    look: Any = {"color": "black", "linestyle": "--"}
    (untreated,) = axes.plot([], [], linewidth=0.9, label="now: none", **look)
    (treated,) = axes.plot([], [], linewidth=2.2, label="now: treated", **look)
    start = axes.axvline(0, color="black", linewidth=0.9)
    spike = axes.axvline(0, color="black", linewidth=0.9, linestyle=":")
    axes.legend(loc="lower right")
    axes.set_title("what became of this run (colours as on the right)")
    return Paths(lines, untreated, treated, start, spike)


@dataclass(frozen=True)
class Ends:
    """The artists of ``draw_ends``: a dot for each seed, a bar for the median, a ring."""

    dots: tuple[Line2D, ...]
    medians: Line2D
    ring: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.dots, self.medians, self.ring

    def limit(self, low: float, high: float) -> None:
        """Show losses from ``low`` to ``high``; the picture must be redrawn."""
        axes = axes_of(self.ring)
        axes.set_xlim(low, high)
        axes.xaxis.set_major_locator(MaxNLocator(5))

    def move(self, ends: ArrayLike, here: int) -> None:
        """Show other ends, (treatments, seeds); the seed in place ``here`` has rings."""
        seen = np.asarray(ends, float)
        limits = axes_of(self.ring).get_xlim()
        for dots, row in zip(self.dots, seen, strict=True):
            dots.set_xdata(np.clip(row, *limits))
        self.medians.set_xdata(np.clip(np.median(seen, 1), *limits))
        self.ring.set_xdata(np.clip(seen[:, here], *limits))


def draw_ends(axes: Axes, names: Sequence[str], seeds: int) -> Ends:
    """Draw a row of dots for each treatment; return what to move.

    Args:
        axes: empty axes.
        names: of the treatments, the first on top.
        seeds: dots in each row.
    """
    rows = np.arange(len(names))
    axes.set(ylim=(len(names) - 0.5, -0.5), xlabel="validation loss at the end")
    axes.set_yticks(rows, names)
    look: Any = {"linestyle": "none", "clip_on": False}
    dots = [
        axes.plot(np.ones(seeds), np.full(seeds, row), marker="o", alpha=0.6, color=color, **look)[
            0
        ]
        for row, color in enumerate(colors(names).values())
    ]
    ones = np.ones(len(names))
    median: Any = {"marker": "|", "markersize": 20, "markeredgewidth": 2, "color": "black"}
    (medians,) = axes.plot(ones, rows, **median, **look)
    ring: Any = {"marker": "o", "markersize": 10, "markerfacecolor": "none", "color": "black"}
    (rings,) = axes.plot(ones, rows, **ring, **look)
    for artist in (*dots, medians, rings):
        artist.set_in_layout(False)  # where they start is beyond the axes
    axes.set_title("all seeds (bar: median; ring: this run)")
    return Ends(tuple(dots), medians, rings)


def colors(names: Sequence[str]) -> dict[str, str]:
    """The colour of each treatment; the first is grey."""
    return dict(zip(names, (BEFORE, *CYCLE[:5]), strict=True))
