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

from gradlab.draw.history import draw_curve
from gradlab.draw.style import AFTER, THRESHOLD

Curve = tuple[Mapping[int, float], str]
"""step -> value, and a colour."""


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


def draw_letter(
    axes: Sequence[Axes],
    losses: Mapping[str, Curve],
    norms: Sequence[tuple[NDArray[np.float64], str]],
    rates: Sequence[tuple[NDArray[np.float64], str]],
) -> Letter:
    """Draw the curves of one run, or of several; return the artists that mark a step.

    Args:
        axes: three empty ones, for the losses, the norms and the rates.
        losses: by name.
        norms, rates: of each step, with a colour.
    """
    above, middle, below = axes
    for name, (values, color) in losses.items():
        steps, heights = np.fromiter(values, np.int64), np.fromiter(values.values(), np.float64)
        draw_curve(above, steps, heights, color, name)
    for norm, color in norms:
        draw_curve(middle, np.arange(len(norm)), norm, color)
    for rate, color in rates:
        below.plot(rate, color=color, linewidth=1.2)
    above.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(losses), borderaxespad=0)
    above.set_title("loss")
    middle.set_title("norm of the whole gradient")
    below.set_title("learning rate")
    below.set_ylim(0, 1.2 * max(rate.max() for rate, _ in rates))
    below.yaxis.set_major_locator(MaxNLocator(3))
    below.set_xlabel("step")
    last = max(len(norm) for norm, _ in norms) - 1
    below.set_xlim(-0.5, last + 0.5)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    for one in (above, middle):
        one.tick_params(labelbottom=False)
    return Letter(tuple(one.axvline(0, color=THRESHOLD, linewidth=1.2) for one in axes))


NORM = AFTER
"""The colour of the norm and the rate where there is one run."""
