"""The threshold panel: what would clipping at this threshold do to this gradient?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import overload

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from gradlab.clip import ByNorm, ByValue, Rule
from gradlab.clip.counted import Counted, Effect, countable, effect
from gradlab.clip.rule import kinds
from gradlab.draw.figure import StyledAxes
from gradlab.draw.gradients import draw_magnitudes, draw_norms
from gradlab.histogram import LogHistogram, by_layer
from gradlab.histogram.layers import of_tensors
from gradlab.histogram.scaled import Scaled
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.menus import ALL, LayerMenus
from gradlab.panels.moments import Moments
from gradlab.panels.panel import Panel, log_slider, number
from gradlab.panels.recorded import Recorded
from gradlab.panels.words import effect_in_words, how_sure, left_out
from gradlab.recording import Recording

MOMENTS = "g² / v, as SPAM"

Clip = Rule | type[Rule]


@overload
def threshold(gradients: Recording, *, clip: Clip | None = None) -> Recorded: ...
@overload
def threshold(
    gradients: nn.Module | Mapping[str, Tensor | LogHistogram],
    *,
    clip: Clip | None = None,
    moments: Mapping[str, LogHistogram] | None = None,
) -> Threshold: ...
def threshold(
    gradients: nn.Module | Mapping[str, Tensor | LogHistogram] | Recording,
    *,
    clip: Clip | None = None,
    moments: Mapping[str, LogHistogram] | None = None,
) -> Threshold | Recorded:
    """A panel that shows a gradient, or a whole run's, clipped at the threshold on its slider.

    Of one gradient it shows the histogram before and after. Of a recording it shows each step:
    above what the rule compares with its threshold, and how often each threshold fires; below the
    norm of each layer's gradient, and the coefficients of all steps, the smallest first. A rule
    whose threshold moves, such as ``ZClip``, is replayed over the whole run: its threshold is a
    curve among the norms, and how often other settings fire is filled in as it is found out.
    ``panels.threshold(recording.histograms[step])`` looks into one step of a recording.

    Args:
        gradients: a module after ``backward()``, or gradients (or their histograms) by layer name,
            or a ``Recording``. A module is measured once, now; the panel does not follow later
            changes.
        clip: what the panel starts with: a rule such as ``ByNorm(0.5)``, or its class for a
            threshold that suits the gradients. None: ``ByNorm`` for a recording, ``ByValue`` for
            one gradient, and with ``moments`` these.
        moments: of one gradient, how large its elements are to Adam's own average: g^2/v, by layer
            name, as in ``recording.moment_histograms[step]``. They are one more choice of what to
            clip: the threshold of SPAM and StableAdamW.

    Raises:
        ValueError: there is no gradient, all of it is zero or non-finite, or ``clip`` is none of
            the panel's rules, or clips by value and the recording has no histograms, or
            ``moments`` is given with a recording, or of a layer that ``gradients`` lacks.
        TypeError: ``gradients`` is something else.

    Note:
        The picture is a counterfactual about these gradients. With another threshold, earlier steps
        would have led elsewhere, and these gradients would not have been met.
    """
    recorded = isinstance(gradients, Recording)
    allowed = [kind for kind in kinds() if kind.part != "unit"] if recorded else countable()
    if clip is not None and (clip if isinstance(clip, type) else type(clip)) not in allowed:
        raise ValueError(
            f"clip must be one of {', '.join(kind.__name__ for kind in allowed)}, got {clip!r}"
        )
    if isinstance(gradients, Recording):
        if moments:
            raise ValueError(
                "moments must be None with a recording; look into one step of it: "
                "threshold(recording.histograms[step], moments=recording.moment_histograms[step])"
            )
        return Recorded(gradients, allowed, clip or ByNorm)
    histograms = _histograms(gradients)
    unknown = [name for name in moments or {} if name not in histograms]
    if unknown:
        raise ValueError(f"moments must be of layers in gradients, got {unknown[0]!r}")
    return Threshold(histograms, allowed, clip, moments or {})


class Threshold(Panel):
    """See ``threshold``."""

    def __init__(
        self,
        histograms: dict[str, LogHistogram],
        kinds: Sequence[type[Rule]],
        clip: Clip | None,
        moments: Mapping[str, LogHistogram],
    ) -> None:
        self._histograms, self._counted = histograms, Counted(histograms)
        self._rules = {kind.label: kind for kind in kinds}
        self._menus = LayerMenus(list(histograms))
        self.module, self.layer = self._menus.module, self._menus.layer
        self._views: dict[tuple[str, ...], LogHistogram] = {}
        whole = self._view(())
        merged = {name: self._view(tuple(some)) for name, some in self._menus.modules.items()}
        self._merged = Counted(merged)
        if not whole.norm() > 0:
            raise ValueError("gradients must hold a finite element other than zero")
        norm, high = whole.norm(), 2 * whole.quantile(1)
        low = max(whole.quantile(0.01), 1e-7 * high)
        self._edges = np.geomspace(low, high, 4 * round(np.log2(high / low)) + 1)
        self._bounds = np.append(0, self._edges[1:])  # the first bar holds all that is smaller

        choices = [*self._rules, *[MOMENTS] * bool(moments)]
        first = clip.label if clip else MOMENTS if moments else ByValue.label
        self.clip = ipywidgets.Dropdown(options=choices, value=first, description="clip")
        elements, norms = (low, high, whole.quantile(0.9)), (1e-3 * norm, 10 * norm, norm / 3)
        ways = {k.bound_name: elements if k.part == "element" else norms for k in kinds}
        if isinstance(clip, Rule):
            lowest, highest, _ = ways[clip.bound_name]
            at = clip.bound
            ways[clip.bound_name] = min(lowest, at), max(highest, at), at
        self.thresholds = {name: log_slider(name, *way) for name, way in ways.items()}
        picture = self._picture(1e-3 * norm, moments)
        controls = [self.clip, self.module, self.layer, *self.thresholds.values()]
        super().__init__(controls, picture)

    @property
    def threshold(self) -> ipywidgets.FloatLogSlider:
        """The slider of the rule that is chosen."""
        if self.clip.value == MOMENTS:
            return self.moments.slider
        return self.thresholds[self._rules[self.clip.value].bound_name]

    def _picture(self, lowest_norm: float, moments: Mapping[str, LogHistogram]) -> LivePicture:
        figure, (left, right) = subplots(9, 3.8, ncols=2, width_ratios=(3, 2))
        finite = self._counted.finite.sum()
        self.bars = draw_magnitudes(left, self._edges, 1 / finite, "|gradient element|")
        rows = self._menus.norms(self._counted.norms)
        norms = [float(np.linalg.norm(rows)), *rows]
        self.norms = draw_norms(right, [ALL, *self._menus.modules], norms, lowest_norm)
        self._faces = {False: ([left, right], [*self.bars.artists, *self.norms.artists])}
        self._face: bool | None = None
        if moments:
            others = figure.subplots(
                ncols=2, width_ratios=(3, 2), subplot_kw={"axes_class": StyledAxes}
            )
            self.moments = Moments(list(others), moments, self._menus.modules)
            self.thresholds[self.moments.slider.description] = self.moments.slider
            self._faces[True] = self.moments.axes, list(self.moments.artists)
        return LivePicture(figure, [one for _, moving in self._faces.values() for one in moving])

    def _turn(self, face: bool) -> None:
        """Show the gradient, or (True) its elements beside Adam's moments."""
        if self._face is face:
            return
        self._face = face
        for which, (axes, moving) in self._faces.items():
            for artist in (*axes, *moving):
                artist.set_visible(which is face)
        if len(self._faces) > 1:
            self.picture.redraw()

    def show(self) -> str:
        """Clip the shown layers' histograms at the slider's threshold."""
        slider = self.threshold
        for other in self.thresholds.values():
            other.layout.display = None if other is slider else "none"
        self._menus.list()
        chosen = self._menus.chosen()
        self._turn(self.clip.value == MOMENTS)
        if self.clip.value == MOMENTS:
            return self.moments.show(chosen, self._menus.row(chosen))
        rule = self._rules[self.clip.value].bounded(slider.value)
        by_value, view = rule.part == "element", self._view(chosen)
        if by_value:
            would = effect(rule, self._merged)
            rows, after = would.norm_after, view.shares(self._bounds, clip_value=rule.bound)
            summary = effect(rule, {"chosen": view}).over()
        else:
            would = effect(rule, self._counted)
            rows, after = self._menus.norms(would.norm_after), self._scaled_shares(would, chosen)
            summary = would.over(*chosen)
        self.bars.move(view.shares(self._bounds), after)
        self.norms.move([float(np.linalg.norm(rows)), *rows], self._menus.row(chosen))
        label = f"{slider.description} = {number(slider.value)}"
        self.bars.marker.move(slider.value if by_value else None, label)
        self.norms.marker.move(None if by_value else slider.value, label)
        sure = how_sure(view, slider.value) if by_value else ""
        return f"{label}: {effect_in_words(summary, by_value)}{sure}{left_out(view)}"

    def _view(self, chosen: tuple[str, ...]) -> LogHistogram:
        """The chosen layers in one histogram."""
        if chosen not in self._views:
            some = [self._histograms[name] for name in chosen or self._histograms]
            self._views[chosen] = some[0] if len(some) == 1 else LogHistogram.merged(some)
        return self._views[chosen]

    def _scaled_shares(self, would: Effect, chosen: tuple[str, ...]) -> NDArray[np.float64]:
        """Shares of the chosen layers' elements in each bar, each layer times its own factor."""
        view, places = self._view(chosen), self._menus.places(chosen or would.layers)
        factor = would.factor[places]
        if np.ptp(factor) == 0:
            return view.shares(self._bounds / factor[0])
        return self._scaled.counts(would.factor, places) / view.finite

    @cached_property
    def _scaled(self) -> Scaled:
        return Scaled(list(self._histograms.values()), self._edges)


def _histograms(gradients: object) -> dict[str, LogHistogram]:
    if isinstance(gradients, nn.Module):
        return by_layer(gradients)
    if not isinstance(gradients, Mapping):
        raise TypeError(
            "gradients must be a module after backward(), or a mapping from layer names to "
            f"tensors or histograms, got {type(gradients).__name__}"
        )
    return of_tensors(gradients)
