"""The per-sample panel: what if every sample's gradient is clipped before they are averaged?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from gradlab.course.lessons.samples.gradients import MeanOfClipped, SampleGradients
from gradlab.course.lessons.samples.picture import draw_bias, draw_samples
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, log_slider, number


def panel(gradients: Tensor | Mapping[str, Tensor]) -> PerSample:
    """A panel that clips each sample's gradient alone, and shows where their mean goes.

    Left: a dot for each sample, by the norm of its gradient and its cosine with the mean gradient.
    Those beyond C are pulled back to it. Right: the angle between the mean of the clipped gradients
    and the mean gradient, at every C. Clipping the mean itself (dashed) never turns it.

    Source: Abadi et al. 2016, "Deep learning with differential privacy", Algorithm 1; Chen, Wu &
    Hong 2020, "Understanding gradient clipping in private SGD: a geometric perspective".

    Args:
        gradients: (n, d), or tensors (n, ...) by parameter name, as
            ``per_sample_gradients`` returns them. Only their inner products are
            kept.

    Raises:
        TypeError: ``gradients`` is something else.
        ValueError: there are none, the numbers of samples differ, some are not finite, or all are
            zero.

    Note:
        DP-SGD also adds noise, which is left out here: without it nothing is private. The bias is
        that of one batch; over training it need not add up.
    """
    return PerSample(SampleGradients.of(gradients))


class PerSample(Panel):
    """See ``panel``."""

    def __init__(self, samples: SampleGradients) -> None:
        self._samples = samples
        norms = samples.norms[samples.norms > 0]
        if not norms.size:
            raise ValueError("gradients must hold an element other than zero")
        high = 2 * float(norms.max())
        low = max(float(norms.min()) / 2, 1e-6 * high)
        self.max_norm = log_slider("C", low, high, float(np.median(norms)))
        super().__init__([self.max_norm], self._picture())

    def _picture(self) -> LivePicture:
        figure, (left, right) = subplots(9, 3.8, ncols=2)
        bounds = np.logspace(self.max_norm.min, self.max_norm.max, 241)
        angles = [self._samples.clipped(bound).degrees for bound in bounds.tolist()]
        ends = float(bounds[0]), float(bounds[-1])
        norms, cosines = self._samples.norms, self._samples.cosines
        self.dots = draw_samples(left, norms, cosines, ends)
        self.bias = draw_bias(right, bounds, angles)
        return LivePicture(figure, [*self.dots.artists, *self.bias.artists])

    def show(self) -> str:
        """Clip every sample to the slider's C and average."""
        bound = self.max_norm.value
        found = self._samples.clipped(bound)
        label = f"C = {number(bound)}"
        self.dots.move(bound, label)
        self.bias.move(bound, found.degrees, label)
        zeros = int((self._samples.norms == 0).sum())
        unseen = f" Not in the picture: {zeros} samples whose gradient is zero." if zeros else ""
        count = f"{found.clipped} of {len(self._samples.norms)} samples are clipped"
        return f"{label}: {count}. {_in_words(found, bound)}{unseen}"


def _in_words(found: MeanOfClipped, bound: float) -> str:
    before, after = number(found.norm_before), number(found.norm_after)
    if not found.norm_before:
        return f"The mean gradient is zero; that of the clipped ones has norm {after}."
    if not found.norm_after:
        return f"The mean gradient has norm {before}; the clipped ones cancel: no step at all."
    uphill = " Uphill: a small step with it raises the loss of the batch." * (found.cosine < 0)
    return (
        f"Clip, then average: the mean's norm {before} → {after}, turned by {found.degrees:.1f}° "
        f"(cosine {found.cosine:.3f}).{uphill} Average, then clip: norm "
        f"{number(min(found.norm_before, bound))}, turned by 0°."
    )
