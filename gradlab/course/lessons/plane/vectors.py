"""Clipping in the plane: what the rules do to a gradient of two elements."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from gradlab.clip import ByNorm, ByValue

Floats = NDArray[np.float64]


def clipped(rule: ByNorm | ByValue, gradient: ArrayLike) -> Floats:
    """The gradient as ``rule`` leaves it: the rule itself clips it, on a real parameter.

    Args:
        rule: with a threshold in the gradient's unit.
        gradient: any shape, finite; it is not changed.

    Returns:
        Of the same shape, float64.

    Raises:
        NonFiniteGradient: the gradient holds an infinity or a NaN, and the rule raises on it.

    >>> clipped(ByValue(1.0), [3.0, 0.5]).tolist()
    [1.0, 0.5]
    """
    parameter = torch.zeros(np.shape(gradient), dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.tensor(np.asarray(gradient, np.float64))
    rule.clip_(parameter)
    return parameter.grad.numpy()


def degrees_between(a: ArrayLike, b: ArrayLike) -> Floats:
    """The angle between each vector of ``a`` and that of ``b``.

    ``atan2(|a × b|, a · b)``, which is exact for small angles too, where an arc cosine is not.

    Args:
        a: (..., 2).
        b: (..., 2).

    Returns:
        (...,): degrees, in [0, 180]; 0 where a vector is zero.
    """
    (ax, ay), (bx, by) = np.moveaxis(np.asarray(a), -1, 0), np.moveaxis(np.asarray(b), -1, 0)
    angles: Floats = np.arctan2(np.abs(ax * by - ay * bx), ax * bx + ay * by)
    return np.degrees(angles)


def circle(radius: float, norm_type: float = 2.0, points: int = 361) -> Floats:
    """The vectors of one p-norm: a circle for 2, a diamond for 1, a square for infinity.

    Args:
        radius: their norm, in the gradient's unit, 0 or more.
        norm_type: the p of the norm, in (0, inf].
        points: how many; the first is also the last, and ``4 n + 1`` of them hold the corners of
            the diamond, ``8 n + 1`` those of the square too.

    Returns:
        (points, 2) float64, counter-clockwise from the direction (1, 0).
    """
    angles = np.linspace(0, 2 * np.pi, points)
    around = np.stack([np.cos(angles), np.sin(angles)], -1)
    norms: Floats = np.linalg.norm(around, norm_type, axis=-1, keepdims=True)
    return radius * around / norms
