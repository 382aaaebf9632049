"""The threshold panel of a recording: what would this threshold have done to the whole run?"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import numpy as np

from gradlab.clip import ByNorm, Rule
from gradlab.draw.recorded import draw_recorded
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.measuring import Measuring
from gradlab.panels.panel import log_slider, number, percent
from gradlab.panels.replayed import Fires, Slider, bound_slider, ends
from gradlab.panels.run_words import of_the_run, would_in_words
from gradlab.recording import Recording
from gradlab.recording.compared import compared, threshold

_CAVEAT = (
    "This is about the recorded gradients: with another threshold the run would have gone "
    "elsewhere."
)


class Recorded(Measuring):
    """See ``threshold``, which makes it of a ``Recording``.

    A rule whose threshold moves is replayed at every move of its slider. How often it fires at the
    other positions is replayed in the background, and is a line of dots that grows.
    """

    page_settings = 300

    def __init__(
        self, recording: Recording, kinds: Sequence[type[Rule]], clip: Rule | type[Rule]
    ) -> None:
        self._recording, self._shares = recording, np.nan_to_num(recording.shares())
        self._rules = {kind.label: self._started(kind, clip) for kind in kinds}
        every = {
            label: compared(recording, ByNorm if rule.moves else rule)
            for label, rule in self._rules.items()
        }
        if not every[ByNorm.label].positive.size:
            raise ValueError("the recording must hold a gradient that is finite and not zero")
        self._compared = {name: one for name, one in every.items() if one.positive.size}
        if clip.label not in self._compared:
            raise ValueError(f"clip must need no histograms, as there are none, got {clip!r}")
        self._told = of_the_run(recording)
        self.clip = ipywidgets.Dropdown(
            options=list(self._compared), value=clip.label, description="clip"
        )
        names = dict.fromkeys(self._rules[label].bound_name for label in self._compared)
        self.thresholds = {name: self._slider(name, clip) for name in names}
        self._fires = {
            label: Fires(recording, rule, self.thresholds[rule.bound_name])
            for label, rule in self._rules.items()
            if rule.moves
        }
        super().__init__([self.clip, *self.thresholds.values()], self._picture)

    @property
    def threshold(self) -> Slider:
        """The slider of the rule that is chosen."""
        return self.thresholds[self._rules[self.clip.value].bound_name]

    def _started(self, kind: type[Rule], clip: Rule | type[Rule]) -> Rule:
        """A rule of a kind; one that moves with the settings that were given, or the run's own."""
        for one in (clip, self._recording.clip):
            if kind.moves and type(one) is kind:
                return one
        return kind.bounded(kind.usual)

    def _picture(self) -> LivePicture:
        figure, axes = subplots(
            9.4, 6, nrows=2, ncols=2, width_ratios=(3, 1), height_ratios=(1, 1.3)
        )
        self.drawn = draw_recorded(axes, self._recording, key=5)
        self._turn()
        return LivePicture(figure, self.drawn.artists)

    def _slider(self, name: str, clip: Rule | type[Rule]) -> Slider:
        """Over all thresholds worth trying; starts where a tenth of the steps is clipped.

        Of a rule that moves: around its own bound.
        """
        named = [label for label in self._compared if self._rules[label].bound_name == name]
        shown = [label for label in named if not self._rules[label].moves]
        if not shown:
            return bound_slider(self._rules[named[0]])
        spans = [self._compared[label].span for label in shown]
        marks = [threshold(self._recording, type(self._rules[label])) for label in shown]
        start = self._compared[shown[-1]].guard
        if isinstance(clip, Rule) and clip.bound_name == name:
            start = clip.bound
            marks.append(start)
        spans += [(at / 2, 2 * at) for at in marks if at is not None]
        return log_slider(name, min(low for low, _ in spans), max(high for _, high in spans), start)

    def _turn(self) -> None:
        """Show what the chosen rule compares with its threshold."""
        self._shown = self.clip.value
        rule, held = self._rules[self._shown], self._compared[self._shown]
        if not rule.moves:
            bound = threshold(self._recording, type(rule))
            self.drawn.measure(held, ends(self.threshold), bound)
            return
        fires, own = self._fires[self._shown], self._recording.clip
        was = self._recording.what_if(own).threshold if type(own) is type(rule) else None
        self.drawn.follow(held, fires.lowest(), rule.warmup, was)
        self.drawn.firing.measure_apart(rule.bound_name, *fires.axis)

    def show(self) -> str:
        """Clip every recorded gradient at the slider's threshold."""
        name, slider = self.clip.value, self.threshold
        for other in self.thresholds.values():
            other.layout.display = None if other is slider else "none"
        if name != self._shown:
            self._turn()
            self.picture.redraw()
        rule = self._rules[name].with_bound(slider.value)
        would = self._recording.what_if(rule)
        label = f"{slider.description} = {number(slider.value)}"
        numbers = f"{number(slider.value)}\n{percent(would.fraction)}"
        self.drawn.move(slider.value, numbers, would, by_layer=rule.part == "layer")
        if rule.moves:
            self.drawn.firing.points(*self._fires[name].known)
        said = would_in_words(would, self._recording.every, self._shares)
        return f"{label}: {said} {self._told} {_CAVEAT}"

    def measure_next(self) -> bool:
        """How often the chosen rule fires at some more positions of its slider."""
        name = self.clip.value
        return name in self._fires and self._fires[name].measure_next()
