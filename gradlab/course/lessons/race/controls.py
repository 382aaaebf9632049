"""The race panel: the same training, clipped differently; who learns, and who is lost?"""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import numpy as np

from gradlab.course.lessons.race.picture import draw_race, draw_trace
from gradlab.draw.style import CYCLE, draw_legend
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, counted, number, percent
from gradlab.training.run import Run

_LOSSES, _NORMS = (1e-2, 1e3), (1e-2, 1e8)


def panel(runs: Mapping[str, Run]) -> Race:
    """A panel that replays recorded training runs side by side, step by step.

    Left the loss, right the norm of the whole gradient before clipping; a cross at the upper edge
    stands at the step in which a run met an infinity or a NaN and ended.

    Args:
        runs: from ``training.train``, by the name that the legend shall show; up to seven.

    Raises:
        ValueError: there is no run, or there are more than seven, or none took a step.

    Note:
        The runs were recorded before: the slider moves through them, it trains nothing. Each is one
        seed.
    """
    if not 1 <= len(runs) <= len(CYCLE):
        raise ValueError(f"runs must be from 1 to {len(CYCLE)}, got {len(runs)}")
    if not any(len(run) for run in runs.values()):
        raise ValueError("runs must hold one with a step at least, got none")
    return Race(dict(runs))


class Race(Panel):
    """See ``panel``."""

    def __init__(self, runs: dict[str, Run]) -> None:
        self.runs = runs
        # a run that diverged ended in one step more, which no number tells
        self._longest = max(len(run) + (run.diverged is not None) for run in runs.values())
        self.step = ipywidgets.IntSlider(
            self._longest - 1, 0, self._longest - 1, description="step", layout={"width": "500px"}
        )
        super().__init__([self.step], self._picture())

    def _picture(self) -> LivePicture:
        figure, (left, right) = subplots(9, 4, ncols=2)
        draw_race(left, self._longest, _LOSSES, "loss of the batch")
        draw_race(right, self._longest, _NORMS, "norm of the gradient before clipping")
        self.traces = {
            name: (
                draw_trace(left, run.loss, name, color),
                draw_trace(right, run.total_norm, name, color),
            )
            for (name, run), color in zip(self.runs.items(), CYCLE, strict=False)
            if len(run)
        }
        draw_legend(right, "upper right")
        moved = [trace for pair in self.traces.values() for trace in pair]
        return LivePicture(figure, [artist for trace in moved for artist in trace.artists])

    def show(self) -> str:
        """Move every curve to the step on the slider."""
        step = self.step.value
        said = []
        for name, run in self.runs.items():
            ended = run.diverged is not None and len(run) <= step
            for trace in self.traces.get(name, ()):
                trace.move(step, ended=ended)
            said.append(f"{name}: {_told(run, step, ended)}")
        return f"Step {step}. " + " ".join(said)


def _told(run: Run, step: int, ended: bool) -> str:
    """One run at one step, in words."""
    if ended:
        return f"diverged at step {len(run)}, first in {run.diverged}."
    last = min(step, len(run) - 1)
    fired = int(run.fired[: last + 1].sum())
    end = ""
    if last == len(run) - 1 and not np.isnan(run.accuracy):
        end = f", test accuracy {percent(run.accuracy)}"
    return (
        f"loss {number(run.loss[last])}, norm {number(run.total_norm[last])}, "
        f"clipped in {fired} of {counted(last + 1, 'step')}{end}."
    )
