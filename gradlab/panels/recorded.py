"""The threshold panel of a recording: what would this threshold have done to the whole run?"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.clip import ByNorm, Rule
from gradlab.draw.recorded import draw_recorded
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, log_slider, number, percent
from gradlab.recording import Recording
from gradlab.recording.compared import compared, threshold
from gradlab.recording.counterfactual import WhatIf
from gradlab.recording.sampled import in_words
from gradlab.recording.suggestion import judge

_CAVEAT = (
    "This is about the recorded gradients: with another threshold the run would have gone "
    "elsewhere."
)
_WAS = {
    "explosion guard": "an explosion guard",
    "in between": "more than an explosion guard",
    "step-size limiter": "a step-size limiter",
}


class Recorded(Panel):
    """See ``threshold``, which makes it of a ``Recording``."""

    def __init__(
        self, recording: Recording, kinds: Sequence[type[Rule]], clip: Rule | type[Rule]
    ) -> None:
        self._rules = {kind.label: kind for kind in kinds}
        every = {kind.label: compared(recording, kind) for kind in kinds}
        if not every[ByNorm.label].positive.size:
            raise ValueError("the recording must hold a gradient that is finite and not zero")
        self._compared = {name: one for name, one in every.items() if one.positive.size}
        if clip.label not in self._compared:
            raise ValueError(f"clip must need no histograms, as there are none, got {clip!r}")
        self._recording, self._shares = recording, np.nan_to_num(recording.shares())
        self._told = _of_the_run(recording)
        self.clip = ipywidgets.Dropdown(
            options=list(self._compared), value=clip.label, description="clip"
        )
        names = dict.fromkeys(self._rules[label].bound_name for label in self._compared)
        self.thresholds = {name: self._slider(name, clip) for name in names}
        super().__init__([self.clip, *self.thresholds.values()], self._picture())

    @property
    def threshold(self) -> ipywidgets.FloatLogSlider:
        """The slider of the rule that is chosen."""
        return self.thresholds[self._rules[self.clip.value].bound_name]

    def _picture(self) -> LivePicture:
        figure, axes = subplots(
            9.4, 6, nrows=2, ncols=2, width_ratios=(3, 1), height_ratios=(1, 1.3)
        )
        self.drawn = draw_recorded(axes, self._recording)
        self._measure()
        return LivePicture(figure, self.drawn.artists)

    def _slider(self, name: str, clip: Rule | type[Rule]) -> ipywidgets.FloatLogSlider:
        """Over all thresholds worth trying; starts where a tenth of the steps is clipped."""
        shown = [label for label in self._compared if self._rules[label].bound_name == name]
        spans = [self._compared[label].span for label in shown]
        marks = [threshold(self._recording, self._rules[label]) for label in shown]
        start = self._compared[shown[-1]].guard
        if isinstance(clip, Rule) and clip.bound_name == name:
            start = clip.bound
            marks.append(start)
        spans += [(at / 2, 2 * at) for at in marks if at is not None]
        return log_slider(name, min(low for low, _ in spans), max(high for _, high in spans), start)

    def _measure(self) -> None:
        """Show what the chosen rule compares with its threshold."""
        self._shown = self.clip.value
        span = 10**self.threshold.min, 10**self.threshold.max
        reference = threshold(self._recording, self._rules[self._shown])
        self.drawn.measure(self._compared[self._shown], span, reference)

    def show(self) -> str:
        """Clip every recorded gradient at the slider's threshold."""
        name, slider = self.clip.value, self.threshold
        for other in self.thresholds.values():
            other.layout.display = None if other is slider else "none"
        if name != self._shown:
            self._measure()
            self.picture.redraw()
        rule = self._rules[name].bounded(slider.value)
        would = self._recording.what_if(rule)
        label = f"{slider.description} = {number(slider.value)}"
        numbers = f"{number(slider.value)}\n{percent(would.fraction)}"
        self.drawn.move(slider.value, numbers, would, by_layer=rule.part == "layer")
        said = _in_words(would, self._recording.every, self._shares)
        return f"{label}: {said} {self._told} {_CAVEAT}"


def _in_words(would: WhatIf, every: int, shares: NDArray[np.float64]) -> str:
    finite = np.isfinite(would.norm_before)
    fired = np.flatnonzero(would.fired)
    of = f"{finite.sum():,} steps" + f" that have a histogram (every {every}th)" * (would.error > 0)
    if not fired.size:
        return f"would have clipped none of {of}."
    least = fired[np.argmin(would.coefficient[fired])]
    largest = would.layers[int(np.nanargmax(would.layer_norm_before[least]))]
    degrees = np.degrees(np.arccos(would.cosine[fired])).max()
    turned = f" It turns them by up to {degrees:.1f}°." if degrees > 0.05 else ""
    spent = shares[would.steps[fired]].mean(axis=0)
    most = int(spent.argmax())
    spender = f"Over these steps {would.layers[most]} spends {percent(spent[most])} of ‖g‖²."
    before, after = would.norm_before[finite], would.norm_after[finite]
    judged = judge(would.norm_before, would.fired, would.clip, coefficient=would.coefficient)
    return (
        f"would have clipped {fired.size:,} of {of} ({percent(would.fraction)}): "
        f"{_WAS[judged.word]}. "
        f"Smallest coefficient {number(would.coefficient[least])}, at step {would.steps[least]}, "
        f"where {largest} has the largest gradient.{turned} {spender} "
        f"Largest norm {number(before.max())} → {number(after.max())}, "
        f"median {number(np.median(before))} → {number(np.median(after))}."
    )


def _of_the_run(recording: Recording) -> str:
    """What the run itself did and met, a sentence each."""
    said = [f"The run itself: {recording.judge().because}."]
    lost = np.flatnonzero(~np.isfinite(recording.total_norm))
    if lost.size:
        first = recording.nonfinite.get(int(lost[0]))
        where = f"step {lost[0]}" + (f", in {first}" if first else "")
        said.append(f"Not finite (crosses): {lost.size:,} steps, the first {where}.")
    if sampled := in_words(recording):
        said.append(sampled)
    if recording.skipped:
        said.append(f"The gradient scaler skipped {recording.skipped:,} more.")
    return " ".join(said)
