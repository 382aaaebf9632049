"""Two suspects: the loss of each, as it was and in the experiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

from gradlab.draw.style import AFTER, BEFORE, decades

_LIMITS = 0.01, 100.0
STEPS = 126


@dataclass(frozen=True)
class Losses:
    """The artists of ``draw_losses``."""

    before: Line2D
    after: Line2D
    name: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.before, self.after, self.name

    def move(
        self, name: str, before: NDArray[np.float64], after: NDArray[np.float64] | None
    ) -> None:
        """Name the suspect and show its losses; None: the experiment is still to be made.

        What lies beyond the axis is drawn on its edge; a cross is the last loss that was finite.
        """
        self.name.set_text(name)
        for line, losses in ((self.before, before), (self.after, after)):
            shown = np.clip([] if losses is None else losses, *_LIMITS)
            line.set_data(np.arange(len(shown)), shown)
            last = int(np.isfinite(shown).sum()) - 1
            line.set_markevery([last] if 0 <= last < len(shown) - 1 else [])


def draw_losses(axes: Axes) -> Losses:
    """Make axes ready for the losses of one suspect; return the artists to move."""
    axes.set(xlim=(0, STEPS), yscale="log", ylim=_LIMITS, xlabel="step", ylabel="loss")
    decades(axes)
    axes.set_title(" ")
    (before,) = axes.plot([], [], color=BEFORE, linewidth=1.2, label="as it was")
    (after,) = axes.plot([], [], color=AFTER, linewidth=1.6, label="in the experiment")
    axes.legend(loc="upper right")
    for line in (before, after):
        line.set(marker="X", markersize=7, clip_on=False, in_layout=False)
    name = axes.text(0, 1.02, "", va="bottom", fontsize=11, transform=axes.transAxes)
    return Losses(before, after, name)
