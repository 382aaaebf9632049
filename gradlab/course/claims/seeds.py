"""One number per seed, and what deciding rules ask of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_SEEDS = 5
"""Fewer decide nothing: at 5, chance alone gives the same sign every time in 1 of 16 cases."""


class TooFewSeeds(ValueError):  # noqa: N818 - it is the name of what is wrong
    """Runs are missing or did not end well, so that too few seeds are left to decide by."""


@dataclass(frozen=True, eq=False)
class Seeds:
    """One number per seed, and what deciding rules ask of them.

    Args:
        values: (n,) float64, n at least ``LEAST_SEEDS``, finite.
    """

    values: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Of all seeds."""
        return float(self.values.mean())

    @property
    def low(self) -> float:
        """The least of all seeds."""
        return float(self.values.min())

    @property
    def high(self) -> float:
        """The greatest of all seeds."""
        return float(self.values.max())

    def above(self, bound: float) -> bool:
        """Whether every seed's number is greater."""
        return self.low > bound

    def below(self, bound: float) -> bool:
        """Whether every seed's number is smaller."""
        return self.high < bound

    def __format__(self, spec: str) -> str:
        """The mean and the range, each in the format: ``f"{seeds:+.1%}"``."""
        mean, low, high = (format(one, spec or ".3g") for one in (self.mean, self.low, self.high))
        return f"{mean} ({low} to {high} over {len(self.values)} seeds)"

    def __str__(self) -> str:
        return format(self, "")


def over_seeds(values: ArrayLike) -> Seeds:
    """One number per seed as ``Seeds``.

    Args:
        values: (n,), as ``Records.values(name)`` gives them; NaN where a run did not end well.

    Raises:
        TooFewSeeds: fewer than five are finite.

    Note:
        What is not finite is left out. Where divergence matters, count it before.

    >>> print(f"{over_seeds([0.70, 0.72, 0.71, 0.74, 0.73]):.0%}")
    72% (70% to 74% over 5 seeds)
    """
    array = np.asarray(values, dtype=float).ravel()
    finite = array[np.isfinite(array)]
    if len(finite) < LEAST_SEEDS:
        raise TooFewSeeds(f"only {len(finite)} of {len(array)} seeds, and {LEAST_SEEDS} are needed")
    return Seeds(finite)


def paired(ours: ArrayLike, theirs: ArrayLike) -> Seeds:
    """The differences ``ours - theirs``, seed by seed.

    Two runs of one seed start from the same weights and see the same batches, so their difference
    varies less than either. If there were no difference, all of five would be positive in 1 of 32
    cases.

    Args:
        ours: (n,), by seed.
        theirs: (n,), by the same seeds.

    Raises:
        TooFewSeeds: fewer than five seeds have both.
        ValueError: the shapes differ.

    >>> paired([3, 4, 5, 6, 7], [1, 2, 3, 4, 6]).above(0)
    True
    """
    first, second = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if first.shape != second.shape:
        raise ValueError(f"theirs must have the shape {first.shape}, got {second.shape}")
    return over_seeds(first - second)
