"""The rules panel: when all clip rules leave the same length, which layers lose most?"""

from __future__ import annotations

import numpy as np
from torch import nn

from gradlab.course.lessons.rules import strength
from gradlab.course.lessons.rules.picture import LEAST_KEPT, draw_kept, draw_turn
from gradlab.course.lessons.rules.strength import Outcome, Parts
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, log_slider, number

LOWEST = 10**-1.7  # about 0.02; a whole number of steps below 1


def panel(model: nn.Module) -> Rules:
    """A panel that shows what each clip rule takes from each layer, all at the same strength.

    The slider is the share of the gradient's norm that is left. For each rule the threshold that
    leaves exactly that much is found. Above: the direction before (grey) and after (blue). Below:
    what is left of each layer; the orange line is what is left of the whole.

    ``clip.Percentile`` is not drawn: once its history has given a threshold, it is ``ByNorm``.

    Args:
        model: a module after ``backward()``. Its gradient is measured once, now; the panel does not
            follow later changes.

    Raises:
        TypeError: ``model`` is no module.
        ValueError: it has no gradient, all of it is zero, or some of it is not finite.

    Note:
        Equal strength is equal length on this gradient alone. A fixed threshold that matches here
        will clip other steps more, or less. What is lost by the turn is no judgement either: a
        turned gradient may train better, which only training can tell. Adaptive clipping
        is applied to all layers here; its authors leave the last one out.
    """
    return Rules(strength.parts(model))


class Rules(Panel):
    """See ``panel``."""

    def __init__(self, gradient: Parts) -> None:
        self._gradient = gradient
        self._layers = list(gradient.histograms)
        self.share = log_slider("norm left", LOWEST, 1, 0.25)
        super().__init__([self.share], self._picture(strength.at_share(gradient, 1)))

    def _picture(self, found: dict[str, Outcome]) -> LivePicture:
        figure, axes = subplots(9, 4.5, nrows=2, ncols=len(found), height_ratios=(1, 3))
        above, below = axes[: len(found)], axes[len(found) :]
        self.turns = [draw_turn(a, name) for a, name in zip(above, found, strict=True)]
        self.kept = [
            draw_kept(a, self._layers, outcome.rule.bound_name)
            for a, outcome in zip(below, found.values(), strict=True)
        ]
        for a in below[1:]:
            a.tick_params(labelleft=False)
        turning = [artist for turn in self.turns for artist in turn.artists]
        return LivePicture(figure, [*turning, *(a for kept in self.kept for a in kept.artists)])

    def show(self) -> str:
        """Find each rule's threshold for the slider's share, and what it does."""
        share = min(self.share.value, 1.0)
        found = strength.at_share(self._gradient, share)
        for turn, kept, outcome in zip(self.turns, self.kept, found.values(), strict=True):
            turn.move(outcome.degrees)
            kept.move(outcome.kept, share, number(outcome.rule.bound))
        label, unseen = f"norm left = {number(share)}", _unseen(found)
        if share > 1 - 1e-6:
            return f"{label}: nothing is clipped, by any rule, at these thresholds.{unseen}"
        norm = self._gradient.norm
        said = " ".join(self._in_words(*item) for item in found.items())
        return (
            f"{label}: every rule cuts the norm {number(norm)} to {number(share * norm)}. "
            f"{said}{unseen}"
        )

    def _in_words(self, name: str, outcome: Outcome) -> str:
        kept = outcome.kept
        low, high = int(np.nanargmin(kept)), int(np.nanargmax(kept))
        takes = (
            f"most from {self._layers[low]} ({number(kept[low])} left) and "
            f"least from {self._layers[high]} ({number(kept[high])} left)"
        )
        if kept[high] - kept[low] < 1e-3 * kept[high]:
            takes = "the same share of every layer"
        bound = f"{outcome.rule.bound_name} = {number(outcome.rule.bound)}"
        rule = f"{name[0].upper()}{name[1:]}, {bound}"
        return f"{rule}: turns it by {outcome.degrees:.1f}°, takes {takes}."


def _unseen(found: dict[str, Outcome]) -> str:
    """What the axes cannot show: a sentence for each, or ''."""
    kept = np.stack([outcome.kept for outcome in found.values()])
    zeros, below = int(np.isnan(kept[0]).sum()), int((kept < LEAST_KEPT).sum())
    said = f" Triangles: less than {LEAST_KEPT:g} is left." if below else ""
    return said + (f" Not in the picture: {zeros} layers whose gradient is zero." * bool(zeros))
