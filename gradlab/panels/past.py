"""The history panel: what happened in this run, step by step and layer by layer?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.figure import StyledAxes, blank_figure
from gradlab.draw.history import draw_history
from gradlab.histogram import LogHistogram
from gradlab.panels.live import LivePicture
from gradlab.panels.panel import Panel, number, percent
from gradlab.recording import Recording

ALL = "all layers"

Losses = Mapping[str, ArrayLike | Mapping[int, float]]

_SOME = 8  # steps that say how wide the histogram's axis is; beyond it, its edge bars count
_MOSAIC: Any = [["loss", "elements"], ["norm", "elements"], ["gradients", "ratios"]]


def history(recording: Recording, losses: Losses | None = None) -> History:
    """A panel that shows what happened in a recorded run: a slider goes through its steps.

    Above the losses, the norm of the whole gradient, and the histogram of the gradient at the step
    on the slider, beside that of the first. Below two maps, a row for each layer and a column for
    each step: the norm of the layer's gradient, and how far the step moved its weight (or another
    quantity: *map*).

    Args:
        recording: of one step or more, with histograms. With ``record(..., updates=True)`` the
            second map can show the true update / weight; else gradient / weight.
        losses: what else was measured, by name: a number for each step, or some steps' numbers by
            step. Drawn on a logarithmic scale: a cross at the upper edge is infinite or NaN.

    Raises:
        ValueError: the recording has no step with histograms or no gradient that is finite and
            not zero, or a loss has another number of values than the recording has steps, or a
            step that it has not.

    Note:
        Colours show powers of ten: a factor of two is hardly seen in a map. And a layer whose
        gradient is small need not be ill: what counts is how far its weight moves.
    """
    if not len(recording.histograms):
        raise ValueError("the recording must have a step with histograms, got none")
    norms = recording.layer_norms
    if not (np.isfinite(norms) & (norms > 0)).any():
        raise ValueError("the recording must hold a gradient that is finite and not zero")
    steps = len(recording)
    by_step = {name: _by_step(name, values, steps) for name, values in (losses or {}).items()}
    return History(recording, by_step)


class History(Panel):
    """See ``history``."""

    def __init__(self, recording: Recording, losses: dict[str, dict[int, float]]) -> None:
        self._recording, self._losses = recording, losses
        self._maps = _maps(recording)
        steps = recording.histogram_steps.tolist()
        held = [step for step in steps if np.isfinite(recording.total_norm[step])] or steps
        self.step = ipywidgets.SelectionSlider(
            options=steps,
            value=held[len(held) // 2],
            description="step",
            layout={"width": "420px"},
        )
        self.layer = ipywidgets.Dropdown(options=[ALL, *recording.layers], description="layer")
        self.map = ipywidgets.Dropdown(options=list(self._maps), description="map")
        self._shown = self.map.value
        super().__init__([self.step, self.map, self.layer], self._picture())

    def _picture(self) -> LivePicture:
        figure = blank_figure(9.4, 7)
        axes = figure.subplot_mosaic(
            _MOSAIC, height_ratios=(1, 0.8, 1.7), subplot_kw={"axes_class": StyledAxes}
        )
        places = [axes[name] for name in ("loss", "norm", "elements", "gradients", "ratios")]
        self._edges = _edges(self._recording)
        self._counted = np.append(0, self._edges[1:])  # the first bar holds all that is smaller
        self._counted[-1] = np.inf
        first = self._recording.histograms[self.step.options[0]]  # large: not kept
        self._first = {of: self._shares(_chosen(first, of)) for of in self.layer.options}
        ratio = self._maps[self._shown], self._shown
        self.drawn = draw_history(places, self._recording, self._losses, self._edges, ratio)
        return LivePicture(figure, self.drawn.artists)

    def show(self) -> str:
        """Go to the slider's step and the chosen layer."""
        step, layer = self.step.value, self.layer.value
        if self.map.value != self._shown:
            self._shown = self.map.value
            self.drawn.ratios.measure(self._maps[self._shown], self._shown)
            self.picture.redraw()
        now = _chosen(self._recording.histograms[step], layer)
        self.drawn.move(step, self._first[layer], self._shares(now), _unseen(now))
        return " ".join([*self._of_the_step(step), *self._of_the_layer(step, layer, now)])

    def _shares(self, of: LogHistogram) -> NDArray[np.float64]:
        """Shares of the elements in each bar; none where there is no finite element."""
        return np.nan_to_num(of.shares(self._counted))

    def _of_the_step(self, step: int) -> list[str]:
        norm, rate = self._recording.total_norm[step], self._recording.learning_rate[step]
        losses = [f"{name} {number(x[step])}" for name, x in self._losses.items() if step in x]
        said = [f"Step {step}."]
        said += [f"Loss: {', '.join(losses)}."] if losses else []
        said += [f"Norm of the whole gradient {number(norm)}."]
        return said + ([f"Learning rate {number(rate)}."] if np.isfinite(rate) else [])

    def _of_the_layer(self, step: int, layer: str, now: LogHistogram) -> list[str]:
        if not now.numel:
            return [f"{layer}: no gradient."]
        among = [k for k, name in enumerate(self._recording.layers) if layer in (ALL, name)]
        ratios = self._maps[self._shown][step, among]
        ratios = ratios[np.isfinite(ratios)]
        said = [f"{layer}: {_unseen(now)}."]
        if ratios.size == 1:
            return [*said, f"{self._shown}: {number(ratios[0])}."]
        if ratios.size:
            low, middle, high = np.quantile(ratios, (0, 0.5, 1))
            ends = f"from {number(low)} to {number(high)}"
            said += [f"{self._shown}: {ends}, median {number(middle)}."]
        return said


def _maps(recording: Recording) -> dict[str, NDArray[np.float64]]:
    """What the second map can show, (n, L): each step as the last one that was looked at closer.

    Where the gradient was not finite, inf stands for NaN.
    """
    lost = ~np.isfinite(recording.total_norm[recording.histogram_steps])[:, None]
    looked = np.searchsorted(recording.histogram_steps, np.arange(len(recording)), "right") - 1
    measured = np.isfinite(recording.update_norms).any()
    found = {"update / weight": recording.update_to_weight} if measured else {}
    found |= {
        "gradient / weight": recording.gradient_to_weight,
        "norm of the weight": recording.weight_norms,
    }
    return {name: np.where(lost & np.isnan(v), np.inf, v)[looked] for name, v in found.items()}


def _edges(recording: Recording) -> NDArray[np.float64]:
    """Of bars that hold every step's gradient, but for its smallest elements."""
    steps = recording.histogram_steps
    some = steps[np.linspace(0, len(steps) - 1, min(len(steps), _SOME)).astype(int)].tolist()
    each = [LogHistogram.merged(recording.histograms[step].values()) for step in some]
    each = [whole for whole in each if whole.norm() > 0]
    if not each:
        return np.geomspace(1e-8, 1, 81)
    high = 2 * max(whole.quantile(1) for whole in each)
    low = min(max(whole.quantile(0.02), 1e-6 * whole.quantile(1)) for whole in each)
    return np.geomspace(low, high, min(4 * round(np.log2(high / low)) + 1, 241))


def _chosen(histograms: dict[str, LogHistogram], layer: str) -> LogHistogram:
    if layer == ALL:
        return LogHistogram.merged(histograms.values())
    return histograms.get(layer, LogHistogram.merged([]))


def _unseen(one: LogHistogram) -> str:
    """What a logarithmic axis cannot show."""
    if not one.numel:
        return "no gradient"
    lost = f", {percent(one.nonfinite / one.numel)} not finite" if one.nonfinite else ""
    return f"{percent(one.zeros / one.numel)} of the elements exactly zero{lost}"


def _by_step(name: str, values: ArrayLike | Mapping[int, float], steps: int) -> dict[int, float]:
    if isinstance(values, Mapping):
        for step in values:
            if step not in range(steps):
                raise ValueError(f"losses[{name!r}] must be of steps 0 to {steps - 1}, got {step}")
        return {int(step): float(value) for step, value in values.items()}
    row = np.asarray(values, np.float64)
    if row.shape != (steps,):
        raise ValueError(f"losses[{name!r}] must hold {steps} numbers, one a step, got {row.shape}")
    return dict(enumerate(row.tolist()))
