"""The panel on where the gradient lives: which columns, which layers, when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.scenes.picture import draw_heat, draw_scale, name_rows
from gradlab.course.lessons.scenes.watching import Watched
from gradlab.draw.style import axes_of
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number, percent


def gradient_panel(watched: Mapping[str, Watched]) -> GradientPanel:
    """A panel with two maps over training: the gradient's norm by column, and by layer.

    Args:
        watched: from ``watch``, by the name that is to be chosen.

    Raises:
        ValueError: there is none.

    Note:
        The gradient is that of a few scenes that the network is not trained on, before clipping.
        It is small where the network looks away, and also where it is done: see the loss.
    """
    if not watched:
        raise ValueError("watched must hold one reader or more, got none")
    return GradientPanel(dict(watched))


class GradientPanel(Panel):
    """See ``gradient_panel``."""

    def __init__(self, watched: dict[str, Watched]) -> None:
        self.watched = watched
        self.run = ipywidgets.Dropdown(
            options=list(watched), description="reader", layout={"width": "380px"}
        )
        self.step = ipywidgets.SelectionSlider(
            options=self._steps(), description="step", layout={"width": "420px"}
        )
        self.step.index = len(self.step.options) - 1
        self._shown = ""
        super().__init__([self.run, self.step], self._picture())

    def _steps(self) -> list[int]:
        return [int(step) for step in self.watched[self.run.value].steps]

    def _picture(self) -> LivePicture:
        figure, (left, right, scale) = subplots(10, 4.4, ncols=3, width_ratios=(1, 1, 0.05))
        self.columns = draw_heat(left, "gradient by column", "column")
        self.layers = draw_heat(right, "gradient by layer", "")
        draw_scale(scale, self.columns)
        name_rows(right, max((one.names for one in self.watched.values()), key=_width))
        picture = LivePicture(figure, [*self.columns.artists, *self.layers.artists])
        self._fill()  # now that there is room for the longest names
        picture.redraw()
        return picture

    def _fill(self) -> None:
        """Show the maps of the reader that is chosen; the picture must be redrawn."""
        self._shown = self.run.value
        watched = self.watched[self._shown]
        self.columns.fill(watched.steps, watched.columns)
        self.layers.fill(watched.steps, watched.layers)
        name_rows(axes_of(self.layers.image), watched.names)

    def show(self) -> str:
        """Mark the slider's step, and name what is largest there."""
        watched = self.watched[self.run.value]
        if self.run.value != self._shown:
            self._fill()
            self.step.options = self._steps()
            self.step.index = len(self.step.options) - 1
            self.picture.redraw()
        place = self.step.index
        self.columns.move(watched.steps[place])
        self.layers.move(watched.steps[place])
        columns, layers = watched.columns[place], watched.layers[place]
        said = f"{self.run.value}, after {watched.steps[place]} steps: "
        if not (np.isfinite(columns).all() and np.isfinite(layers).all()):
            return said + "the gradient is not finite."
        first, last, largest = columns[0], columns[-1], int(columns.argmax())
        layer, share = int(layers.argmax()), float(np.square(layers).max() / _energy(layers))
        end = f" It diverged at step {watched.diverged}." if watched.diverged else ""
        return (
            f"{said}the gradient is largest at column {largest} ({number(columns[largest])}), "
            f"{number(first)} at the first and {number(last)} at the last. The largest layer is "
            f"{watched.names[layer]}, with {percent(share)} of the squared norm; the norm of all "
            f"is {number(float(np.sqrt(_energy(layers))))}.{end}"
        )


def _width(names: Sequence[str]) -> int:
    return max(map(len, names))


def _energy(layers: NDArray[np.float64]) -> float:
    return float(np.square(layers).sum()) or 1.0
