"""The clinic: a run that somebody brings, and a menu of what may have gone wrong."""

from __future__ import annotations

import ipywidgets

from gradlab.course.lessons.broken_runs.listing import difference, marked
from gradlab.course.lessons.broken_runs.patients import Patient
from gradlab.course.lessons.broken_runs.running import Run
from gradlab.course.prediction import Asking
from gradlab.panels import history
from gradlab.panels.closing import Closing
from gradlab.panels.past import History


class Clinic(Asking):
    """A patient's run in the instrument's panel; once it is named, its code, and the mended run.

    ``mend()`` does what the button does.

    Args:
        patient: whose code stays hidden until then.
        run: what became of it; None: it is trained now, in about a second.
    """

    def __init__(self, patient: Patient, run: Run | None = None) -> None:
        self._patient = patient
        self.mend_button = ipywidgets.Button(description="Run it mended", disabled=True)
        self.mend_button.on_click(lambda _: self.mend())
        self._code, self._mended = ipywidgets.HTML(), ipywidgets.VBox([])
        super().__init__(
            history_of(run or patient.run()),
            patient.question,
            patient.choices,
            patient.truth,
            buttons=[self.mend_button],
            below=[self._code, self._mended],
        )
        if patient.edits:
            self.when_answered(self._show_code)

    @property
    def readout(self) -> str:
        """The question, what was answered, the code once it is known, and the panel's readout."""
        code = self._difference if self.solved else ""
        return "\n".join(part for part in (super().readout, code) if part)

    def asked(self) -> dict[str, object]:
        """Everything that is asked and told, with the code."""
        return super().asked() | {"code": self._difference}

    def mend(self) -> None:
        """Train by the mended script, from the same seed, and show that run below.

        Raises:
            RuntimeError: the fault has not been named yet, or there is none.
        """
        if not self.solved or not self._patient.edits:
            raise RuntimeError("mend() is for a fault that has been named")
        self.mend_button.disabled = True
        self._mended.children = (history_of(self._patient.mended()),)

    @property
    def mended(self) -> Closing | None:
        """The panel of the mended run; None: there is none yet."""
        return next(iter(self._mended.children), None)

    @property
    def _difference(self) -> str:
        edits = self._patient.edits
        return difference(self._patient.script, edits) if edits else ""

    def _show_code(self) -> None:
        self._code.value = marked(self._patient.script, self._patient.edits)
        self.mend_button.disabled = False

    def _stop(self) -> None:
        super()._stop()
        if self.mended is not None:
            self.mended.close()


def history_of(done: Run) -> History:
    """The instrument's panel of a run."""
    return history(done.recording, done.losses)
