"""The steer panel: a machine with a throttle, and what became of the other settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import inf
from threading import get_ident
from typing import Any

import ipywidgets
import numpy as np

from gradlab import draw
from gradlab.arguments import one_of
from gradlab.clip import Adaptive, ByNorm, ByValue, PerLayer, Rule
from gradlab.live import LivePicture, subplots
from gradlab.panels.panel import Panel, log_slider, number, percent
from gradlab.panels.player import Player
from gradlab.steering import Branch, Steered, Taken

REPAINTS = 11  # in a second, while it plays
RULES: dict[str, tuple[Callable[[float], Rule], str] | None] = {
    "not at all": None,
    "by norm": (ByNorm, "max_norm"),
    "by norm, each layer alone": (PerLayer, "max_norm"),
    "by value": (ByValue, "clip_value"),
    "by norm, relative to the weights": (Adaptive, "clip_factor"),
}
_THRESHOLDS = {"max_norm": 1.0, "clip_value": 0.01, "clip_factor": 0.01}  # a usual one of each
_SPEEDS = {"full speed": inf, "10 steps a second": 10.0, "2 steps a second": 2.0}
_EDGES = np.geomspace(1e-8, 1e2, 68)
_COUNTED = np.array([0, *_EDGES[1:-1], inf])  # the bars at the edges hold all that is beyond
_LOSSES, _NORMS = (1e-4, 1e4), (1e-6, 1e8)  # the furthest that the axes go


def steer(run: Steered) -> Steer:
    """A panel that trains while its learning rate, clip rule and threshold are on sliders.

    Play trains in the background: the notebook stays free. Pause, Step, and "rewind to", which
    goes back to any step whose state was kept; from there the next step begins a new branch, and
    the old one stays as a grey line. Fork leaves the present branch where it stands. Left the loss
    and the gradient norm of every step, right the newest gradient's elements and the learning rate.

    ``panel.step(10)``, ``panel.rewind(5)``, ``panel.fork()`` and ``panel.learning_rate.value = 1``
    do by code what the controls do, and take no time but that of the steps.

    Args:
        run: from ``steering.Steered``, new or some steps on its way. Reset brings it back to where
            it is now, without the branches since.

    Raises:
        TypeError: ``run`` is something else.
        ValueError: its rule is none of those in the panel.

    Note:
        A grey line is what did happen with other settings, not a calculation. Yet it is one run
        with one seed: a threshold that saves this one may lose another. It stops playing when the
        kernel is interrupted, when the panel is gone from the page, and when another one plays.
    """
    if not isinstance(run, Steered):
        raise TypeError(f"run must be a steering.Steered, got {type(run).__name__}")
    kinds = {rule: name for name, made in RULES.items() for rule in (made[:1] if made else (None,))}
    kind = None if run.rule in (None, ByNorm(inf)) else type(run.rule)
    one_of("the rule of run", kind, kinds)
    return Steer(run, kinds[kind])


class Steer(Panel):
    """See ``steer``."""

    children: Any

    def __init__(self, run: Steered, rule: str) -> None:
        self._run, self._mark = run, run.bookmark()
        self._error = ""
        self._mover: int | None = None
        self._next_step = self._next_paint = 0.0
        self._player = Player(self)

        wide = {"style": {"description_width": "85px"}}
        self.rule = ipywidgets.Dropdown(options=list(RULES), value=rule, description="clip", **wide)
        self.learning_rate = _throttle("learning rate", run.learning_rate)
        given = {made[1]: getattr(run.rule, made[1])} if (made := RULES[rule]) else {}
        self.thresholds = {
            name: _throttle(name, start) for name, start in (_THRESHOLDS | given).items()
        }
        self._settings = [self.rule, self.learning_rate, *self.thresholds.values()]
        for control in self._settings:
            control.observe(lambda _: self._turned(), names="value")

        self.play_button = _button("Play", "play", "Train in the background")
        self.step_button = _button("Step", "step-forward", "Train one step")
        self.fork_button = _button("Fork", "code-fork", "Begin a new branch here")
        self.play_button.on_click(lambda _: self._play_or_pause())
        self.step_button.on_click(lambda _: self._step_by_hand())
        self.fork_button.on_click(lambda _: self.fork())
        self.position = ipywidgets.IntSlider(
            0, 0, 1, description="rewind to", layout={"width": "380px"}
        )
        self.position.observe(lambda change: self._rewound(change.new), names="value")
        self.speed = ipywidgets.Dropdown(
            options=list(_SPEEDS), description="speed", layout={"width": "230px"}
        )
        super().__init__(self._settings, self._picture())
        transport = [
            self.play_button,
            self.step_button,
            self.fork_button,
            self.position,
            self.speed,
        ]
        self.controls = (*transport, *self.controls)
        bar, *rest = self.children
        self.children = [ipywidgets.HBox(transport, layout=bar.layout), bar, *rest]
        self._view_count = 0  # from now on the page says how many views there are
        self.observe(self._seen, names="_view_count")

    # By code and by button

    @property
    def playing(self) -> bool:
        """Whether it trains in the background."""
        return self._player.playing

    def play(self) -> None:
        """Train in the background until ``pause()``, or until the run diverges."""
        self._error = ""
        self._next_step = self._next_paint = time.monotonic()
        self.play_button.description, self.play_button.icon = "Pause", "pause"
        self._player.play()

    def pause(self) -> None:
        """Stop training after the step that is being taken."""
        self._player.stop()

    def step(self, number: int = 1) -> None:
        """Train that many steps, here and now, and show the last."""
        self._do(lambda: self._run.step(number))

    def rewind(self, step: int) -> None:
        """Go back to a step, or to the nearest whose state was kept."""
        nearest = min(self._run.kept, key=lambda kept: abs(kept - step))
        self._do(lambda: self._run.rewind(nearest))

    def fork(self) -> None:
        """Leave the branch as it is, and begin a new one here."""
        self._do(self._run.fork)

    def reset(self) -> None:
        """Put every control and the run back to where they were when the panel was made."""
        self.pause()
        for control, value in zip(self._settings, self._start, strict=True):
            control.value = value
        self.speed.index = 0
        self._do(lambda: self._run.reset(self._mark))

    def close(self) -> None:
        """Stop training and leave the page."""
        self.pause()
        super().close()

    def _do(self, action: Callable[[], object]) -> None:
        self.pause()
        self._error = ""
        action()
        self._follow()

    def _step_by_hand(self) -> None:
        self.pause()
        self._error = ""
        self._take(show=True)
        self._follow()

    def _play_or_pause(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    def _seen(self, change: Any) -> None:
        if change.old and not change.new:  # its cell was run again, or deleted
            self.pause()

    # In the background

    def turn(self) -> bool:
        """Take a step if it is time for one, and show it if it is time for that."""
        now = time.monotonic()
        if now < self._next_step:
            time.sleep(min(self._next_step - now, 0.05))
            return True
        self._next_step = now + 1 / _SPEEDS[self.speed.value]
        show = now >= self._next_paint
        self._take(show)
        if show:
            self._next_paint = max(self._next_paint + 1 / REPAINTS, now)
            self._follow()
        return not (self._run.ended or self._error)

    def _take(self, show: bool) -> None:
        try:
            self._run.take(measure=show)
        except Exception as error:  # no cell is there to show what a thread or a button raises
            self._error = f"Training stopped. {type(error).__name__}: {error}."

    def rest(self) -> None:
        """Say that it pauses."""
        self.play_button.description, self.play_button.icon = "Play", "play"
        self._follow()

    # What the controls mean

    def _turned(self) -> None:
        """A setting was moved: it holds from the next step on."""
        self._run.learning_rate = _digits(self.learning_rate.value)
        made = RULES[self.rule.value]
        self._run.rule = made and made[0](_digits(self.thresholds[made[1]].value))

    def _rewound(self, step: int) -> None:
        if self._mover != get_ident():  # by hand, not by `show`
            self.rewind(step)

    # What is seen

    def _picture(self) -> LivePicture:
        figure, (loss, elements, norm, rate) = subplots(9, 5, nrows=2, ncols=2, width_ratios=(5, 4))
        draw.draw_steering_key(figure)
        self._loss = draw.draw_futures(loss, "loss of the batch")
        self._norm = draw.draw_futures(norm, "norm of the gradient")
        self._rate = draw.draw_futures(rate, "learning rate", held=True)
        self._clipping = draw.draw_clipping(norm)
        self._max_norm = draw.draw_setting(norm, draw.THRESHOLD)
        self._next_rate = draw.draw_setting(rate, draw.AFTER)
        self._bars = draw.draw_magnitudes(elements, _EDGES, 1e-5, "|gradient element|")
        elements.set_ylabel("share of the elements")
        for axes in (norm, rate):
            axes.set_xlabel("step")
        self._axes = loss, norm, rate
        self._fit(self._run.branches)
        moving = (self._loss, self._clipping, self._norm, self._rate, self._max_norm)
        return LivePicture(
            figure,
            [a for each in (*moving, self._next_rate, self._bars) for a in each.artists],
        )

    def show(self) -> str:
        """Show the run as it is now."""
        *left, now = self._run.branches
        position = len(now) - self._run.ahead
        if self._fit(self._run.branches):
            self.picture.redraw()
        self._move_curves(left, now, position)
        self._move_settings(position)
        self._move_bars(position)
        self._mover = get_ident()
        self.position.max = max(len(now), 1)
        self.position.step = self._run.every
        self.position.value = position
        self._mover = None
        return " ".join(filter(None, (self._error, *self._in_words(left, now, position))))

    def _fit(self, branches: Sequence[Branch]) -> bool:
        """Axes that hold all branches, and grow by leaps; whether this was one."""
        longest = max(len(branch) for branch in branches)
        steps = next(n * 10**k for k in range(1, 12) for n in (2, 5, 10) if n * 10**k >= longest)
        slider = self.learning_rate
        losses = _decades([0.1, 10.0, *(v for b in branches for v in b.losses)], _LOSSES)
        norms = _decades([0.01, 100.0, *(v for b in branches for v in b.total_norms)], _NORMS)
        rates = (0.8 * 10**slider.min, 1.25 * 10**slider.max)
        spans = zip(self._axes, (losses, norms, rates), strict=True)
        return any([draw.draw_span(axes, steps, limits) for axes, limits in spans])  # noqa: C419

    def _move_curves(self, left: list[Branch], now: Branch, position: int) -> None:
        ended = now.diverged is not None
        for futures, column in (
            (self._loss, "losses"),
            (self._norm, "total_norms"),
            (self._rate, "learning_rates"),
        ):
            others = [_future(b, column, b.forked_at) for b in left]
            if position < len(now):
                others.append(_future(now, column, position))
            there = ended and position == len(now)
            futures.move(getattr(now, column)[:position], others, diverged=there)
        self._clipping.move(
            now.max_norms[:position], now.total_norms[:position], now.fired[:position]
        )

    def _move_settings(self, position: int) -> None:
        made = RULES[self.rule.value]
        name = made[1] if made else None
        for each, slider in self.thresholds.items():
            slider.layout.display = None if each == name else "none"
        bound = getattr(self._run.rule, name) if name else None
        label = f"{name} = {number(bound)}" if bound else ""
        self._max_norm.move(position, bound if name == "max_norm" else None, label)
        self._bars.marker.move(bound if name == "clip_value" else None, label)
        self._next_rate.move(position, self._run.learning_rate)

    def _move_bars(self, position: int) -> None:
        gradient = self._run.gradient
        if gradient is not None:
            self._bars.move(*gradient.shares(_COUNTED))
        elif not position:
            nothing = np.zeros(len(_EDGES) - 1)
            self._bars.move(nothing, nothing)

    # What is said

    def _in_words(self, left: list[Branch], now: Branch, position: int) -> list[str]:
        said = [_step_in_words(now, position)]
        if now.diverged is not None and position == len(now):
            said.append(
                f"The next step diverged, first in {now.diverged}: rewind, and go on otherwise."
            )
        if ahead := len(now) - position:
            said.append(f"Rewound: {ahead} later steps stay as another future if you go on.")
        if left:
            said.append(_other_in_words(left[-1], position))
        made = RULES[self.rule.value]
        at = f", {made[1]} {number(getattr(self._run.rule, made[1]))}" if made else ""
        rate = number(self._run.learning_rate)
        said.append(f"Next step: learning rate {rate}, clipped {self.rule.value}{at}.")
        gradient = self._run.gradient
        if gradient is not None and gradient.before.zeros:
            zeros = gradient.before.zeros / gradient.before.numel
            said.append(f"Not in the histogram: {percent(zeros)} of the elements are exactly zero.")
        return said


def _step_in_words(branch: Branch, position: int) -> str:
    if not position:
        return "Step 0: nothing is trained yet."
    taken = branch.steps[position - 1]
    fired = int(branch.fired[:position].sum())
    return (
        f"Step {position}: loss {number(taken.loss)}, gradient norm {_clipped_in_words(taken)}. "
        f"{fired} of {position} steps clipped."
    )


def _clipped_in_words(taken: Taken) -> str:
    norm, rule = number(taken.total_norm), taken.rule
    kept = f"so clipped to {percent(taken.coefficient)}" if taken.fired else "so not clipped"
    if rule is None:
        return f"{norm}, not clipped"
    if isinstance(rule, ByNorm):
        than = ">" if taken.fired else "≤"
        return f"{norm} {than} max_norm {number(rule.max_norm)}, {kept}"
    return f"{norm}, {'some' if taken.fired else 'nothing'} beyond the bound, {kept}"


def _other_in_words(other: Branch, position: int) -> str:
    """The branch before this one, at the same step."""
    which = f"The future left at step {other.forked_at}" if other.forked_at else "The run before"
    if position and position <= len(other):
        return f"{which} had loss {number(other.losses[position - 1])} at this step."
    end = "diverged" if other.diverged is not None else "was left"
    return f"{which} {end} after step {len(other)}."


def _future(branch: Branch, column: str, start: int) -> draw.Future:
    """From the last common step on."""
    first = max(start, 1)
    return draw.Future(first, getattr(branch, column)[first - 1 :], branch.diverged is not None)


def _throttle(name: str, usual: float) -> ipywidgets.FloatLogSlider:
    slider = log_slider(name, usual / 100, usual * 100, usual)
    slider.style.description_width = "85px"
    return slider


def _digits(value: float) -> float:
    """What is shown is what is used: the decimals of a slider's powers of ten are noise."""
    return float(f"{value:.3g}")


def _decades(values: list[float], furthest: tuple[float, float]) -> tuple[float, float]:
    """Whole decades around all positive values, but not beyond the furthest."""
    seen = np.asarray(values)
    seen = np.clip(seen[(seen > 0) & np.isfinite(seen)], *furthest)
    low, high = np.log10(seen.min()), np.log10(seen.max())
    return float(10 ** np.floor(low + 1e-9)), float(10 ** np.ceil(high - 1e-9))


def _button(name: str, icon: str, tooltip: str) -> Any:
    return ipywidgets.Button(description=name, icon=icon, tooltip=tooltip, layout={"width": "90px"})
