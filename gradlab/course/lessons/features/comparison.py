"""The maps panel: which map to a short vector keeps accuracy, and is that the one of variance?"""

from __future__ import annotations

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.features.curves import draw_explained, draw_maps
from gradlab.course.lessons.features.experiment import FULL, LENGTHS
from gradlab.course.lessons.features.lengths import LINEAR, NAMES
from gradlab.course.sweep.records import Records
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, percent

Floats = NDArray[np.float64]
_KINDS = {"feature maps of a network": "network", "pixels": "pixels"}


def maps_panel(records: Records) -> MapsPanel:
    """A panel that compares maps to short vectors over recorded runs, length by length.

    Left, accuracy: a line is the mean over seeds, its band the range from the worst to the best,
    and the dotted line all numbers. Right, the same accuracy over the variance that a linear map
    gets back from the short vectors.

    Args:
        records: of the experiment "features": ``sweep.recorded("features")``.

    Raises:
        ValueError: a run is missing or failed: a curve through the others would hide it.

    Note:
        The learned maps were trained for 300 steps, with labels; PCA and random ones never saw any.
    """
    return MapsPanel(records.where(timed=False))


class MapsPanel(Panel):
    """See ``maps_panel``."""

    def __init__(self, records: Records) -> None:
        self._views = {
            (kind, unit): _view(records.where(features=kind, unit=unit))
            for kind in _KINDS.values()
            for unit in (False, True)
        }
        found = [
            runs for a, _, full in self._views.values() for _, runs in (*a.values(), ((), full))
        ]
        if any(np.isnan(runs).any() for runs in found):
            raise ValueError("records must hold every run of the panel, got one missing or failed")
        self.k = ipywidgets.SelectionSlider(
            options=[(str(k), k) for k in LENGTHS],
            value=8,
            description="k",
            layout={"width": "380px"},
        )
        self.of = ipywidgets.Dropdown(options=list(_KINDS), description="features")
        self.unit = ipywidgets.Checkbox(
            description="unit length", indent=False, layout={"width": "120px"}
        )
        super().__init__([self.k, self.of, self.unit], self._picture())

    def _picture(self) -> LivePicture:
        figure, (left, right) = subplots(9, 4.2, ncols=2, width_ratios=(3, 2))
        self.maps = draw_maps(left, (*LENGTHS, FULL), list(NAMES.values()))
        linear = [NAMES[name] for name in LINEAR]
        self.explained = draw_explained(right, linear)
        return LivePicture(figure, [*self.maps.artists, *self.explained.artists])

    def show(self) -> str:
        """Read the runs of the chosen vectors at the slider's length."""
        accuracies, explained, full = self._views[_KINDS[self.of.value], self.unit.value]
        k = self.k.value
        self.maps.move(accuracies, full.mean(), k)
        paths = {name: (x, accuracies[name][1].mean(1)) for name, x in explained.items()}
        self.explained.move(paths, LENGTHS.index(k))
        here = {name: runs[list(at).index(k)] for name, (at, runs) in accuracies.items() if k in at}
        order = sorted(here, key=lambda name: -here[name].mean())
        said = ", ".join(f"{name} {_spread(here[name])}" for name in order)
        how = ", unit length" if self.unit.value else ""
        return (
            f"k = {k}, {self.of.value}{how}; accuracy on test digits, mean and range of "
            f"{len(full)} seeds: {said}; all {FULL} numbers {_spread(full)}."
        )


View = tuple[dict[str, tuple[list[int], Floats]], dict[str, Floats], Floats]


def _view(records: Records) -> View:
    """Of each map lengths and accuracies, (lengths, seeds); explained variances; all numbers."""
    accuracies, explained = {}, {}
    for name, told in NAMES.items():
        if name not in records.axis("map"):
            continue
        chosen = records.where(map=name)
        accuracies[told] = chosen.axis("k"), chosen.values("accuracy", by=("k", "seed"))
        if name in LINEAR:
            explained[told] = chosen.values("explained", by=("k", "seed")).mean(1)
    return accuracies, explained, records.where(map="none").values("accuracy")


def _spread(values: Floats) -> str:
    return f"{percent(values.mean())} ({values.min():.1%} to {values.max():.1%})"
