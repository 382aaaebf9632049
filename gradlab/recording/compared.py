"""What a clip rule holds against its threshold, at every recorded step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import Rule
from gradlab.clip.counted import countable
from gradlab.histogram.codes import BINS, CODES, EDGES, NONFINITE
from gradlab.recording.histograms import Histograms
from gradlab.recording.recording import Recording


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


def compared(recording: Recording, clip: Rule | type[Rule]) -> Compared:
    """What a rule of this kind compares with its threshold, whatever that is.

    On everything: the norm of the whole gradient. On each layer: the largest norm of a layer. On
    each element: the largest magnitude of one, within ``histogram.RELATIVE_ERROR``.

    Raises:
        TypeError: another rule: its threshold moves with the run, or it goes by units.
    """
    norms = recording.total_norm
    steps = np.arange(len(recording))
    bound, part = clip.bound_name, None if clip.moves else clip.part
    if part == "everything":
        return Compared("total gradient norm", bound, steps, norms)
    if part == "layer":
        largest = np.fmax.reduce(recording.layer_norms, axis=1, initial=0.0)
        values = np.where(np.isfinite(norms), largest, norms)
        return Compared("largest layer norm", bound, steps, values)
    if part == "element":
        histograms = recording.histograms
        # Clamping the largest elements alone hardly changes a gradient.
        values = _largest(histograms)
        return Compared("largest |element|", bound, histograms.steps, values, reach=10)
    raise TypeError(
        "clip must be a rule with a fixed threshold for everything, each layer or each element, "
        f"got {clip.label!r}"
    )


def threshold(recording: Recording, kind: type[Rule]) -> float | None:
    """The threshold that was in force when a rule of this kind clipped the run; None: none was."""
    own = recording.clip
    return own.bound if type(own) is kind and own.limits and _by_2_norm(own) else None


def own(recording: Recording) -> Rule | None:
    """The rule that clipped the run, where it was a bound on 2-norms or on values; else None."""
    clip = recording.clip
    if clip is None or type(clip) not in countable() or not clip.limits:
        return None
    return clip if _by_2_norm(clip) else None


def _by_2_norm(clip: Rule) -> bool:
    return getattr(clip, "norm_type", 2.0) == 2


def _largest(histograms: Histograms) -> NDArray[np.float64]:
    """(m,): the upper edge of the highest bin that holds anything, at each step with histograms."""
    ends = histograms.ends.max(axis=1, initial=0)
    found = [_TOPS[histograms.codes[a:b]].max(initial=0.0) for a, b in pairwise([0, *ends])]
    return np.array(found, np.float64)


_TOPS = np.zeros(CODES)
_TOPS.reshape(2, -1)[:, :BINS] = EDGES[1:]
_TOPS[NONFINITE] = np.inf
