"""A detector of spikes: a value that is far above the mean of the last ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradlab.arguments import positive

WINDOW = 40
"""How many values are looked back at."""
FIRST = 60
"""Steps at the start in which no alarm is counted: the loss still falls, and the rate warms up."""
AHEAD, BEHIND = 20, 2
"""An alarm so many steps before the spike, or after it, is a warning of it."""


def bounds(values: ArrayLike, k: float) -> NDArray[np.float64]:
    """Mean + k standard deviations of the 40 values before each; NaN where there are fewer.

    Args:
        values: (n,).
        k: dimensionless, in (0, inf).

    Raises:
        ValueError: ``k`` is out of range.
    """
    positive("k", k)
    seen = np.asarray(values, float)
    found = np.full(len(seen), np.nan)
    if len(seen) > WINDOW:
        last = np.lib.stride_tricks.sliding_window_view(seen, WINDOW)[:-1]
        found[WINDOW:] = last.mean(1) + k * last.std(1, ddof=1)
    return found


def alarms(values: ArrayLike, k: float) -> NDArray[np.bool_]:
    """(n,): where a value is above its bound; from step ``FIRST`` on.

    >>> values = [1.0, 2.0] * 50
    >>> values[90] = 9.0
    >>> np.flatnonzero(alarms(values, 6))
    array([90])
    """
    above = np.asarray(values, float) > bounds(values, k)
    above[:FIRST] = False
    return above


def lead(values: ArrayLike, k: float, onset: int) -> int | None:
    """How many steps before the spike the first warning came; below 0: after it; None: none came.

    Args:
        values: (n,).
        k: as for ``bounds``.
        onset: the step at which the loss spiked.
    """
    begin = max(0, onset - AHEAD)
    warnings = np.flatnonzero(alarms(values, k)[begin : onset + BEHIND + 1])
    return onset - begin - int(warnings[0]) if len(warnings) else None
