"""The warnings panel: which number warns of a spike, how early, and how often for nothing?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.spikes.detector import FIRST, alarms, bounds, lead
from gradlab.course.lessons.spikes.experiment import SIGNS
from gradlab.course.lessons.spikes.picture import draw_sign
from gradlab.course.lessons.spikes.runs import CAUSES
from gradlab.course.sweep.records import Records
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, counted

_SHOWN = 40, 15  # steps before and after the spike

Run = Mapping[str, Any]


def warnings_panel(records: Records) -> WarningsPanel:
    """A panel of four numbers around a spike, each under a bound: mean + k standard deviations.

    Args:
        records: of the experiment "spikes": ``sweep.recorded("spikes")``.

    Raises:
        ValueError: they hold no run that spiked, or none that is healthy.

    Note:
        False alarms are counted in the runs without a spike. A detector that is tuned on the same
        runs that it is judged by looks better than it is.
    """
    return WarningsPanel(records)


class WarningsPanel(Panel):
    """See ``warnings_panel``."""

    def __init__(self, records: Records) -> None:
        runs = [(row.cell["cause"], row.cell["seed"], row.result) for row in records if row.result]
        self._healthy = [result for cause, _, result in runs if cause == "healthy"]
        self.runs = {
            (cause, seed): result for cause, seed, result in runs if result["onset"] is not None
        }
        if not self.runs or not self._healthy:
            raise ValueError("records must hold runs that spiked and healthy ones, got one kind")
        causes = [cause for cause in CAUSES if any(key[0] == cause for key in self.runs)]
        self.cause = ipywidgets.Dropdown(options=causes, description="cause")
        self.seed = ipywidgets.Dropdown(
            options=sorted({seed for _, seed in self.runs}), description="seed"
        )
        self.k = ipywidgets.FloatSlider(
            6, min=2, max=10, step=0.25, description="k", layout={"width": "420px"}
        )
        super().__init__([self.cause, self.seed, self.k], self._picture())

    def _picture(self) -> LivePicture:
        figure, axes = subplots(10, 5.4, nrows=2, ncols=2)
        self.signs = {
            name: draw_sign(each, name, below=place > 1)
            for place, (name, each) in enumerate(zip(SIGNS, axes, strict=True))
        }
        self._fill()
        return LivePicture(figure, [a for sign in self.signs.values() for a in sign.artists])

    def _fill(self) -> None:
        self._shown = self.cause.value, self.seed.value
        run = self.runs[self._shown]
        for name, sign in self.signs.items():
            sign.fill(run[name], run["onset"], *_SHOWN)

    def show(self) -> str:
        """Draw every bound at the slider's k, and count."""
        if self._shown != (self.cause.value, self.seed.value):
            self._fill()
            self.picture.redraw()
        run, k = self.runs[self._shown], self.k.value
        told, leads = [], {}
        for name, sign in self.signs.items():
            found = lead(run[name], k, run["onset"])
            false = false_alarms([healthy[name] for healthy in self._healthy], k)
            words = f"{in_words(found)}; {false:.1f} false alarms in 100 steps"
            sign.move(bounds(run[name], k), alarms(run[name], k), words)
            told.append(f"{name}: {words}")
            if found is not None:
                leads[name] = found
        most = max(leads.values(), default=None)
        first = " and ".join(name for name, found in leads.items() if found == most)
        said = f"First: {first}." if first else "No sign warns."
        where = f"{self.cause.value}, seed {self.seed.value}, spike at step {run['onset']}"
        return f"{where}, k = {k:g}. {'; '.join(told)}. {said}"


def in_words(found: int | None) -> str:
    """A lead in words."""
    if found is None:
        return "no warning"
    if found == 0:
        return "warns at the spike"
    return f"warns {counted(abs(found), 'step')} {'before' if found > 0 else 'after'}"


def false_alarms(runs: list[list[float]], k: float) -> float:
    """Alarms per 100 steps of runs that did not spike, from step ``FIRST`` on."""
    raised: NDArray[np.bool_] = np.concatenate([alarms(run, k)[FIRST:] for run in runs])
    return 100 * float(raised.mean())
