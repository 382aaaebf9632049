"""The clinic: a run that somebody brings, and a menu of what may have gone wrong."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

import ipywidgets

from gradlab.course.lessons.broken_runs.faults import HEALTHY, NAMES, fault
from gradlab.course.lessons.broken_runs.listing import difference, marked
from gradlab.course.lessons.broken_runs.replies import reply
from gradlab.course.lessons.broken_runs.running import Run, run
from gradlab.course.lessons.broken_runs.scripts import normed
from gradlab.panels import history
from gradlab.panels.closing import Closing
from gradlab.panels.panel import spoken
from gradlab.panels.past import History

_PATIENTS = {
    "A": ("a frozen layer", 1),
    "B": ("one bad batch", 3),
    "C": ("rate too large", 1),
    "D": ("images and labels shuffled apart", 1),
    "E": ("gain too small", 2),
    "F": ("clipped before unscaling", 1),
    "G": ("dead ReLUs", 2),
    "H": ("zero_grad forgotten", 1),
    "I": ("softmax twice", 3),
    "J": ("batches not shuffled", 1),
    "K": ("weights in bfloat16", 1),
    "L": (HEALTHY, 3),
    "M": ("weight decay on the gains", 2),
}
"""Who waits in the clinic, from easy to nasty: the diagnosis and the seed."""


class Ward:
    """The patients A to M, and how many of them the reader named at the first try."""

    def __init__(self) -> None:
        self._first: dict[str, bool] = {}

    def clinic(self, letter: str) -> Clinic:
        """Train a patient's script, in about a second, and show it; the code stays hidden.

        Raises:
            ValueError: there is no such patient.
        """
        if letter not in _PATIENTS:
            raise ValueError(f"letter must be one of {', '.join(_PATIENTS)}, got {letter!r}")
        truth, seed = _PATIENTS[letter]
        return Clinic(letter, truth, seed, partial(self._first.setdefault, letter))

    @property
    def score(self) -> str:
        """How many runs were named, and how many of them at the first try."""
        right = sum(self._first.values())
        seen = f"{len(self._first)} seen; {len(_PATIENTS)} in all"
        return f"{right} named at the first try, of {seen}."


class Clinic(Closing):
    """See ``Ward.clinic``. ``answer(name)``, ``give_up()``, ``mend()`` do what the buttons do."""

    def __init__(self, letter: str, truth: str, seed: int, first: Callable[[bool], object]) -> None:
        self._letter, self._truth, self._seed, self._first = letter, truth, seed, first
        script = normed if truth == HEALTHY else fault(truth).broken
        self.panel = history_of(run(script, seed))
        self.picture = self.panel.picture
        self.menu = ipywidgets.Dropdown(
            options=[("choose …", None), *((name, name) for name in NAMES)],
            description="diagnosis",
            layout={"width": "380px"},
        )
        self.answer_button = ipywidgets.Button(description="Answer", button_style="primary")
        self.give_up_button = ipywidgets.Button(description="Tell me")
        self.mend_button = ipywidgets.Button(description="Run it mended", disabled=True)
        self.answer_button.on_click(lambda _: self._answer_menu())
        self.give_up_button.on_click(lambda _: self.give_up())
        self.mend_button.on_click(lambda _: self.mend())
        self._said, self._code = ipywidgets.HTML(), ipywidgets.HTML()
        self._mended = ipywidgets.VBox([])
        form = ipywidgets.HBox(
            [self.menu, self.answer_button, self.give_up_button, self.mend_button],
            layout={"align_items": "center", "flex_flow": "row wrap"},
        )
        super().__init__([self.panel, form, self._said, self._code, self._mended])
        self.solved = False
        self._say("")

    @property
    def readout(self) -> str:
        """The question, what was answered, the code once it is known, and the panel's readout."""
        code = difference(fault(self._truth)) if self.solved and self._truth != HEALTHY else ""
        parts = (self._question, self._reply, code, self.panel.readout)
        return "\n".join(part for part in parts if part)

    def asked(self) -> dict[str, Any]:
        """Everything that is asked and told, as ``prediction.Prediction.asked`` has it."""
        told = reply(self._truth, self._truth)
        return {
            "question": self._question,
            "choices": {name: reply(self._truth, name) for name in NAMES},
            "truth": self._truth,
            "idea": "",
            "skip": self.give_up_button.description,
            "skipped": told.replace("Right: ", "It is: ", 1),
            "once": False,
            "code": "" if self._truth == HEALTHY else difference(fault(self._truth)),
        }

    def answer(self, name: str) -> None:
        """Name the fault: the reply says what gives it away, or what it was mistaken for.

        Raises:
            ValueError: ``name`` is none of the diagnoses.
        """
        told = reply(self._truth, name)
        self._first(name == self._truth)
        if name == self._truth:
            self._solve()
        self._say(told)

    def put(self, settings: Mapping[str, object]) -> Self:
        """Put the panel's controls somewhere, as ``Panel.put`` does."""
        self.panel.put(settings)
        return self

    def give_up(self) -> None:
        """Be told."""
        self._first(False)
        self._solve()
        self._say(self.asked()["skipped"])

    def mend(self) -> None:
        """Train by the mended script, from the same seed, and show that run below.

        Raises:
            RuntimeError: the fault has not been named yet, or there is none.
        """
        if not self.solved or self._truth == HEALTHY:
            raise RuntimeError("mend() is for a fault that has been named")
        self.mend_button.disabled = True
        self._mended.children = (history_of(run(fault(self._truth).script, self._seed)),)

    @property
    def mended(self) -> Closing | None:
        """The panel of the mended run; None: there is none yet."""
        return next(iter(self._mended.children), None)

    def _answer_menu(self) -> None:
        if self.menu.value is None:
            self._say("Choose a diagnosis first.")
        else:
            self.answer(self.menu.value)

    def _solve(self) -> None:
        self.solved = True
        self.answer_button.disabled = self.give_up_button.disabled = True
        if self._truth != HEALTHY:
            self._code.value = marked(fault(self._truth))
            self.mend_button.disabled = False

    @property
    def _question(self) -> str:
        return f"Run {self._letter}. What went wrong, if anything?"

    def _say(self, told: str) -> None:
        self._reply = told
        self._said.value = f"<b>{html.escape(self._question)}</b>{spoken(told)}"

    def _stop(self) -> None:
        for panel in (self.panel, self.mended):
            if panel is not None:
                panel.close()


def history_of(done: Run) -> History:
    """The instrument's panel of a run of these scripts."""
    return history(done.recording, done.losses)
