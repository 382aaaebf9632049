"""A stranger's run: the curves, the experiment that decides, and then all that was recorded."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from gradlab.course.lessons.broken_runs.clinic_controls import Clinic
from gradlab.course.lessons.broken_runs.running import Run
from gradlab.course.lessons.broken_runs.strangers.picture import Curves, draw_letter
from gradlab.course.lessons.broken_runs.strangers.stranger import Stranger
from gradlab.course.prediction import Asking, InTurn, Prediction, predict
from gradlab.draw.style import AFTER, BEFORE, CYCLE
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number


class Sent(InTurn):
    """See ``Ward.stranger``: first which suspects remain, then what decides, then what it is.

    Args:
        stranger: who sends it.
        first: called with every diagnosis: whether it is right.
    """

    def __init__(self, stranger: Stranger, first: Callable[[bool], object]) -> None:
        patient, run = stranger.patient, stranger.patient.run()

        def suspects() -> Asking:
            asked = stranger.suspects
            return Asking(letter(run), asked.ask, asked.choices, asked.truth)

        def decides() -> Prediction:
            asked, changed = stranger.decides, patient.run(stranger.change)
            return predict(
                letter(run, changed),
                asked.ask,
                choices=asked.choices,
                truth=asked.truth,
                idea=stranger.outcome,
            )

        def diagnosis() -> Clinic:
            clinic = Clinic(patient, run)
            clinic.on_answer(first)
            return clinic

        super().__init__([suspects, decides, diagnosis])


def letter(run: Run, changed: Run | None = None) -> Letter:
    """A run's losses, norm of the gradient and rate; a slider marks a step.

    Args:
        run: of which something is sent.
        changed: the same script in an experiment, to be drawn over it.
    """
    return Letter(run, changed)


class Letter(Panel):
    """See ``letter``."""

    def __init__(self, run: Run, changed: Run | None) -> None:
        self._run, self._changed = run, changed
        runs = [run] if changed is None else [run, changed]
        steps = max(len(each.recording) for each in runs)
        self.step = ipywidgets.IntSlider(
            steps // 2, 0, steps - 1, description="step", layout={"width": "420px"}
        )
        figure, axes = subplots(7.6, 5, nrows=3, height_ratios=(2, 2, 1))
        both = [_all(run)] if changed is None else [_old(run), _new(changed)]
        self.drawn = draw_letter(axes, both)
        super().__init__([self.step], LivePicture(figure, self.drawn.artists))

    def show(self) -> str:
        """Go to the slider's step."""
        step = self.step.value
        self.drawn.move(step)
        if self._changed is None:
            losses = self._run.losses.items()
            kinds = ", ".join(f"{kind} {number(by[step])}" for kind, by in losses if step in by)
            return f"Step {step}. Loss: {kinds}; {_rest(self._run, step)}."
        runs = (("As it was", self._run), ("In the experiment", self._changed))
        return " ".join([f"Step {step}.", *(_said(name, run, step) for name, run in runs)])


def _all(run: Run) -> Curves:
    losses = dict(zip(run.losses, zip(run.losses.values(), CYCLE, strict=False), strict=True))
    return Curves(losses, run.recording.total_norm, run.recording.learning_rate, AFTER)


def _old(run: Run) -> Curves:
    losses = {"as it was": (run.losses["train"], BEFORE)}
    recording = run.recording
    return Curves(losses, recording.total_norm, recording.learning_rate, BEFORE, width=2.4)


def _new(run: Run) -> Curves:
    losses = {"in the experiment": (run.losses["train"], AFTER)}
    return Curves(losses, run.recording.total_norm, run.recording.learning_rate, AFTER)


def _said(name: str, run: Run, step: int) -> str:
    if step >= len(run.recording):
        return f"{name}: stopped before."
    return f"{name}: loss {number(run.losses['train'][step])}, {_rest(run, step)}."


def _rest(run: Run, step: int) -> str:
    norm, rate = run.recording.total_norm[step], run.recording.learning_rate[step]
    return f"norm {number(norm)}, rate {number(rate)}"
