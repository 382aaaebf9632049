"""A recorded run step by step: losses, norm, histogram, and two maps of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.gradients import Magnitudes, draw_magnitudes
from gradlab.draw.layers import Layers, columns, draw_layers, places
from gradlab.draw.style import AFTER, CYCLE, THRESHOLD, legible
from gradlab.recording import Recording

_HEADROOM = 1.25


@dataclass(frozen=True)
class History:
    """The artists of ``draw_history``."""

    cursors: tuple[Line2D, ...]
    bars: Magnitudes
    zeros: Text
    gradients: Layers
    ratios: Layers

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return *self.cursors, *self.bars.artists, self.zeros

    def move(self, step: int, first: ArrayLike, now: ArrayLike, zeros: str) -> None:
        """Go to a step: its share of the elements in each bar, and what the bars cannot show."""
        for cursor in self.cursors:
            cursor.set_xdata([step, step])
        self.bars.move(first, now)
        self.zeros.set_text(zeros)


def draw_history(
    axes: Sequence[Axes],
    recording: Recording,
    losses: Mapping[str, Mapping[int, float]],
    edges: ArrayLike,
    ratio: tuple[NDArray[np.float64], str],
) -> History:
    """Draw a recorded run; return the artists that show one of its steps closer.

    Args:
        axes: five empty ones: for the losses, the norm of the whole gradient, the histogram, and
            two maps of the layers.
        recording: of one step or more, with histograms.
        losses: name -> step -> value.
        edges: of the histogram's bars.
        ratio: what the second map shows, (n, layers), and its name.
    """
    curves, norm, elements, gradients, ratios = axes
    steps = len(recording)
    for name, (color, loss) in zip(losses, zip(CYCLE, losses.values(), strict=False), strict=True):
        at = np.fromiter(loss, np.int64)
        _draw_curve(curves, at, np.fromiter(loss.values(), np.float64), color, name)
    _draw_curve(norm, np.arange(steps), recording.total_norm, AFTER)
    curves.set_title("loss")
    if losses:
        curves.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(losses), borderaxespad=0)
    norm.set_title("norm of the whole gradient")
    lost = np.isnan(recording.layer_norms) & ~np.isfinite(recording.total_norm)[:, None]
    maps = (
        draw_layers(gradients, recording.layers, np.where(lost, np.inf, recording.layer_norms)),
        draw_layers(ratios, recording.layers, *ratio),
    )
    curves.tick_params(labelbottom=False)  # those of the norm below
    ratios.tick_params(labelleft=False)  # those of the gradients beside
    cursors = []
    for one in (curves, norm, gradients, ratios):
        one.set_xlim(-0.5, steps - 0.5)
        one.xaxis.set_major_locator(MaxNLocator(integer=True))
        cursors.append(one.axvline(0, color=THRESHOLD, linewidth=1.2))
    names = ("at the first step", "at this step")
    bars = draw_magnitudes(elements, edges, 1e-5, "|gradient element|", names)
    zeros = elements.text(1, 1.02, "", ha="right", color=THRESHOLD, transform=elements.transAxes)
    return History(tuple(cursors), bars, zeros, *maps)


def _draw_curve(
    axes: Axes, steps: NDArray[np.int64], values: NDArray[np.float64], color: str, name: str = ""
) -> None:
    """Draw positive values on a logarithmic axis; what is not finite is a cross at its edge."""
    axes.set_yscale("log")
    held = np.isfinite(values) & (values > 0)
    y = np.where(held, values, np.nan)
    marker = "." if len(steps) < 60 else ""
    if len(places(len(y))) < len(y):
        ends = np.stack([columns(y, np.fmin), columns(y, np.fmax)], 1)
        axes.plot(np.repeat(columns(steps, np.fmin), 2), ends.ravel(), color=color, linewidth=1.2)
    else:
        axes.plot(steps, y, color=color, linewidth=1.2, marker=marker, markersize=5)
    axes.lines[-1].set_label(name)
    if held.any():
        low, high = y[held].min() / _HEADROOM, y[held].max() * _HEADROOM
        known = [line.get_ydata() for line in axes.lines[:-1]]
        if known:
            low, high = min(low, axes.get_ylim()[0]), max(high, axes.get_ylim()[1])
        axes.set_ylim(low, high)
        legible(axes.yaxis)
    lost = ~np.isfinite(values)
    axes.plot(steps[lost], np.ones(lost.sum()), "x", color="black", markersize=5, clip_on=False,
              zorder=5, transform=axes.get_xaxis_transform(), in_layout=False)  # fmt: skip
