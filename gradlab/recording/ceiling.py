"""Gradients that stop at one number: what clipping leaves, where it came before the recorder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import ByNorm, ByValue
from gradlab.histogram.codes import BINS, EDGES, bins_of
from gradlab.recording.histograms import Histograms

_ALIKE = 1e-4  # torch divides by norm + 1e-6, and float32 rounds
_FEWEST, _SHARE = 3, 0.01
_BELOW = 8  # bins under the last one, about 10 %


@dataclass(frozen=True)
class Ceiling:
    """A number at which many gradients stop, and which none passes.

    Args:
        kind: of the rule that leaves it: ``ByNorm``, if it is of norms; ``ByValue``, of elements.
        at: the number, in the gradient's unit; of elements the roundest one in a histogram's bin.
        steps: how many gradients stop there.
        finite: of how many.
    """

    kind: type[ByNorm] | type[ByValue]
    at: float
    steps: int
    finite: int

    def __str__(self) -> str:
        many = f"{self.steps:,} of {self.finite:,}"
        if self.kind is ByNorm:
            return (
                f"{many} norms are {self.at:.3g}, and none is larger: the gradients were clipped "
                "before their norm was taken"
            )
        return (
            f"in {many} histograms, elements pile up at about {self.at:.3g}, and none is larger: "
            "the gradients were clipped before they were counted"
        )


def ceiling(norms: NDArray[np.float64]) -> Ceiling | None:
    """Where these norms stop, if they do so as clipped ones.

    At least 1 % of the finite ones, and three, lie within 0.01 % of the largest. They do not all
    follow each other, as those around the maximum of a smooth curve, or are half of all; and not
    all norms are the same to the last bit, as those of a gradient that never changes.

    Args:
        norms: (n,); in the order of the steps.
    """
    finite = norms[np.isfinite(norms)]
    if not finite.size or np.ptp(finite) == 0:
        return None
    at = np.flatnonzero(finite >= (1 - _ALIKE) * finite.max())
    if not _many(at, len(finite)):
        return None
    return Ceiling(ByNorm, float(finite.max()), len(at), len(finite))


def pile(histograms: Histograms) -> Ceiling | None:
    """Where the elements of these gradients stop, if they do so as clipped ones.

    In as many steps as ``ceiling`` asks for, the last bin that any step fills holds two elements or
    more, and more than the 10 % of magnitudes below it. And it is that of two layers or more, for
    inputs that are limited, as pixels are, may limit the gradient of the first.
    """
    ends, bins = histograms.ends, bins_of(histograms.codes)
    last = int(bins.max(where=bins < BINS, initial=0))
    near = np.flatnonzero((bins >= max(last - _BELOW, 0)) & (bins <= last))
    owners, is_last = np.searchsorted(ends.ravel(), near, side="right"), bins[near] == last

    def held(among: NDArray[np.bool_]) -> NDArray[Any]:
        counts = histograms.counts[near[among]]
        return np.bincount(owners[among], counts, ends.size).reshape(ends.shape)

    top, below = held(is_last), held(~is_last).sum(1)
    at = np.flatnonzero((top.sum(1) >= 2) & (top.sum(1) > below))
    if not _many(at, len(ends)) or np.count_nonzero(top[at].any(0)) < min(2, ends.shape[1]):
        return None
    return Ceiling(ByValue, _roundest(EDGES[last], EDGES[last + 1]), len(at), len(ends))


def _many(at: NDArray[np.int64], among: int) -> bool:
    """Whether places among so many are 1 %, three, and not all in a row, unless they are half."""
    enough = len(at) >= max(_FEWEST, _SHARE * among)
    return enough and bool(np.ptp(at) >= len(at) or 2 * len(at) >= among)


def _roundest(low: float, high: float) -> float:
    """Of the numbers from ``low`` up to ``high``, that with the fewest digits, or nearly."""
    rounded = (float(f"{(low + high) / 2:.{digits}g}") for digits in (1, 2, 3))
    return next((each for each in rounded if low <= each < high), low)
