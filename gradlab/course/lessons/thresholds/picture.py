"""What S3 claims beside what our runs say: two columns of accuracies for each network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from gradlab.draw.figure import legend_look, sample
from gradlab.draw.style import AFTER, BEFORE

_THEIRS: Any = {
    "color": "#6E6E6E",
    "linestyle": (0, (4, 2)),
    "marker": "D",
    "markersize": 7,
    "markerfacecolor": "white",
    "linewidth": 1.3,
}
_OURS: Any = {"color": AFTER, "linewidth": 2.2, "marker": "o", "markersize": 7}
_SEED: Any = {"color": AFTER, "marker": "o", "markersize": 4, "linestyle": "none", "alpha": 0.45}


@dataclass(frozen=True)
class Column:
    """The artists of ``draw_network``: our mean, and every seed."""

    mean: Line2D
    seeds: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.seeds, self.mean

    def move(self, accuracies: ArrayLike) -> None:
        """Show other accuracies, (2, seeds)."""
        found = np.asarray(accuracies, float)
        self.mean.set_ydata(found.mean(1))
        aside = np.array([[-0.12], [0.12]]) + np.zeros_like(found)
        self.seeds.set_data((np.array([[0], [1]]) + aside).ravel(), found.ravel())


def draw_network(
    axes: Axes, name: str, claimed: Sequence[float], columns: Sequence[str], *, first: bool
) -> Column:
    """Draw what is claimed of a network; return our artists, to be moved.

    Args:
        axes: empty axes.
        name: of the network.
        claimed: test accuracies, for the small T and the large.
        columns: what the two columns are called.
        first: whether it is the leftmost, which has the labels of the axis.
    """
    ticks = np.linspace(0, 1, 6)
    axes.set(xlim=(-0.5, 1.5), ylim=(0, 1))
    axes.set_xticks((0, 1), columns)
    axes.set_yticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axes.tick_params(labelleft=first)
    axes.set_title(name)
    if first:
        axes.set_ylabel("test accuracy")
    axes.axhline(0.1, color=BEFORE, linewidth=1, linestyle=":")
    axes.text(1.48, 0.11, "guessing, ours", color="#6E6E6E", fontsize=8, ha="right")
    axes.plot((0, 1), claimed, **_THEIRS)
    (seeds,) = axes.plot([], [], **_SEED)
    (mean,) = axes.plot((0, 1), (0, 0), **_OURS)
    return Column(mean, seeds)


def draw_key(figure: Figure) -> None:
    """Say above the picture what is whose."""
    figure.legend(
        handles=[
            sample("S3's claim: ImageNet, λ = 1", **_THEIRS),
            sample("ours, mean: patches of photographs", **_OURS),
            sample("ours, each seed", **_SEED),
        ],
        loc="outside upper left",
        ncols=3,
        **legend_look(),
    )
