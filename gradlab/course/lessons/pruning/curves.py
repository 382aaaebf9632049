"""What the panels on recorded accuracies share: curves over sparsity, their spread, a marker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.pruning.picture import draw_multiple
from gradlab.draw.sparsity import draw_curve, on_sparsity_axis
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
        """Small multiples: axes for each name with a line for every seed, and one for all means."""
        names = dict.fromkeys(name for view in self.views.values() for name in view)
        count = len(names) + 1
        rows = 1 + (count > 3)
        columns = -(-count // rows)
        figure, axes = subplots(9.6, 0.6 + 2.4 * rows, nrows=rows, ncols=columns)
        self._markers = [
            draw_multiple(each, name, k, left=k % columns == 0, below=k + columns >= count)
            for k, (name, each) in enumerate(zip([*names, "all means"], axes, strict=False))
        ]
        for spare in axes[count:]:
            spare.remove()
        self.curves = {name: draw_curve(axes[k], name, k) for k, name in enumerate(names)}
        self.means = {name: draw_curve(axes[count - 1], name, k) for k, name in enumerate(names)}
        axes[0].set_ylabel(self.what)
        self._drawn = ""
        return LivePicture(figure, [a for marker in self._markers for a in marker.artists])

    def _draw(self, view: View) -> None:
        """Curves are still: they change with the view only."""
        for name, curve in self.curves.items():
            runs = view.get(name, np.empty((1, 0)))
            x = self._amounts if name in view else []
            curve.move(x, runs)
            self.means[name].move(x, runs.mean(0, keepdims=True))
        self.picture.redraw()

    def show(self) -> str:
        """Read every curve of the view at the slider's amount."""
        view, amount = self.views[self.view.value], self.amount.value
        if self._drawn != self.view.value:
            self._drawn = self.view.value
            self._draw(view)
        label = f"sparsity {amount:.0%}"
        for marker in self._markers:
            marker.move(on_sparsity_axis(amount), f"{amount:.0%}")
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
