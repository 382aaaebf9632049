"""What the panels on recorded accuracies share: curves over sparsity, their spread, a marker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.pruning.picture import draw_names
from gradlab.draw.sparsity import draw_band, draw_sparsity_axis, on_sparsity_axis
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, percent

Runs = NDArray[np.float64]  # (seeds, amounts): accuracies, NaN where a run is missing
View = Mapping[str, Runs]


class Curves(Panel):
    """Curves by name, in several views, and a slider that reads them at one amount."""

    what = "accuracy on unseen images"

    def __init__(self, amounts: Sequence[float], views: Mapping[str, View], pick: str) -> None:
        if any(np.isnan(runs).any() for view in views.values() for runs in view.values()):
            raise ValueError("records must hold every run of the panel, got one missing or failed")
        self._amounts, self.views = list(amounts), views
        self.view = ipywidgets.Dropdown(
            options=list(views), description=pick, layout={"width": "380px"}
        )
        self.amount = ipywidgets.SelectionSlider(
            options=[(f"{amount:.0%}", amount) for amount in self._amounts],
            value=self._amounts[len(self._amounts) // 2],
            description="sparsity",
            layout={"width": "420px"},
        )
        super().__init__([self.view, self.amount], self._picture())

    def _picture(self) -> LivePicture:
        figure, (axes,) = subplots(9, 4.2)
        self._marker = draw_sparsity_axis(axes, self.what, chance=0.1)
        names = dict.fromkeys(name for view in self.views.values() for name in view)
        self.bands = {name: draw_band(axes, name, k) for k, name in enumerate(names)}
        draw_names(axes)
        bands = [artist for band in self.bands.values() for artist in band.artists]
        return LivePicture(figure, [*bands, *self._marker.artists])

    def show(self) -> str:
        """Read every curve of the view at the slider's amount."""
        view, amount = self.views[self.view.value], self.amount.value
        for name, band in self.bands.items():
            runs = view.get(name, np.empty((1, 0)))
            x = self._amounts if name in view else []
            band.move(x, *(f(runs, axis=0) for f in (np.min, np.mean, np.max)))
        label = f"sparsity {amount:.0%}"
        self._marker.move(on_sparsity_axis(amount), label)
        place = self._amounts.index(amount)
        here = {name: runs[:, place] for name, runs in view.items()}
        order = sorted(here, key=lambda name: -here[name].mean())
        told = ", ".join(f"{name} {_spread(here[name])}" for name in order)
        seeds = len(next(iter(here.values())))
        return (
            f"{label.capitalize()}, {self.view.value}; {self.what}, mean and range of "
            f"{seeds} seeds, best first: {told}.{self.compared(here)}"
        )

    def compared(self, here: Mapping[str, Runs]) -> str:
        """A sentence more about the curves at this amount, shape (seeds,) each, or ''."""
        return ""


def _spread(values: Runs) -> str:
    return f"{percent(values.mean())} ({values.min():.0%} to {values.max():.0%})"
