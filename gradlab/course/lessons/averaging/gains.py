"""The gains panels: what does an average, or augmentation, add to the accuracy of recorded runs?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.averaging.experiment import AUGMENTS, DECAYS, MAX_NORMS, SCHEDULES
from gradlab.course.lessons.averaging.picture import draw_gains
from gradlab.course.sweep.records import Records
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel

SERIES = tuple("no clipping" if norm is None else f"λ = {norm:g}" for norm in MAX_NORMS)

Gained = NDArray[np.float64]  # (series, seeds, positions), in points


def average_gains_panel(records: Records) -> GainsPanel:
    """A panel of what the moving average adds to the accuracy of the last weights.

    A dot is one seed, a bar the mean. The slider is the decay of the average, per step.

    Args:
        records: of the experiment "averaging": ``sweep.recorded("averaging")``.

    Raises:
        ValueError: a run is missing, failed or diverged: a mean over the others would hide it.
    """
    rows = {}
    for model in ("AlexNet", "VGG"):
        for schedule in SCHEDULES:
            cell = {"model": model, "schedule": schedule, "augment": "none"}
            weights = _values(records, "accuracy", **cell)[..., None]
            rows[f"{model},\n{schedule} rate"] = _values(records, "averages", **cell) - weights
    options = [(f"{decay:g}", k) for k, decay in enumerate(DECAYS)]
    return GainsPanel(rows, options, "decay", 1, "the average names more pictures rightly")


def augmentation_gains_panel(records: Records) -> GainsPanel:
    """A panel of what flips or crops add to the accuracy of the same training without.

    A dot is one seed, a bar the mean. The slider goes through the steps of the training, from the
    first that were measured.

    Args:
        records: of the experiment "averaging": ``sweep.recorded("averaging")``.

    Raises:
        ValueError: a run is missing, failed or diverged: a mean over the others would hide it.
    """
    rows = {}
    for model, what in (("AlexNet", "photographs"), ("CNN", "digits")):
        plain, *augmented = (
            _values(records, "accuracy_curve", model=model, schedule="cosine", augment=name)
            for name in AUGMENTS
        )
        for name, accuracies in zip([*AUGMENTS][1:], augmented, strict=True):
            rows[f"{name},\n{what}"] = accuracies - plain
    steps = next(row.result["steps"] for row in records if row.result)
    options = [(str(step), k) for k, step in enumerate(steps)]
    return GainsPanel(rows, options, "at step", 0, "augmentation names more pictures rightly")


def _values(records: Records, name: str, **cell: object) -> Gained:
    """Of the runs with and without clipping, by seed."""
    runs = records.where(**cell)
    whole = len(MAX_NORMS), len(records.axis("seed"))
    ended = [row.result and row.result.get("diverged") is None for row in runs]
    if len(runs) != whole[0] * whole[1] or not all(ended):
        raise ValueError("records must hold every run of the panel, got one missing or failed")
    return runs.values(name, by=("max_norm", "seed"))


class GainsPanel(Panel):
    """See ``average_gains_panel`` and ``augmentation_gains_panel``."""

    def __init__(
        self,
        rows: Mapping[str, Gained],
        options: Sequence[tuple[str, int]],
        slider: str,
        start: int,
        what: str,
    ) -> None:
        self._places = [name for name, _ in options]
        self._names = [name.replace("\n", " ") for name in rows]
        self._gained = 100 * np.stack(list(rows.values()), 1)  # (series, rows, seeds, positions)
        self.position = ipywidgets.SelectionSlider(
            options=options, value=start, description=slider, layout={"width": "420px"}
        )
        super().__init__([self.position], self._picture(list(rows), what))

    def _picture(self, rows: list[str], what: str) -> LivePicture:
        figure, (axes,) = subplots(9, 4)
        low, high = min(self._gained.min(), 0.0), max(self._gained.max(), 0.0)
        limits = (low - 0.03 * (high - low), high + 0.03 * (high - low))
        seeds = self._gained.shape[2]
        self.gains = draw_gains(axes, rows, SERIES, seeds, limits, f"points by which {what}")
        return LivePicture(figure, self.gains.artists)

    def show(self) -> str:
        """Show the gains at the slider's position."""
        here = self._gained[..., self.position.value]
        self.gains.move(here)
        told = [
            f"{row}, {series}: {gained.mean():+.1f} ({gained.min():+.1f} to {gained.max():+.1f})"
            for row, both in zip(self._names, here.swapaxes(0, 1), strict=True)
            for series, gained in zip(SERIES, both, strict=True)
        ]
        at = f"{self.position.description} {self._places[self.position.value]}".capitalize()
        seeds = self._gained.shape[2]
        return f"{at}; points, mean and range of {seeds} seeds: {'; '.join(told)}."
