"""The numbers behind a verdict, a dot per seed, and the verdict wherever the line is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import NullLocator

from gradlab.course.claims.evidence import Evidence
from gradlab.draw.style import AFTER, BEFORE, THRESHOLD, abbreviated

NAME = 34
"""Letters of a number's name that fit beside the axes."""


@dataclass(frozen=True)
class Dots:
    """The artists of ``draw_dots``."""

    axes: Axes
    title: Text
    seeds: Line2D
    means: Line2D
    bounds: Line2D
    about: Text
    nothing: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.seeds, self.means, self.bounds, self.about, self.nothing

    def open(
        self, title: str, evidence: Evidence | None, span: tuple[float, float], nothing: str
    ) -> None:
        """Show other numbers, or say that there are none; the still parts have to be redrawn.

        Args:
            title: what they are to decide.
            evidence: what to show.
            span: the ends of the axis.
            nothing: what to say where there is no evidence.
        """
        numbers = {} if evidence is None else dict(evidence.numbers)
        percent = evidence is not None and evidence.spec.endswith("%")
        self.title.set_text(title)
        self.nothing.set_text("" if evidence else nothing)
        self.axes.set(xlim=span, ylim=(max(len(numbers), 2) - 0.4, -0.6))
        self.axes.set_yticks(range(len(numbers)), [abbreviated(name, NAME) for name in numbers])
        self.axes.xaxis.set_major_formatter(lambda value, _: _tick(value, percent))
        self.axes.locator_params(axis="x", nbins=6)

    def move(self, evidence: Evidence | None) -> None:
        """Show the dots and the lines of the same numbers with other cut-offs."""
        numbers = list(evidence.numbers.values()) if evidence else []
        rows = [(row, value) for row, seeds in enumerate(numbers) for value in seeds.values]
        self.seeds.set_data([value for _, value in rows], [row for row, _ in rows])
        self.means.set_data([seeds.mean for seeds in numbers], range(len(numbers)))
        self.about.set_text(evidence.about if evidence else "")
        bounds = evidence.bounds if evidence else ()
        ends = np.array([(at, at, np.nan) for at in bounds]).ravel()  # NaN parts the lines
        self.bounds.set_data(ends, [0, 1, np.nan] * len(bounds))


def _tick(value: float, percent: bool) -> str:
    text = f"{100 * value:.4g} %" if percent else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def draw_dots(axes: Axes) -> Dots:
    """Draw axes for a dot per seed, a row per number, with room for names; return what to open."""
    axes.set_yticks([0], ["n" * 28])
    axes.set_xlabel(" ")  # room for what the numbers are
    axes.axvline(0, color=BEFORE, linewidth=1)
    axes.set_title(" ", pad=26)  # room for the legend, and for the title of the figure
    figure = axes.get_figure(root=True)
    assert figure is not None
    title = axes.text(0.015, 0.985, "", fontsize=12, va="top", transform=figure.transFigure)
    (bounds,) = axes.plot(
        [],
        [],
        color=THRESHOLD,
        linewidth=1.6,
        transform=axes.get_xaxis_transform(),
        label="what the rule compares with",
    )
    (seeds,) = axes.plot([], [], "o", color=AFTER, markersize=7, alpha=0.55, label="a seed")
    seeds.set_markeredgewidth(0)
    (means,) = axes.plot(
        [], [], "|", color="black", markersize=14, markeredgewidth=2, label="mean over seeds"
    )
    handles = [seeds, means, bounds]
    axes.legend(
        handles=handles, loc="lower left", ncols=3, bbox_to_anchor=(-0.02, 0.98), borderaxespad=0
    )
    about = axes.text(0.5, -0.11, "", ha="center", va="top", transform=axes.transAxes)
    nothing = axes.text(
        0.5, 0.5, "", ha="center", va="center", color="#555555", transform=axes.transAxes
    )
    return Dots(axes, title, seeds, means, bounds, about, nothing)


@dataclass(frozen=True)
class Strip:
    """The artists of ``draw_strip``."""

    words: tuple[str, ...]
    line: Line2D
    here: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.line, self.here

    def move(self, factors: Sequence[float], words: Sequence[str], here: float) -> None:
        """Show which verdict each factor gives, and mark one; no words: show nothing."""
        rows = [self.words.index(word) for word in words]
        self.line.set_data(factors[: len(rows)], rows)
        at = list(factors).index(here)
        self.here.set_data([here] * bool(rows), rows[at : at + 1])


def draw_strip(axes: Axes, factors: Sequence[float], words: Sequence[str]) -> Strip:
    """Draw axes for the verdict at several multiples of the cut-offs; return what to move.

    Args:
        axes: empty axes; the horizontal one becomes logarithmic.
        factors: ascending.
        words: all verdicts, from above.
    """
    edge = (factors[-1] / factors[-2]) ** 0.5
    axes.set(xscale="log", xlim=(factors[0] / edge, factors[-1] * edge))
    axes.set(ylim=(len(words) - 0.4, -0.6), xlabel="the cut-off, in units of the rule's own")
    axes.set_yticks(range(len(words)), words)
    axes.set_xticks(factors, [f"{factor:.2g}" for factor in factors])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color=BEFORE, linewidth=1.5)
    (line,) = axes.plot([], [], "o-", color=AFTER, linewidth=1, drawstyle="steps-mid")
    (here,) = axes.plot([], [], "o", color=THRESHOLD, markersize=11)
    return Strip(tuple(words), line, here)
