"""A stranger's run: what it is made of, and which faults it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradlab.course.lessons.broken_runs import signs
from gradlab.course.lessons.broken_runs.faults import found as found_in_the_clinic
from gradlab.course.lessons.broken_runs.patients import Patient
from gradlab.course.lessons.broken_runs.running import Edits, Run

EXPLODES = "a gradient that explodes, and no clip"


@dataclass(frozen=True)
class Question:
    """A question with a reply to each choice; that to the truth begins with "Right: "."""

    ask: str
    choices: Mapping[str, str]
    truth: str


@dataclass(frozen=True, eq=False)
class Stranger:
    """A run that somebody sends.

    Args:
        suspects: asked about the curves alone.
        decides: asked before the experiment is shown.
        change: the experiment, as (old, new) pieces of the code with its faults.
        outcome: what the experiment says.
        patient: asked about all that was recorded.
        faults: the signs that the run shows.
    """

    suspects: Question
    decides: Question
    change: Edits
    outcome: str
    patient: Patient
    faults: tuple[str, ...]


def found(run: Run) -> tuple[str, ...]:
    """All faults whose sign a run has: those of the clinic, and an explosion."""
    explodes = signs.thrown_back(run) > 5
    return (*found_in_the_clinic(run), *([EXPLODES] if explodes else []))
