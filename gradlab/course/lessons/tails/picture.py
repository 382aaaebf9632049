"""Estimates of a mean, and their error over the threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.style import AFTER, BEFORE, CYCLE, THRESHOLD, Marker, decades, draw_marker

EDGES = np.linspace(-3, 5, 81)


@dataclass(frozen=True)
class Estimates:
    """The artists of ``draw_estimates``."""

    plain: StepPatch
    clipped: StepPatch
    mean: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.plain, self.clipped, self.mean

    def move(self, plain: ArrayLike, clipped: ArrayLike, mean: float) -> None:
        """Show other estimates, (n,), and the mean of the clipped gradient.

        Those outside of the axis are counted in its first and last bar; each histogram is as high
        as its tallest bar.
        """
        for patch, estimates in ((self.plain, plain), (self.clipped, clipped)):
            seen = np.clip(np.asarray(estimates), EDGES[0], EDGES[-1])
            counts: NDArray[np.int64] = np.histogram(seen, EDGES)[0]
            patch.set_data(counts / counts.max())
        self.mean.set_xdata([mean, mean])


def draw_estimates(axes: Axes) -> Estimates:
    """Make empty axes ready for two histograms of estimates; return what to move."""
    axes.set(xlim=(EDGES[0], EDGES[-1]), ylim=(0, 1.35))
    axes.set(
        xlabel="mean of 16 gradients (the true one is 1)", ylabel="2,000 batches (tallest bar: 1)"
    )
    axes.axvline(1, color="#444444", linewidth=1, label="true mean")
    flat = np.zeros(len(EDGES) - 1)
    looks = ("not clipped", BEFORE, 0.7), ("clipped", AFTER, 0.55)
    plain, clipped = (
        axes.stairs(flat, EDGES, fill=True, color=color, alpha=alpha, label=label)
        for label, color, alpha in looks
    )
    mean = axes.axvline(1, color=AFTER, linewidth=1.4, linestyle="--", label="mean, clipped")
    axes.legend(loc="upper right")
    return Estimates(plain, clipped, mean)


@dataclass(frozen=True)
class Errors:
    """The artists of ``draw_errors``."""

    error: Line2D
    bias: Line2D
    spread: Line2D
    plain: Line2D
    marker: Marker

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.plain, self.spread, self.bias, self.error, *self.marker.artists

    def move(self, error: ArrayLike, bias: ArrayLike, spread: ArrayLike, plain: float) -> None:
        """Show other errors over the thresholds, (n,), and that without clipping."""
        for line, values in ((self.error, error), (self.bias, bias), (self.spread, spread)):
            line.set_ydata(np.asarray(values))
        self.plain.set_ydata([plain, plain])


def draw_errors(axes: Axes, thresholds: ArrayLike) -> Errors:
    """Make empty axes ready for errors over thresholds, (n,) increasing; return what to move."""
    along = np.asarray(thresholds)
    axes.set(xscale="log", yscale="log", xlim=(along[0], along[-1]), ylim=(0.01, 1000))
    axes.set(xlabel="threshold λ", ylabel="error of the mean of 16")
    decades(axes)
    (bias,) = axes.plot(along, 1 + 0 * along, color=THRESHOLD, linewidth=1.4, label="bias")
    (spread,) = axes.plot(along, 1 + 0 * along, color=CYCLE[2], linewidth=1.4, label="spread")
    (error,) = axes.plot(along, 1 + 0 * along, color=AFTER, label="both: root mean square")
    plain = axes.axhline(1, color=BEFORE, linestyle="--", label="without clipping")
    axes.legend(loc="upper left")
    return Errors(error, bias, spread, plain, draw_marker(axes))
