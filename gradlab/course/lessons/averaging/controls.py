"""The averages panel: how far back should an average of the weights reach?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from threading import RLock
from typing import Any

import ipywidgets
import numpy as np
import torch
from torch import nn

from gradlab.course.lessons.averaging.kept import Kept, shares
from gradlab.course.lessons.averaging.picture import LEAST_SHARE, draw_shares, draw_track
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.measuring import Measuring
from gradlab.panels.panel import percent

MOST = 0.99
_DECAYS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.93, 0.95, 0.97, 0.99)
_POINTS = 20  # of the curve that is measured once the sliders rest


def averages_panel(
    runs: Mapping[str, Kept], accuracy: Callable[[nn.Module], float]
) -> AveragesPanel:
    """A panel that averages the kept weights of a run, and measures the network that has them.

    The slider is the decay d: each of the kept weights is mixed into the average of those before it
    by ``average = d * average + (1 - d) * weights``, the first one whole. Every move adds the kept
    weights up anew, puts the sum into the network, and counts its right answers.

    Args:
        runs: from ``keep``, by the names that the menu shall show; all kept at the same steps. The
            panel works on copies of their models.
        accuracy: a function that measures a model in [0, 1], on data it was not trained on, such
            as ``test.accuracy`` of the course's images. It is called at every move: make it quick.

    Raises:
        ValueError: there is no run, or two were kept at different steps.

    Note:
        The decay is one per kept weight, not per step: where one in ten steps was kept, 0.5 reaches
        as far back as 0.93 at every step. And what one chooses by these accuracies has to be
        reported on other data.
    """
    if len({run.steps for run in runs.values()}) != 1:
        raise ValueError("runs must be one or more, all kept at the same steps")
    return AveragesPanel(runs, accuracy)


class AveragesPanel(Measuring):
    """See ``averages_panel``."""

    def __init__(self, runs: Mapping[str, Kept], accuracy: Callable[[nn.Module], float]) -> None:
        self._runs = {name: replace(run, model=_copied(run.model)) for name, run in runs.items()}
        self._accuracy = accuracy
        self._steps = next(iter(runs.values())).steps
        self._measured: dict[tuple[str, float, int], float] = {}
        self._evaluating = RLock()
        every = max(1, len(self._steps) // _POINTS)
        self._curve = range(len(self._steps), 0, -every)
        for name in self._runs:
            for count in self._curve:
                self._measure(name, 0.0, count)

        self.run = ipywidgets.Dropdown(options=list(self._runs), description="run")
        self.decay = ipywidgets.FloatSlider(
            0.8, min=0, max=MOST, step=0.01, description="decay", layout={"width": "420px"}
        )
        self.step = ipywidgets.SelectionSlider(
            options=self._steps,
            value=self._steps[-1],
            description="at step",
            layout={"width": "380px"},
        )
        super().__init__([self.run, self.decay, self.step], self._picture)

    def _picture(self) -> LivePicture:
        figure, (left, right) = subplots(9, 4, ncols=2, width_ratios=(3, 2))
        low = max(0.0, np.floor(10 * min(self._measured.values())) / 10)
        self.track = draw_track(left, self._steps[-1], low)
        self.shares = draw_shares(right, self._steps[-1])
        return LivePicture(figure, [*self.track.artists, self.shares])

    def show(self) -> str:
        """Average the weights kept so far, and measure what they do."""
        name, decay, count = self._setting
        accuracy, alone = (self._measure(name, d, count) for d in (decay, 0.0))
        weights, average = (
            [self._measured.get((name, d, n + 1), np.nan) for n in range(len(self._steps))]
            for d in (0.0, decay)
        )
        self.track.move(self._steps, weights, average, count - 1)
        mix = shares(count, decay).numpy()
        self.shares.set_data(self._steps[:count], np.maximum(mix, LEAST_SHARE))
        return (
            f"{name}, after step {self.step.value}: the average of {count} kept weights with decay "
            f"{decay:.2f} names {percent(accuracy)} rightly, the last weights alone "
            f"{percent(alone)}. In the average, {percent(mix[-1])} are the last weights, and "
            f"{percent(mix[0])} the first."
        )

    @property
    def page_values(self) -> dict[Any, tuple[float, ...]]:
        """Of decays, some that reach about half as far again, and again: each takes a second."""
        return {self.decay: _DECAYS}

    @property
    def _setting(self) -> tuple[str, float, int]:
        count = self._steps.index(self.step.value) + 1
        return self.run.value, round(self.decay.value, 2), count

    def measure_next(self) -> bool:
        """Measure one point of the curve that is missing."""
        name, decay, _ = self._setting
        for count in self._curve:
            if (name, decay, count) not in self._measured:
                self._measure(name, decay, count)
                return True
        return False

    def _measure(self, name: str, decay: float, count: int) -> float:
        with self._evaluating:
            if (name, decay, count) not in self._measured:
                self._measured[name, decay, count] = self._accuracy(
                    self._runs[name].load_(decay, count)
                )
            return self._measured[name, decay, count]


def _copied(model: nn.Module) -> nn.Module:
    """It measures in the background, while somebody else may use the model.

    With the channels last, a pass takes less time on a CPU.
    """
    copy: nn.Module = deepcopy(model).to(memory_format=torch.channels_last)
    return copy
