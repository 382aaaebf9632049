"""What strangers send of a run: the loss, the norm of the gradient, the rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from gradlab.draw.style import THRESHOLD, legible


@dataclass(frozen=True, eq=False)
class Curves:
    """What is drawn of one run.

    Args:
        losses: by name and step, each with its colour.
        norm, rate: (n,): of each step.
        color: of the norm and the rate.
        width: of all lines.
    """

    losses: Mapping[str, tuple[Mapping[int, float], str]]
    norm: NDArray[np.float64]
    rate: NDArray[np.float64]
    color: str
    width: float = 1.2


@dataclass(frozen=True)
class Letter:
    """The artists of ``draw_letter``."""

    cursors: tuple[Line2D, ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.cursors

    def move(self, step: int) -> None:
        """Go to a step."""
        for cursor in self.cursors:
            cursor.set_xdata([step, step])


def draw_letter(axes: Sequence[Axes], runs: Sequence[Curves]) -> Letter:
    """Draw one run, or several over each other; return the artists that mark a step.

    Args:
        axes: three empty ones, for the losses, the norms and the rates.
        runs: the last one lies above the others.
    """
    losses, norms, rates = axes
    for run in runs:
        for name, (by_step, color) in run.losses.items():
            marker = "." if len(by_step) < len(run.norm) else ""
            losses.plot(
                list(by_step), list(by_step.values()), color=color, label=name, marker=marker,
                markersize=5, linewidth=run.width,
            )  # fmt: skip
        norms.plot(run.norm, color=run.color, linewidth=run.width)
        rates.plot(run.rate, color=run.color, linewidth=run.width)
    highest = max(max(by_step.values()) for run in runs for by_step, _ in run.losses.values())
    losses.set(title="loss", ylim=(0, 1.05 * highest))
    losses.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
    ends = min(run.norm.min() for run in runs), max(run.norm.max() for run in runs)
    norms.set(
        title="norm of the whole gradient", yscale="log", ylim=(ends[0] / 1.25, ends[1] * 1.25)
    )
    legible(norms.yaxis)
    rates.set(title="learning rate", xlabel="step")
    rates.set_ylim(0, 1.2 * max(run.rate.max() for run in runs))
    rates.yaxis.set_major_locator(MaxNLocator(2))
    for one in axes:
        one.set_xlim(-0.5, max(len(run.norm) for run in runs) - 0.5)
        one.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
    for one in (losses, norms):
        one.tick_params(labelbottom=False)  # those of the rates below
    return Letter(tuple(one.axvline(0, color=THRESHOLD, linewidth=1.2) for one in axes))
