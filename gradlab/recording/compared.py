"""What a clip rule holds against its threshold, at every recorded step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import ByNorm, ByValue, PerLayer
from gradlab.patterns import BINS, CODES, EDGES, NONFINITE
from gradlab.recording.histograms import Histograms
from gradlab.recording.recording import Recording
from gradlab.whatif import Rule


@dataclass(frozen=True, eq=False)
class Compared:
    """The quantity that a rule compares with its threshold: it fires where that is larger.

    Args:
        what: its name.
        bound: the name of the threshold.
        steps: (k,) int64; all steps for rules on norms, those with histograms for ``ByValue``.
        values: (k,) float64; inf or NaN where a gradient was not finite.
        reach: how far below the values a threshold is worth trying, as a factor.
    """

    what: str
    bound: str
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    reach: float = 2.0

    @property
    def positive(self) -> NDArray[np.float64]:
        """The values that are finite and above zero."""
        return self.values[np.isfinite(self.values) & (self.values > 0)]

    @property
    def span(self) -> tuple[float, float]:
        """Thresholds worth trying: from one that fires at nearly all steps to one that never does.

        There must be a positive value.
        """
        low, middle, high = np.quantile(self.positive, [0, 0.5, 1])
        return float(max(low, 1e-4 * middle) / self.reach), float(2 * high)

    @property
    def guard(self) -> float:
        """The threshold that a tenth of the positive values exceeds; there must be one."""
        return float(np.quantile(self.positive, 0.9))

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Thresholds, falling to 0, and how often each fires: a share in [0, 1].

        The share is of the steps with a finite value, as in ``WhatIf.fraction``. Between two
        thresholds it is that of the lower one.
        """
        thresholds = np.append(np.sort(self.positive)[::-1], 0.0)
        return thresholds, np.arange(len(thresholds)) / max(np.isfinite(self.values).sum(), 1)


def compared(recording: Recording, rule: type[Rule]) -> Compared:
    """What a ``rule`` of this kind compares with its threshold, whatever that is.

    ``ByNorm``: the norm of the whole gradient. ``PerLayer``: the largest norm of a layer.
    ``ByValue``: the largest magnitude of an element, within ``histogram.RELATIVE_ERROR``.

    Raises:
        TypeError: another rule: its threshold moves with the run.
    """
    norms = recording.total_norm
    steps = np.arange(len(recording))
    if rule is ByNorm:
        return Compared("total gradient norm", "max_norm", steps, norms)
    if rule is PerLayer:
        largest = np.fmax.reduce(recording.layer_norms, axis=1, initial=0.0)
        values = np.where(np.isfinite(norms), largest, norms)
        return Compared("largest layer norm", "max_norm", steps, values)
    if rule is ByValue:
        histograms = recording.histograms
        # Clamping the largest elements alone hardly changes a gradient.
        values = _largest(histograms)
        return Compared("largest |element|", "clip_value", histograms.steps, values, reach=10)
    raise TypeError(f"rule must be ByNorm, PerLayer or ByValue, got {rule.__name__}")


def threshold(recording: Recording, rule: type[Rule]) -> float | None:
    """The threshold that was in force when a rule of this kind clipped the run; None: none was."""
    written = re.match(rf"{rule.__name__}\(([^,)]+)", recording.rule or "")
    value = float(written[1]) if written and "norm_type" not in written.string else inf
    return value if isfinite(value) else None


def own(recording: Recording) -> Rule | None:
    """The rule that clipped the run, where it was a bound on 2-norms or on values; else None."""
    kinds: tuple[type[Rule], ...] = (ByNorm, PerLayer, ByValue)
    found = (kind(at) for kind in kinds if (at := threshold(recording, kind)) is not None)
    return next(found, None)


def bound(rule: Rule) -> tuple[str, float]:
    """The name of the threshold of ``rule``, and its value."""
    if isinstance(rule, ByValue):
        return "clip_value", rule.clip_value
    return "max_norm", rule.max_norm


def _largest(histograms: Histograms) -> NDArray[np.float64]:
    """(m,): the upper edge of the highest bin that holds anything, at each step with histograms."""
    ends = histograms.ends.max(axis=1, initial=0)
    found = [_TOPS[histograms.codes[a:b]].max(initial=0.0) for a, b in pairwise([0, *ends])]
    return np.array(found, np.float64)


_TOPS = np.zeros(CODES)
_TOPS.reshape(2, -1)[:, :BINS] = EDGES[1:]
_TOPS[NONFINITE] = np.inf
