"""The threshold panel of a recording: what would this threshold have done to the whole run?"""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import numpy as np

from gradlab.draw.recorded import draw_recorded
from gradlab.live import LivePicture, subplots
from gradlab.panels.panel import Panel, log_slider, number, percent
from gradlab.recording import Recording, WhatIf
from gradlab.recording.compared import compared, threshold
from gradlab.recording.suggestion import judge
from gradlab.whatif import Rule

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

    def __init__(self, recording: Recording, rules: Mapping[str, type[Rule]], rule: str) -> None:
        every = {name: compared(recording, kind) for name, kind in rules.items()}
        if not every["by norm"].positive.size:
            raise ValueError("the recording must hold a gradient that is finite and not zero")
        self._compared = {name: one for name, one in every.items() if one.positive.size}
        if rule not in self._compared:
            raise ValueError(f"rule must need no histograms, as there are none, got {rule!r}")
        self._recording, self._rules = recording, rules
        self._told = _of_the_run(recording)
        self.rule = ipywidgets.Dropdown(
            options=list(self._compared), value=rule, description="clip"
        )
        self.max_norm = self._thresholds("max_norm", *(n for n in rules if n != "by value"))
        self.clip_value = self._thresholds("clip_value", "by value")
        super().__init__([self.rule, self.max_norm, self.clip_value], self._picture())

    def _picture(self) -> LivePicture:
        figure, axes = subplots(
            9.4, 6, nrows=2, ncols=2, width_ratios=(3, 1), height_ratios=(1, 1.3)
        )
        self._drawn = draw_recorded(axes, self._recording)
        self._measure()
        return LivePicture(figure, self._drawn.artists)

    def _thresholds(self, name: str, *rules: str) -> ipywidgets.FloatLogSlider:
        """Over all thresholds worth trying; starts where a tenth of the steps is clipped."""
        shown = [rule for rule in rules if rule in self._compared]
        if not shown:
            return log_slider(name, 1, 10, 1)
        spans = [self._compared[rule].span for rule in shown]
        run = [threshold(self._recording, self._rules[rule]) for rule in shown]
        spans += [(at / 2, 2 * at) for at in run if at is not None]
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        return log_slider(name, low, high, self._compared[shown[0]].guard)

    @property
    def _slider(self) -> ipywidgets.FloatLogSlider:
        return self.clip_value if self.rule.value == "by value" else self.max_norm

    def _measure(self) -> None:
        """Show what the chosen rule compares with its threshold."""
        self._shown = self.rule.value
        span = 10**self._slider.min, 10**self._slider.max
        reference = threshold(self._recording, self._rules[self._shown])
        self._drawn.measure(self._compared[self._shown], span, reference)

    def show(self) -> str:
        """Clip every recorded gradient at the slider's threshold."""
        name, slider = self.rule.value, self._slider
        for other in (self.clip_value, self.max_norm):
            other.layout.display = None if other is slider else "none"
        if name != self._shown:
            self._measure()
            self.picture.redraw()
        would = self._recording.what_if(self._rules[name](slider.value))
        label = f"{slider.description} = {number(slider.value)}"
        numbers = f"{number(slider.value)}\n{percent(would.fraction)}"
        self._drawn.move(slider.value, numbers, would, by_layer="each layer" in name)
        return f"{label}: {_in_words(would, self._recording.every)} {self._told} {_CAVEAT}"


def _in_words(would: WhatIf, every: int) -> str:
    finite = np.isfinite(would.norm_before)
    fired = np.flatnonzero(would.fired)
    of = f"{finite.sum():,} steps" + f" that have a histogram (every {every}th)" * (would.error > 0)
    if not fired.size:
        return f"would have clipped none of {of}."
    least = fired[np.argmin(would.coefficient[fired])]
    largest = would.layers[int(np.nanargmax(would.layer_norm_before[least]))]
    degrees = np.degrees(np.arccos(would.cosine[fired])).max()
    turned = f" It turns them by up to {degrees:.1f}°." if degrees > 0.05 else ""
    before, after = would.norm_before[finite], would.norm_after[finite]
    return (
        f"would have clipped {fired.size:,} of {of} ({percent(would.fraction)}): "
        f"{_WAS[judge(would.norm_before, would.fired, would.rule).word]}. "
        f"Smallest coefficient {number(would.coefficient[least])}, at step {would.steps[least]}, "
        f"where {largest} has the largest gradient.{turned} "
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
    if recording.skipped:
        said.append(f"The gradient scaler skipped {recording.skipped:,} more.")
    return " ".join(said)
