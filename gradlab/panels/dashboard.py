"""What a steered run looks like, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import Rule
from gradlab.draw.gradients import draw_magnitudes
from gradlab.draw.steer import (
    Future,
    draw_clipping,
    draw_futures,
    draw_setting,
    draw_span,
    draw_steering_key,
)
from gradlab.draw.style import AFTER, THRESHOLD
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import counted, number, percent
from gradlab.training import Steered
from gradlab.training.branch import Branch, Gradient, Taken

NOT_AT_ALL = "not at all"
"""What menus and sentences call no clipping."""

_EDGES = np.geomspace(1e-8, 1e2, 68)
_COUNTED = np.array([0, *_EDGES[1:-1], inf])  # the bars at the edges hold all that is beyond
_LOSSES, _NORMS = (1e-4, 1e4), (1e-6, 1e8)  # the furthest that the axes go


class Dashboard:
    """The picture of the steer panel.

    Args:
        rates: the decades of the learning rate's axis.
        run: what will be shown.
    """

    def __init__(self, rates: tuple[float, float], run: Steered) -> None:
        self._rates = 0.8 * 10 ** rates[0], 1.25 * 10 ** rates[1]
        figure, (loss, elements, norm, rate) = subplots(9, 5, nrows=2, ncols=2, width_ratios=(5, 4))
        draw_steering_key(figure)
        self.loss = draw_futures(loss, "loss of the batch")
        self.norm = draw_futures(norm, "norm of the gradient")
        self.rate = draw_futures(rate, "learning rate", held=True)
        self.clipping = draw_clipping(norm)
        self.max_norm = draw_setting(norm, THRESHOLD)
        self.next_rate = draw_setting(rate, AFTER)
        self.bars = draw_magnitudes(elements, _EDGES, 1e-5, "|gradient element|")
        elements.set_ylabel("share of the elements")
        for axes in (norm, rate):
            axes.set_xlabel("step")
        self.axes = loss, norm, rate
        self._fit(run.branches)
        curves = (self.loss, self.clipping, self.norm, self.rate, self.max_norm, self.next_rate)
        moving = [artist for each in (*curves, self.bars) for artist in each.artists]
        self.picture = LivePicture(figure, moving)

    def show(self, run: Steered) -> str:
        """Move the artists to what the run is now; the same in words."""
        branches, gradient, clip, rate = run.branches, run.gradient, run.clip, run.learning_rate
        *left, now = branches
        position = len(now) - run.ahead
        if self._fit(branches):
            self.picture.redraw()
        self._move_curves(left, now, position)
        self._move_settings(position, clip, rate)
        if gradient is not None:
            self.bars.move(*gradient.shares(_COUNTED))
        elif not position or run.ended:  # between, an uncounted one leaves the one before it
            self.bars.move(*np.zeros((2, len(_EDGES) - 1)))
        return " ".join(_in_words(left, now, position, clip, rate, gradient))

    def _fit(self, branches: Sequence[Branch]) -> bool:
        """Axes that hold all branches, and grow by leaps; whether this was one."""
        longest = max(len(branch) for branch in branches)
        steps = next(n * 10**k for k in range(1, 12) for n in (2, 5, 10) if n * 10**k >= longest)
        losses = _decades([0.1, 10.0], [branch.loss for branch in branches], _LOSSES)
        norms = _decades([0.01, 100.0], [branch.total_norm for branch in branches], _NORMS)
        spans = zip(self.axes, (losses, norms, self._rates), strict=True)
        return any([draw_span(axes, steps, limits) for axes, limits in spans])  # noqa: C419

    def _move_curves(self, left: list[Branch], now: Branch, position: int) -> None:
        for futures, column in (
            (self.loss, "loss"),
            (self.norm, "total_norm"),
            (self.rate, "learning_rate"),
        ):
            others = [_future(branch, column, branch.forked_at) for branch in left]
            if position < len(now):
                others.append(_future(now, column, position))
            ended = now.diverged is not None and position == len(now)
            futures.move(getattr(now, column)[:position], others, diverged=ended)
        self.clipping.move(now.max_norm[:position], now.total_norm[:position], now.fired[:position])

    def _move_settings(self, position: int, clip: Rule | None, rate: float) -> None:
        bound, part = (clip.bound, clip.part) if clip and not clip.moves else (None, None)
        label = f"{clip.bound_name} = {number(clip.bound)}" if clip else ""
        self.max_norm.move(position, bound if part in ("everything", "layer") else None, label)
        self.bars.marker.move(bound if part == "element" else None, label)
        self.next_rate.move(position, rate)


def _in_words(
    left: list[Branch],
    now: Branch,
    position: int,
    clip: Rule | None,
    rate: float,
    gradient: Gradient | None,
) -> list[str]:
    said = [_step_in_words(now, position)]
    if now.diverged is not None and position == len(now):
        said.append(
            f"The next step diverged, first in {now.diverged}: rewind, and go on otherwise."
        )
    if ahead := len(now) - position:
        said.append(f"Rewound: {ahead} later steps stay as another future if you go on.")
    if left:
        said.append(_other_in_words(left[-1], now.forked_at, position))
    said.append(f"Next step: learning rate {number(rate)}, clipped {_rule_in_words(clip)}.")
    if gradient is not None and gradient.before.zeros:
        zeros = percent(gradient.before.zeros / gradient.before.numel)
        said.append(f"Not in the histogram: {zeros} of the elements are exactly zero.")
    return said


def _step_in_words(branch: Branch, position: int) -> str:
    if not position:
        return "Step 0: nothing is trained yet."
    taken = branch.steps[position - 1]
    fired = int(branch.fired[:position].sum())
    return (
        f"Step {position}: loss {number(taken.loss)}, gradient norm {_clipped_in_words(taken)}. "
        f"{fired} of {counted(position, 'step')} clipped."
    )


def _clipped_in_words(taken: Taken) -> str:
    norm, clip = number(taken.total_norm), taken.clip
    clipped = f"so clipped to {percent(taken.coefficient)}" if taken.coefficient else "so skipped"
    kept = clipped if taken.fired else "so not clipped"
    if clip is None:
        return f"{norm}, not clipped"
    if clip.part == "everything" and not clip.moves:
        than = ">" if taken.fired else "≤"
        return f"{norm} {than} {clip.bound_name} {number(clip.bound)}, {kept}"
    return f"{norm}, {'some' if taken.fired else 'nothing'} beyond the bound, {kept}"


def _other_in_words(other: Branch, forked_at: int, position: int) -> str:
    """The branch that the present one left, at the same step."""
    which = f"The future left at step {forked_at}" if forked_at else "The run before"
    if forked_at < position <= len(other):
        return f"{which} had loss {number(other.loss[position - 1])} at this step."
    end = "diverged" if other.diverged is not None else "ended"
    return f"{which} {end} after step {len(other)}."


def _rule_in_words(clip: Rule | None) -> str:
    return f"{clip.label}, {clip.bound_name} {number(clip.bound)}" if clip else NOT_AT_ALL


def _future(branch: Branch, column: str, start: int) -> Future:
    """From the last common step on."""
    first = max(start, 1)
    return Future(first, getattr(branch, column)[first - 1 :], branch.diverged is not None)


def _decades(
    least: list[float], values: list[NDArray[np.float64]], furthest: tuple[float, float]
) -> tuple[float, float]:
    """Whole decades around all positive values, but not beyond the furthest."""
    seen = np.concatenate([least, *values])
    decades = np.log10(np.clip(seen[(seen > 0) & np.isfinite(seen)], *furthest))
    low, high = decades.min(), decades.max()
    return float(10 ** np.floor(low + 1e-9)), float(10 ** np.ceil(high - 1e-9))
