"""Norms that stop at one number: what clipping leaves, where it came before the recorder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ALIKE = 1e-4  # torch divides by norm + 1e-6, and float32 rounds
_FEWEST, _SHARE = 3, 0.01


@dataclass(frozen=True)
class Ceiling:
    """A number that many norms have and none passes.

    Args:
        norm: the number.
        steps: how many have it.
        finite: of how many.
    """

    norm: float
    steps: int
    finite: int

    def __str__(self) -> str:
        return (
            f"{self.steps:,} of {self.finite:,} norms are {self.norm:.3g}, and none is larger: the "
            "gradients were clipped before their norm was taken"
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
    enough = len(at) >= max(_FEWEST, _SHARE * len(finite))
    apart = np.ptp(at) >= len(at) or 2 * len(at) >= len(finite)
    if not enough or not apart:
        return None
    return Ceiling(float(finite.max()), len(at), len(finite))
