"""The ward: everybody who waits, and how many of them the reader named at the first try."""

from __future__ import annotations

from functools import partial

from gradlab.arguments import one_of
from gradlab.course.lessons.broken_runs.clinic_controls import Clinic
from gradlab.course.lessons.broken_runs.patients import CLINIC, patient
from gradlab.course.lessons.broken_runs.strangers.cases import STRANGERS
from gradlab.course.lessons.broken_runs.strangers.controls import Sent


class Ward:
    """The patients A to M and the strangers N to Q; how many were named at the first try."""

    def __init__(self) -> None:
        self._first: dict[str, bool] = {}

    def clinic(self, letter: str) -> Clinic:
        """Train a patient's script, in about a second, and show it; the code stays hidden.

        Raises:
            ValueError: there is no such patient.
        """
        one_of("letter", letter, CLINIC)
        clinic = Clinic(patient(letter))
        clinic.on_answer(partial(self._first.setdefault, letter))
        return clinic

    def stranger(self, letter: str) -> Sent:
        """Train a stranger's script; show its curves alone first, and ask what to suspect.

        Raises:
            ValueError: there is no such stranger.
        """
        one_of("letter", letter, STRANGERS)
        return Sent(STRANGERS[letter], partial(self._first.setdefault, letter))

    @property
    def score(self) -> str:
        """How many runs were named, and how many of them at the first try."""
        right, count = sum(self._first.values()), len(CLINIC) + len(STRANGERS)
        return f"{right} named at the first try, of {len(self._first)} seen; {count} in all."
