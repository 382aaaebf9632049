"""A stranger's run: the curves, the experiment that decides, and then all that was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets

from gradlab.course.lessons.broken_runs.clinic_controls import Clinic
from gradlab.course.lessons.broken_runs.running import Run
from gradlab.course.lessons.broken_runs.strangers.cases import Stranger
from gradlab.course.lessons.broken_runs.strangers.picture import draw_letter
from gradlab.course.prediction import Asking, InTurn, Prediction, predict
from gradlab.draw.style import AFTER, BEFORE, CYCLE
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number

AS_IT_WAS, CHANGED = "as it was", "in the experiment"


class Sent(InTurn):
    """See ``Ward.stranger``: first which suspects remain, then what decides, then what it is.

    Args:
        stranger: who sends it.
        first: called with every diagnosis: whether it is right.
    """

    def __init__(self, stranger: Stranger, first: Callable[[bool], object]) -> None:
        patient, suspects = stranger.patient, stranger.suspects
        run = patient.run()

        def asked() -> Asking:
            return Asking(letter({"": run}), suspects.ask, suspects.choices, suspects.truth)

        def decided() -> Prediction:
            changed = patient.run(stranger.change)
            return predict(
                letter({AS_IT_WAS: run, CHANGED: changed}),
                stranger.decides.ask,
                choices=stranger.decides.choices,
                truth=stranger.decides.truth,
                idea=stranger.outcome,
            )

        def examined() -> Clinic:
            clinic = Clinic(patient, run)
            clinic.on_answer(first)
            return clinic

        super().__init__([asked, decided, examined])


def letter(runs: Mapping[str, Run]) -> Letter:
    """The losses, the norm of the gradient and the rate of a run, or of two; a slider marks a step.

    Args:
        runs: by name; one needs none.
    """
    return Letter(runs)


class Letter(Panel):
    """See ``letter``."""

    def __init__(self, runs: Mapping[str, Run]) -> None:
        self._runs = runs
        steps = max(len(run.recording) for run in runs.values())
        self.step = ipywidgets.IntSlider(
            steps // 2, 0, steps - 1, description="step", layout={"width": "420px"}
        )
        figure, axes = subplots(
            7.6, 4.8, nrows=3, sharex=True, height_ratios=(2, 2, 1)
        )
        one = len(runs) == 1
        colours = dict(zip(runs, (AFTER,) if one else (BEFORE, AFTER), strict=True))
        (first,) = [*runs.values()][:1]
        self.drawn = draw_letter(
            axes,
            {kind: (first.losses[kind], color) for kind, color in zip(first.losses, CYCLE)}
            if one
            else {name: (run.losses["train"], colours[name]) for name, run in runs.items()},
            [(run.recording.total_norm, colours[name]) for name, run in runs.items()],
            [(run.recording.learning_rate, colours[name]) for name, run in runs.items()],
        )
        super().__init__([self.step], LivePicture(figure, self.drawn.artists))

    def show(self) -> str:
        """Go to the slider's step."""
        step = self.step.value
        self.drawn.move(step)
        return " ".join([f"Step {step}.", *(_said(name, run, step) for name, run in self._runs.items())])


def _said(name: str, run: Run, step: int) -> str:
    if step >= len(run.recording):
        return f"{name}: over."
    kinds = [f"{kind} {number(by[step])}" for kind, by in run.losses.items() if step in by]
    norm, rate = run.recording.total_norm[step], run.recording.learning_rate[step]
    of = f"{name}: loss" if name else "Loss"
    return f"{of}: {', '.join(kinds)}. Norm {number(norm)}. Rate {number(rate)}."
