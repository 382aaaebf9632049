"""The steer panel: a machine with a throttle, and what became of the other settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import inf
from threading import get_ident
from typing import Any

import ipywidgets

from gradlab.clip.rule import kinds
from gradlab.panels.background import Player
from gradlab.panels.dashboard import NOT_AT_ALL, Dashboard
from gradlab.panels.panel import Panel, slider_around, told
from gradlab.training import Steered

REPAINTS = 10.5  # in a second, while it plays
_SPEEDS = {"full speed": inf, "10 steps a second": 10.0, "2 steps a second": 2.0}


def steer(run: Steered) -> Steer:
    """A panel that trains while its learning rate, clip rule and threshold are on sliders.

    Play trains in the background: the notebook stays free. Pause, Step, and "rewind to", which
    goes back to any step whose state was kept; from there the next step begins a new branch, and
    the old one stays as a grey line. Fork leaves the present branch where it stands. Left the loss
    and the gradient norm of every step, right the newest gradient's elements and the learning rate.

    ``panel.step(10)``, ``panel.rewind(5)``, ``panel.fork()`` and ``panel.learning_rate.value = 1``
    do by code what the controls do, and take no time but that of the steps.

    Args:
        run: from ``training.Steered``, new or some steps on its way. Reset brings it back to where
            it is now, without the branches since.

    Raises:
        TypeError: ``run`` is something else.

    Note:
        A grey line is what did happen with other settings, not a calculation. Yet it is one run
        with one seed: a threshold that saves this one may lose another. It stops playing when the
        kernel is interrupted, when the panel is gone from the page, and when another steer panel
        plays or is made.
    """
    if not isinstance(run, Steered):
        raise TypeError(f"run must be a training.Steered, got {type(run).__name__}")
    return Steer(run)


class Steer(Panel):
    """See ``steer``. ``run`` is what it steers; ``player`` takes its steps in the background."""

    finite = False
    children: Any

    def __init__(self, run: Steered) -> None:
        self.run, self._mark = run, run.bookmark()
        self._error = ""
        self._mover: int | None = None
        self._next_paint = 0.0
        self.player = Player(self)

        wide = {"style": {"description_width": "85px"}}
        own = run.clip if run.clip and run.clip.limits else None
        # A rule as it would start: the run's own, and every other kind at a usual bound.
        starts = [kind.bounded(kind.usual) for kind in kinds() if type(own) is not kind]
        self._rules = {NOT_AT_ALL: None} | {rule.label: rule for rule in [*starts, own] if rule}
        self.clip = ipywidgets.Dropdown(
            options=list(self._rules),
            value=own.label if own else NOT_AT_ALL,
            description="clip",
            **wide,
        )
        self.learning_rate = _throttle("learning rate", run.learning_rate)
        given = {rule.bound_name: rule for rule in self._rules.values() if rule}
        self.thresholds = {
            name: _throttle(name, rule.bound, rule.smallest_bound, rule.largest_bound)
            for name, rule in given.items()
        }
        self._settings = [self.clip, self.learning_rate, *self.thresholds.values()]
        for control in self._settings:
            control.observe(lambda _: self._turned(), names="value")

        self.play_button = _button("Play", "play", "Train in the background")
        self.step_button = _button("Step", "step-forward", "Train one step")
        self.fork_button = _button("Fork", "code-fork", "Begin a new branch here")
        self.play_button.on_click(lambda _: self._play_or_pause())
        self.step_button.on_click(lambda _: self.step())
        self.fork_button.on_click(lambda _: self.fork())
        self.position = ipywidgets.IntSlider(
            0,
            0,
            1,
            description="rewind to",
            layout={"width": "380px"},
            continuous_update=False,  # it snaps to kept steps, which would fight a moving mouse
        )
        self.position.observe(lambda change: self._moved(change.new), names="value")
        self.speed = ipywidgets.Dropdown(
            options=list(_SPEEDS), description="speed", layout={"width": "230px"}
        )
        rates = self.learning_rate.min, self.learning_rate.max
        self.dashboard = Dashboard(rates, run)
        super().__init__(self._settings, self.dashboard.picture)
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

    # By code and by button

    @property
    def playing(self) -> bool:
        """Whether it trains in the background."""
        return self.player.going

    def play(self) -> None:
        """Train in the background until ``pause()``, or until the run diverges."""
        if self.playing:
            return
        self.pause()  # it may be about to say that it rests
        self._error = ""
        self._next_paint = time.monotonic()
        self.play_button.description, self.play_button.icon = "Pause", "pause"
        self.player.start()

    def pause(self) -> None:
        """Stop training after the step that is being taken."""
        self.player.stop()

    def step(self, number: int = 1) -> None:
        """Train that many steps, here and now, and show the last."""
        self._do(lambda: self.run.step(number))

    def rewind(self, step: int) -> None:
        """Go back to a step, or to the nearest whose state was kept."""
        self.pause()
        nearest = min(self.run.kept, key=lambda kept: abs(kept - step))
        self._do(lambda: self.run.rewind(nearest))

    def fork(self) -> None:
        """Leave the branch as it is, and begin a new one here."""
        self._do(self.run.fork)

    def played(self) -> Iterator[int]:
        """Rewind to every step that was kept, one after the other; then all is as before."""
        mark = self.run.bookmark()
        for step in sorted({*self.run.kept} - {self.run.position}):
            self.rewind(step)
            yield step
        self._do(lambda: self.run.reset(mark))
        yield self.run.position

    def reset(self) -> None:
        """Put every control and the run back to where they were when the panel was made."""
        self.pause()
        for control, value in zip(self._settings, self._start, strict=True):
            control.value = value
        self.speed.index = 0
        self._do(lambda: self.run.reset(self._mark))

    def _do(self, action: Callable[[], object]) -> None:
        self.pause()
        self._error = ""
        try:
            action()
        except Exception as error:
            self._stopped_by(error)
            raise
        finally:
            self._follow()

    def _stopped_by(self, error: Exception) -> None:
        self._error = f"Training stopped. {told(error)}"

    def _play_or_pause(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    def _stop(self) -> None:
        self.player.close()

    def _viewed(self, change: Any) -> None:
        super()._viewed(change)
        if change.old and not change.new:  # its cell was run again, or deleted
            self.pause()

    # In the background

    def turn(self) -> float | None:
        """Take a step, and show it if it is time for that; how long it is to the next, seconds."""
        now = time.monotonic()
        next_step = now + 1 / _SPEEDS[self.speed.value]
        show = now >= self._next_paint
        self.run.take(measure=show)
        if show:
            self._next_paint = max(self._next_paint + 1 / REPAINTS, now)
            self._follow()
        return None if self.run.ended else max(0.0, next_step - time.monotonic())

    def rest(self, error: Exception | None) -> None:
        """Say that it pauses, and why."""
        self.play_button.description, self.play_button.icon = "Play", "play"
        if error is not None:
            self._stopped_by(error)
        self._follow()

    # What the controls mean

    def _turned(self) -> None:
        """A setting was moved: it holds from the next step on."""
        self.run.learning_rate = _digits(self.learning_rate.value)
        rule = self._rules[self.clip.value]
        turned = rule and rule.with_bound(_digits(self.thresholds[rule.bound_name].value))
        if turned and type(turned) is type(self.run.clip):
            turned.load_state_dict(self.run.clip.state_dict())  # its history is not the hand's
        self.run.clip = turned

    def _moved(self, step: int) -> None:
        """The position was moved by hand: to the kept step that is nearest on that side."""
        if self._mover == get_ident():  # by `show`
            return
        self.pause()
        here = self.run.position
        side = [kept for kept in self.run.kept if (kept - here) * (step - here) > 0]
        self.rewind(min(side, key=lambda kept: abs(kept - step), default=here))

    def show(self) -> str:
        """Show the run as it is now, and where the position slider stands."""
        rule = self._rules[self.clip.value]
        for name, slider in self.thresholds.items():
            slider.layout.display = None if rule and name == rule.bound_name else "none"
        self._mover = get_ident()
        # Range and value one by one, and never a value outside: the browser would push it back in,
        # and its message would look like a move by hand.
        self.position.max = max(len(self.run.branch), self.position.max)
        self.position.value = self.run.position
        self.position.max = max(len(self.run.branch), 1)
        self._mover = None
        return " ".join(filter(None, (self._error, self.dashboard.show(self.run))))


def _throttle(
    name: str, usual: float, least: float = 0.0, most: float = inf
) -> ipywidgets.FloatLogSlider:
    slider = slider_around(name, usual, 100, least, most)
    slider.style.description_width = "85px"
    return slider


def _digits(value: float) -> float:
    """What is shown is what is used: the decimals of a slider's powers of ten are noise."""
    return float(f"{value:.3g}")


def _button(name: str, icon: str, tooltip: str) -> Any:
    return ipywidgets.Button(description=name, icon=icon, tooltip=tooltip, layout={"width": "90px"})
