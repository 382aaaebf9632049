"""Gradient descent in one dimension on a curve that bends the more, the steeper it is.

``f(x) = (cosh(b x) - 1) / b²`` has slope ``sinh(b x) / b`` and curvature ``cosh(b x)``, so that
``f'' = √(1 + b² f'²) <= 1 + b |f'|``: it is (L0, L1)-smooth with L0 = 1 and L1 = b, but its
curvature has no bound. At b = 0 it is the parabola ``x² / 2``, whose curvature is 1 everywhere.

Source: Zhang, He, Sra & Jadbabaie 2020, "Why gradient clipping accelerates training: a theoretical
justification for adaptivity", definition 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gradlab.arguments import positive, whole, within

Floats = NDArray[np.float64]

START = 4.3
TOLERANCE = 1e-3
"""A run has arrived when it is so near to the bottom, which is at 0."""
_FRACTIONS = np.concatenate([np.geomspace(0.01, 0.5, 40), np.linspace(0.5125, 0.9995, 40)])


def height(x: Floats | float, bend: float) -> Floats:
    """f(x), dimensionless; ``bend`` is b, 0 or more."""
    if bend == 0:
        return np.square(x) / 2
    return 2 * np.square(np.sinh(np.multiply(bend / 2, x)) / bend)  # no difference of near numbers


def slope(x: float, bend: float) -> float:
    """f'(x), dimensionless."""
    return math.sinh(bend * x) / bend if bend else x


def largest_rate(bend: float) -> float:
    """The rate from which on gradient descent from ``START`` does not converge; below, it does.

    ``2 x / f'(x)`` at the start: a step with this rate ends at -x. As f'(x) / x falls towards the
    bottom, every smaller rate ends each step nearer to it.
    """
    return 2 * START / slope(START, bend)


@dataclass(frozen=True, eq=False)
class Walk:
    """A run: where it was after each step, and whether it arrived.

    Args:
        points: (steps + 1,) float64, the start first.
        fired: of the steps, how many were clipped.
    """

    points: Floats
    fired: int

    @property
    def arrived(self) -> bool:
        """Whether it came within ``TOLERANCE`` of the bottom."""
        return bool(abs(self.points[-1]) <= TOLERANCE)

    @property
    def left(self) -> bool:
        """Whether it ended farther out than it began."""
        return bool(abs(self.points[-1]) > START)


def walk(bend: float, rate: float, max_norm: float = math.inf, steps: int = 10_000) -> Walk:
    """Gradient descent from ``START``: ``x <- x - rate * f'(x) * min(1, max_norm / |f'(x)|)``.

    It ends where it arrives, where it is farther out than it began, or after ``steps`` steps.

    Args:
        bend: 0 or more.
        rate: learning rate, above 0.
        max_norm: bound of the gradient's length, above 0; ``inf``: not clipped.
        steps: at most, 0 or more.

    Raises:
        ValueError: an argument out of its range.

    >>> walk(1.0, 0.25).left, walk(1.0, 1.0, 1.0).arrived
    (True, True)
    """
    within("bend", bend, 0)
    positive("rate", rate)
    positive("max_norm", max_norm, may_be_inf=True)
    whole("steps", steps, 0)
    points, fired, x = [START], 0, START
    for _ in range(steps):
        if not TOLERANCE < abs(x) <= START:
            break
        gradient = slope(x, bend)
        fired += abs(gradient) > max_norm
        x -= rate * max(-max_norm, min(max_norm, gradient))
        points.append(x)
    return Walk(np.array(points), fired)


@cache
def fastest_rate(bend: float) -> float:
    """The constant rate that is best for gradient descent without clipping, on this curve.

    Of 80 fractions of ``largest_rate``, one of them a half: the first for which all of 16 starts,
    from the bottom out to ``START``, have arrived. (One start alone can be hit by luck: at half of
    the largest rate, the first step from ``START`` ends at the bottom.)
    """
    rates = _FRACTIONS[:, None] * largest_rate(bend)
    x = np.linspace(START / 16, START, 16) + 0 * rates
    while not (near := (np.abs(x) <= TOLERANCE).all(1)).any():
        x = x - rates * (np.sinh(bend * x) / bend if bend else x)
    return float(rates[near.argmax(), 0])
