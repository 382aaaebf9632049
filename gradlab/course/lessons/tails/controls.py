"""The tails panel: what does clipping save where noise is heavy-tailed, and what does it cost?"""

from __future__ import annotations

import ipywidgets
import numpy as np

from gradlab.arguments import within
from gradlab.course.lessons.tails.noise import MEAN, Floats, Noise
from gradlab.course.lessons.tails.picture import draw_errors, draw_estimates
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, log_slider, number, percent

BATCH, BATCHES = 16, 2000
HEAVIEST, LIGHTEST = 1.1, 6.0
LOWEST, HIGHEST = 0.1, 1000.0
_THRESHOLDS = np.geomspace(LOWEST, HIGHEST, 25)


def panel(index: float = 1.5, *, threshold: float = 10.0, right: float = 0.5) -> Tails:
    """A panel that averages 16 noisy gradients, clipped and not, and shows how far off the mean is.

    Left the means of 2,000 batches. Right their error over the threshold: the bias, from its closed
    form (``Noise.clipped_mean``), the spread, measured, and both together.

    Source: Zhang et al. 2020, "Why are adaptive methods good for attention models?" (heavy-tailed
    noise); Koloskova, Hendrikx & Stich 2023, "Revisiting gradient clipping" (the bias).

    Args:
        index: of the noise's tails, 1.1 to 6; at 2 and less its variance is infinite.
        threshold: of clipping each gradient by norm, which for one number is also by value; 0.1
            to 1,000.
        right: probability that the noise falls to the right, 0.5 (symmetric) to 0.95.

    Raises:
        ValueError: an argument out of its range.

    Note:
        Each single gradient is clipped, then they are averaged: 16 steps of batch 1, or the workers
        of a cluster. Without clipping, an index of 2 or less has no finite error: the line drawn is
        that of these 2,000 batches, and another 2,000 have another one.
    """
    within("index", index, HEAVIEST, LIGHTEST)
    within("threshold", threshold, LOWEST, HIGHEST)
    within("right", right, 0.5, 0.95)
    return Tails(index, threshold, right)


class Tails(Panel):
    """See ``panel``."""

    def __init__(self, index: float, threshold: float, right: float) -> None:
        self._uniform = np.random.default_rng(0).random((BATCHES, BATCH))
        self._of: Noise | None = None
        self.threshold = log_slider("threshold", LOWEST, HIGHEST, threshold)
        wide = {"layout": {"width": "420px"}}
        self.index = ipywidgets.FloatSlider(
            index, min=HEAVIEST, max=LIGHTEST, step=0.1, description="tail index", **wide
        )
        self.right = ipywidgets.FloatSlider(
            right, min=0.5, max=0.95, step=0.05, description="to the right", **wide
        )
        super().__init__([self.threshold, self.index, self.right], self._picture())

    def _picture(self) -> LivePicture:
        figure, (left, right) = subplots(9.6, 4.2, ncols=2)
        self.estimates = draw_estimates(left)
        self.errors = draw_errors(right, _THRESHOLDS)
        return LivePicture(figure, [*self.estimates.artists, *self.errors.artists])

    def _draw(self, noise: Noise) -> None:
        """Draw the batches of another noise, and their errors at every threshold."""
        self._of, self._gradients = noise, noise.drawn(self._uniform)
        self._plain = self._gradients.mean(1)
        self._error = float(np.sqrt(np.square(self._plain - MEAN).mean()))
        bias = noise.clipped_mean(_THRESHOLDS) - MEAN
        spread = np.array([self._clipped(bound).std() for bound in _THRESHOLDS])
        self.errors.move(np.hypot(bias, spread), np.abs(bias), spread, self._error)

    def _clipped(self, bound: float) -> Floats:
        """The batches' means, of gradients that were clipped to ``bound``."""
        means: Floats = np.clip(self._gradients, -bound, bound).mean(1)
        return means

    def show(self) -> str:
        """Clip, average, and compare."""
        noise = Noise(self.index.value, self.right.value)
        if noise != self._of:
            self._draw(noise)
        bound = self.threshold.value
        clipped, mean = self._clipped(bound), float(noise.clipped_mean(bound))
        self.estimates.move(self._plain, clipped, mean)
        self.errors.marker.move(bound, f"λ = {number(bound)}")
        error = float(np.hypot(mean - MEAN, clipped.std()))
        fired = float((np.abs(self._gradients) > bound).mean())
        endless = " (of these batches; its variance is infinite)" if noise.index <= 2 else ""
        wrong = " The clipped mean points the wrong way." if mean < 0 else ""
        return (
            f"Tail index {noise.index:.1f}, {percent(noise.right)} of the noise to the right. "
            f"Without clipping the mean of {BATCH} is off by {number(self._error)}{endless}. "
            f"Clipped to {number(bound)}, which fires at {percent(fired)} of the gradients, it is "
            f"off by {number(error)}: its mean is {number(mean)} and not 1, a bias of "
            f"{number(mean - MEAN)}, and it spreads by {number(float(clipped.std()))}.{wrong}"
        )
