"""The threshold panel: what would clipping at this threshold do to this gradient?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from gradlab import histogram, whatif
from gradlab.arguments import one_of
from gradlab.clip import ByNorm, ByValue, PerLayer
from gradlab.draw.gradients import draw_magnitudes, draw_norms
from gradlab.histogram import LogHistogram
from gradlab.live import LivePicture, subplots
from gradlab.panels.panel import Panel, log_slider, number, percent
from gradlab.panels.recorded import Recorded
from gradlab.recording import Recording

ALL = "all layers"
RULES: dict[str, type[whatif.Rule]] = {
    "by value": ByValue,
    "by norm": ByNorm,
    "by norm, each layer alone": PerLayer,
}


@overload
def threshold(gradients: Recording, *, rule: str | None = None) -> Recorded: ...
@overload
def threshold(
    gradients: nn.Module | Mapping[str, Tensor | LogHistogram], *, rule: str | None = None
) -> Threshold: ...
def threshold(
    gradients: nn.Module | Mapping[str, Tensor | LogHistogram] | Recording,
    *,
    rule: str | None = None,
) -> Threshold | Recorded:
    """A panel that shows a gradient, or a whole run's, clipped at the threshold on its slider.

    Of one gradient it shows the histogram before and after. Of a recording it shows each step:
    above what the rule compares with its threshold, and how often each threshold fires; below the
    norm of each layer's gradient, and the coefficients of all steps, the smallest first.
    ``panels.threshold(recording.histograms[step])`` looks into one step of a recording.

    Args:
        gradients: a module after ``backward()``, or gradients (or their histograms) by layer name,
            or a ``Recording``. A module is measured once, now; the panel does not follow later
            changes.
        rule: what the panel starts with: "by value", "by norm" or "by norm, each layer alone".
            None: "by norm" for a recording, "by value" for one gradient.

    Raises:
        ValueError: there is no gradient, all of it is zero or non-finite, or ``rule`` is unknown,
            or it is "by value" for a recording without histograms.
        TypeError: ``gradients`` is something else.

    Note:
        The picture is a counterfactual about these gradients. With another threshold, earlier steps
        would have led elsewhere, and these gradients would not have been met.
    """
    if rule is not None:
        one_of("rule", rule, RULES)
    if isinstance(gradients, Recording):
        return Recorded(gradients, RULES, rule or "by norm")
    return Threshold(_histograms(gradients), rule or "by value")


class Threshold(Panel):
    """See ``threshold``."""

    def __init__(self, histograms: dict[str, LogHistogram], rule: str) -> None:
        self._histograms = histograms
        self._views = {ALL: histogram.merge(histograms), **histograms}
        whole = self._views[ALL]
        if not whole.norm() > 0:
            raise ValueError("gradients must hold a finite element other than zero")
        norm, high = whole.norm(), 2 * whole.quantile(1)
        low = max(whole.quantile(0.01), 1e-7 * high)
        self._edges = np.geomspace(low, high, 4 * round(np.log2(high / low)) + 1)
        self._counted = np.append(0, self._edges[1:])  # the first bar holds all that is smaller
        self._held = {name: h for name, h in histograms.items() if h.finite}

        self.rule = ipywidgets.Dropdown(options=list(RULES), value=rule, description="clip")
        self.layer = ipywidgets.Dropdown(options=list(self._views), description="show")
        self.clip_value = log_slider("clip_value", low, high, whole.quantile(0.9))
        self.max_norm = log_slider("max_norm", 1e-3 * norm, 10 * norm, norm / 3)
        controls = [self.rule, self.layer, self.clip_value, self.max_norm]
        super().__init__(controls, self._picture(lowest_norm=1e-3 * norm))

    def _picture(self, lowest_norm: float) -> LivePicture:
        figure, (left, right) = subplots(9, 3.8, ncols=2, width_ratios=(3, 2))
        norms = [view.norm() for view in self._views.values()]
        finite = self._views[ALL].finite
        self._bars = draw_magnitudes(left, self._edges, 1 / finite, "|gradient element|")
        self._norms = draw_norms(right, list(self._views), norms, lowest_norm)
        return LivePicture(figure, [*self._bars.artists, *self._norms.artists])

    def show(self) -> str:
        """Clip the shown layers' histograms at the slider's threshold."""
        by_value = self.rule.value == "by value"
        self.clip_value.layout.display = None if by_value else "none"
        self.max_norm.layout.display = "none" if by_value else None
        slider = self.clip_value if by_value else self.max_norm
        rule = RULES[self.rule.value](slider.value)
        effect = whatif.effect(rule, self._histograms)

        view = self._views[self.layer.value]
        self._bars.move(view.shares(self._counted), self._shares_after(rule, effect))
        row = list(self._views).index(self.layer.value)
        self._norms.move([effect.over().norm_after, *effect.norm_after], row)
        label = f"{slider.description} = {number(slider.value)}"
        self._bars.marker.move(slider.value if by_value else None, label)
        self._norms.marker.move(None if by_value else slider.value, label)
        summary = effect.over(None if self.layer.value == ALL else self.layer.value)
        return f"{label}: {_effect_in_words(summary, by_value)}{_left_out(view)}"

    def _shares_after(self, rule: whatif.Rule, effect: whatif.Effect) -> NDArray[np.float64]:
        """Shares of the shown layers' elements in each bar after clipping."""
        view, edges = self._views[self.layer.value], self._counted
        if isinstance(rule, ByValue):
            return view.shares(edges, clip_value=rule.clip_value)
        factor = dict(zip(effect.layers, effect.factor, strict=True))
        if self.layer.value != ALL:
            return view.shares(edges / factor[self.layer.value])
        if isinstance(rule, ByNorm):
            return view.shares(edges / effect.factor[0])
        counts = [h.finite * h.shares(edges / factor[name]) for name, h in self._held.items()]
        total: NDArray[np.float64] = np.sum(counts, axis=0)
        return total / view.finite


def _effect_in_words(summary: whatif.Summary, by_value: bool) -> str:
    if not summary.fraction > 0:
        return f"nothing is clipped. The norm stays {number(summary.norm_before)}."
    verb = "clipped" if by_value else "scaled down"
    return (
        f"{percent(summary.fraction)} of the elements are {verb}. "
        f"Norm {number(summary.norm_before)} → {number(summary.norm_after)}. "
        f"Angle to the gradient before: {summary.degrees:.1f}° (cosine {summary.cosine:.3f})."
    )


def _left_out(view: LogHistogram) -> str:
    """What a logarithmic axis cannot show."""
    parts = []
    if view.zeros:
        parts.append(f"{percent(view.zeros / view.numel)} are exactly zero")
    if view.nonfinite:
        parts.append(f"{view.nonfinite:,} are infinite or NaN")
    return f" Not in the picture: {' and '.join(parts)}." if parts else ""


def _histograms(gradients: object) -> dict[str, LogHistogram]:
    if isinstance(gradients, nn.Module):
        return histogram.by_layer(gradients)
    if not isinstance(gradients, Mapping):
        raise TypeError(
            "gradients must be a module after backward(), or a mapping from layer names to "
            f"tensors or histograms, got {type(gradients).__name__}"
        )
    return histogram.of_tensors(gradients)
