"""How often a rule whose threshold moves fires: it has to be replayed to be known."""

from __future__ import annotations

import time
from math import inf, isfinite, nan
from typing import TypeAlias

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.clip import Rule
from gradlab.panels.panel import slider_around
from gradlab.panels.positions import control
from gradlab.recording import Recording

_TURN = 0.03  # seconds
_REACH = 10
_STRIDES = 8, 4, 2, 1  # the whole of a curve first, then what lies between

Slider: TypeAlias = ipywidgets.FloatLogSlider | ipywidgets.FloatSlider


class Fires:
    """The share of the steps at which a rule fires, for each position of its slider.

    Args:
        recording: is replayed.
        rule: of a kind that moves, with its other settings.
        slider: of its bound.
    """

    def __init__(self, recording: Recording, rule: Rule, slider: Slider) -> None:
        self._recording, self._rule = recording, rule
        held = control(slider)
        assert held is not None
        self._bounds = held.values
        self._shares = np.full(len(self._bounds), nan)
        places = range(len(self._bounds))
        self._missing = list(dict.fromkeys(k for by in _STRIDES for k in places[::by]))[::-1]
        linear = isinstance(slider, ipywidgets.FloatSlider)
        self.axis = ends(slider), "linear" if linear else "log"

    @property
    def known(self) -> tuple[tuple[float, ...], NDArray[np.float64]]:
        """All positions, and what is known of the shares; the others are NaN."""
        return self._bounds, self._shares

    def lowest(self) -> float:
        """The smallest norm that the lowest bound allows or leaves; inf: it never acts."""
        would = self._recording.what_if(self._rule.with_bound(self._bounds[0]))
        norms = np.append(would.norm_after, [] if would.threshold is None else would.threshold)
        return float(norms[norms > 0].min(initial=inf))

    def measure_next(self) -> bool:
        """Replay the run at some more positions, in a few hundredths of a second; if any missed."""
        end = time.monotonic() + _TURN
        missing = bool(self._missing)
        while self._missing and time.monotonic() < end:
            k = self._missing[-1]
            rule = self._rule.with_bound(self._bounds[k])
            self._shares[k] = self._recording.what_if(rule).fraction
            self._missing.pop()
        return missing


def bound_slider(rule: Rule) -> Slider:
    """A slider for a bound whose unit is not the gradient's, which starts at the rule's own."""
    if not isfinite(rule.largest_bound):
        return slider_around(rule.bound_name, rule.bound, _REACH, rule.smallest_bound)
    return ipywidgets.FloatSlider(
        value=rule.bound,
        min=rule.smallest_bound,
        max=rule.largest_bound,
        step=1,
        description=rule.bound_name,
        readout_format=".3g",
        layout={"width": "420px"},
    )


def ends(slider: Slider) -> tuple[float, float]:
    """The lowest and the highest value of a slider."""
    low, high = slider.min, slider.max
    return (10**low, 10**high) if isinstance(slider, ipywidgets.FloatLogSlider) else (low, high)
