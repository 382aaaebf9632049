"""The second face of the threshold panel: each element of a gradient beside Adam's own average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from gradlab.draw.gradients import draw_magnitudes, draw_norms
from gradlab.histogram import LogHistogram
from gradlab.histogram.magnitudes import totals
from gradlab.panels.panel import log_slider, number, percent

SPAM = 5000 / (0.999 + 0.001 * 5000)
"""Above this, g^2/v is a spike to SPAM (Huang et al. 2025), which clips it.

SPAM takes v before the step, and asks for 5000. After the step v holds g^2 itself: with r before it
is r / (beta2 + (1 - beta2) r), at most 1000, and 833 for 5000, with Adam's usual beta2 of 0.999.
"""
STABLE = 1.0
"""Above this, the mean of g^2/v of a layer shortens its step under StableAdamW."""


class Moments:
    """``g^2 / v`` of each element, its mean by layer, and a threshold for both.

    Source: Wortsman et al. 2023, "Stable and low-precision training for large-scale vision-language
    models", section 3.5 (StableAdamW); Huang et al. 2025, "SPAM: Spike-aware Adam with momentum
    reset", section 4.

    Args:
        axes: two, empty.
        histograms: of ``g^2 / v``, by layer.
        groups: the layers of each row.
    """

    def __init__(
        self,
        axes: Sequence[Axes],
        histograms: Mapping[str, LogHistogram],
        groups: Mapping[str, Sequence[str]],
    ) -> None:
        self._layers = dict(histograms)
        self._groups = [[n for n in some if n in histograms] for some in groups.values()]
        _, sums, _ = totals(histograms.values())
        finite = np.array([one.finite for one in histograms.values()], np.float64)
        self._means = dict(zip(histograms, sums / np.maximum(finite, 1), strict=True))
        whole = LogHistogram.merged(histograms.values())
        low = max(whole.quantile(0.01), 1e-12)
        high = 2 * max(whole.quantile(1), SPAM)
        self._edges = np.geomspace(low, high, 4 * round(np.log2(high / low)) + 1)
        self.slider = log_slider("theta", 1e-2, high, STABLE)
        self.axes = list(axes)
        self.bars = draw_magnitudes(axes[0], self._edges, 1 / whole.finite, "g² / v of an element")
        self._rows = np.array([self._mean(()), *map(self._mean, self._groups)])
        self.means = draw_norms(axes[1], ["all layers", *groups], self._rows, 1e-3)
        axes[1].set(xlabel="mean of g² / v", xlim=(self._least(), 3 * max(self._rows.max(), 1)))

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that moves."""
        return *self.bars.artists, *self.means.artists

    def show(self, chosen: Sequence[str], row: int) -> str:
        """Clip the chosen layers' ``g^2 / v`` at the slider's threshold, as SPAM does."""
        theta = self.slider.value
        names = [name for name in chosen or self._layers if name in self._layers]
        view = LogHistogram.merged([self._layers[name] for name in names])
        bounds = np.append(0, self._edges[1:])
        self.bars.move(view.shares(bounds), view.shares(bounds, clip_value=theta))
        self.means.move(self._rows, row)
        label = f"theta = {number(theta)}"
        self.bars.marker.move(theta, label)
        self.means.marker.move(theta, label)
        beyond = sum(self._means[name] > theta for name in names)
        sure = ""
        if view.stride > 1:
            low, high = map(percent, view.fraction_interval(theta))
            sure = f" (from a sample: between {low} and {high})"
        return (
            f"{label}: {percent(view.fraction_above(theta))} of the elements have g²/v above it"
            f"{sure}. SPAM calls them spikes at theta = {SPAM:.0f}: its 5000 is of v before the "
            f"step, at beta2 = 0.999. The mean of g²/v is above theta in {beyond:,} of "
            f"{len(names):,} layers; StableAdamW shortens their steps at theta = 1."
        )

    def _mean(self, names: Sequence[str]) -> float:
        some = names or list(self._layers)
        sizes = np.array([self._layers[name].finite for name in some], np.float64)
        means = np.array([self._means[name] for name in some])
        return float(sizes @ means / max(sizes.sum(), 1.0))

    def _least(self) -> float:
        positive = self._rows[self._rows > 0]
        return float(min(positive.min(initial=1.0), 1.0)) / 3
