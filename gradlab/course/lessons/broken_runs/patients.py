"""Patients: scripts with the faults that they have, and what is asked about their runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gradlab.course.lessons.broken_runs import tasks
from gradlab.course.lessons.broken_runs.faults import HEALTHY, NAMES, fault
from gradlab.course.lessons.broken_runs.replies import reply
from gradlab.course.lessons.broken_runs.running import Edits, Run, Script, edited, run
from gradlab.course.lessons.broken_runs.scripts import normed
from gradlab.course.lessons.broken_runs.tasks import Task


@dataclass(frozen=True, eq=False)
class Patient:
    """A script with its faults, and a question about its run.

    Args:
        question: in words.
        choices: diagnoses, with a reply to each.
        truth: the right one.
        script: unbroken.
        edits: (right, wrong) pieces of its code; none: it is healthy.
        seed: of the run.
        task: makes what it is given.
    """

    question: str
    choices: Mapping[str, str]
    truth: str
    script: Script
    edits: Edits
    seed: int
    task: Callable[[], Task] = tasks.digits

    def run(self, edits: Edits = ()) -> Run:
        """The run with the faults, and with further (old, new) pieces of code."""
        return run(edited(self.script, (*self.edits, *edits)), self.seed, self.task())

    def mended(self) -> Run:
        """The run without the faults."""
        return run(self.script, self.seed, self.task())


CLINIC = {
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


def patient(letter: str) -> Patient:
    """One of those in the clinic."""
    truth, seed = CLINIC[letter]
    question = f"Run {letter}. What went wrong, if anything?"
    choices = {name: reply(truth, name) for name in NAMES}
    script, edits = (normed, ()) if truth == HEALTHY else (fault(truth).script, fault(truth).edits)
    return Patient(question, choices, truth, script, edits, seed)
