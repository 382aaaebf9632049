"""A gradient of one number, with noise whose tails are heavy: its mean, clipped and not.

The noise falls to the right with some probability and to the left otherwise; on either side it is
farther than t with probability ``(1 + t) ** -index`` (Lomax 1954, a Pareto distribution that begins
at 0). Its variance is infinite for an index of 2 or less. The gradient's mean is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradlab.arguments import within

Floats = NDArray[np.float64]

MEAN = 1.0


@dataclass(frozen=True)
class Noise:
    """A gradient of mean 1 with Pareto noise.

    Args:
        index: of the tails, above 1, or there is no mean; the smaller, the heavier.
        right: the probability that the noise falls to the right; 0 to 1. At a half it is symmetric.

    Raises:
        ValueError: an argument out of its range.
    """

    index: float = 1.5
    right: float = 0.5

    def __post_init__(self) -> None:
        within("index", self.index, 1.01)
        within("right", self.right, 0, 1)

    @property
    def centre(self) -> float:
        """Where the two tails meet, so that the mean is 1: ``1 - (2 right - 1) / (index - 1)``."""
        return MEAN - (2 * self.right - 1) / (self.index - 1)

    def drawn(self, uniform: ArrayLike) -> Floats:
        """Gradients from uniform numbers in [0, 1), by the inverse of their distribution.

        The same numbers give draws that can be compared, whatever the index.
        """
        u = np.asarray(uniform, np.float64)
        to_right = u < self.right
        share = np.where(to_right, self.right, 1 - self.right)
        left_over = np.where(to_right, u, u - self.right)  # uniform on [0, share)
        beyond = 1 - left_over / np.maximum(share, 1e-300)
        far = beyond ** (-1 / self.index) - 1
        return self.centre + np.where(to_right, far, -far)

    def clipped_mean(self, threshold: ArrayLike) -> Floats:
        """The mean of the gradient after clipping to ``[-threshold, threshold]``: closed form.

        ``E[clip(g)] = E[g] - E[(g - λ)⁺] + E[(-λ - g)⁺]``, and beyond a point that lies t >= 0 to
        the right of the centre, ``E[(ξ - t)⁺] = right · (1 + t) ** (1 - index) / (index - 1)``.

        Source: by integration of the tail. That clipping stochastic gradients is biased: Koloskova,
        Hendrikx & Stich 2023, "Revisiting gradient clipping". Heavy tails: Zhang et al. 2020, "Why
        are adaptive methods good for attention models?".

        Args:
            threshold: λ, above 0, any shape.

        Returns:
            Of the same shape, float64; 1 minus the bias.

        >>> float(Noise(index=1.5).clipped_mean(4.0).round(3))
        0.908
        """
        bound = np.asarray(threshold, np.float64)
        above = _excess(bound - self.centre, self.right, 1 - self.right, self.index)
        below = _excess(bound + self.centre, 1 - self.right, self.right, self.index)
        return MEAN - above + below


def _excess(t: Floats, towards: float, away: float, index: float) -> Floats:
    """``E[(ξ - t)⁺]`` of noise ξ with these probabilities to fall on t's side, and on the other."""
    tail = (1 + np.abs(t)) ** (1 - index) / (index - 1)
    whole = (towards - away) / (index - 1) - t  # E[ξ - t]; for t < 0, (x)⁺ = x + (-x)⁺
    return np.where(t >= 0, towards * tail, whole + away * tail)
