"""The cliff: the loss of a recurrent network of one unit, over its two parameters.

The network sees no input and has two numbers to learn, so its whole loss surface fits on a map.
Between two plains stands a wall: on one side the unit is still off after 50 time steps, on the
other it has switched on. Gradients on the wall are hundreds of times those on the plains.

Everything is float64 on the CPU, and every gradient is autograd's, through all 50 time steps.

Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks",
section 2.3 and figure 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from gradlab.arguments import whole
from gradlab.clip.rule import EPS

TIME_STEPS = 50
TARGET = 0.7
_FIRST_STATE = 0.5

Floats = NDArray[np.float64]


def loss(w: Tensor, b: Tensor) -> Tensor:
    """The loss of the network with weight ``w`` and bias ``b``.

    ``(σ(h_50) - 0.7)²`` with ``h_t = w σ(h_{t-1}) + b`` and ``h_0 = 0.5``.

    Source: Pascanu, Mikolov & Bengio 2013, section 2.3.

    Args:
        w: dimensionless, any shape.
        b: dimensionless, of the same shape.

    Returns:
        Dimensionless, in [0, 0.49], of the shape and device of ``w``; autograd can go through it.

    >>> w, b = torch.tensor(4.6, requires_grad=True), torch.tensor(-1.8, requires_grad=True)
    >>> loss(w, b).backward()
    >>> bool(w.grad > 0), bool(b.grad > 0)
    (True, True)
    """
    state = torch.full_like(w, _FIRST_STATE)
    for _ in range(TIME_STEPS):
        state = torch.addcmul(b, w, torch.sigmoid(state))
    return (torch.sigmoid(state) - TARGET) ** 2


def surface(w: ArrayLike, b: ArrayLike) -> Floats:
    """The loss at every crossing of a grid.

    Args:
        w: (m,) weights, dimensionless.
        b: (n,) biases, dimensionless.

    Returns:
        (n, m) float64: rows of equal ``b``, as a map is drawn.
    """
    columns, rows = torch.meshgrid(_tensor(w), _tensor(b), indexing="xy")
    with torch.no_grad():
        return loss(columns, rows).numpy()


def gradient(points: ArrayLike) -> tuple[Floats, Floats]:
    """The loss and its gradient, by autograd, at each of many points.

    Args:
        points: (..., 2): w and b, dimensionless.

    Returns:
        The losses, (...,), and the gradients, (..., 2), float64.
    """
    w, b = (_tensor(column).requires_grad_() for column in np.moveaxis(np.asarray(points), -1, 0))
    value = loss(w, b)
    slopes = torch.autograd.grad(value.sum(), (w, b))
    return value.detach().numpy(), np.stack([slope.numpy() for slope in slopes], -1)


@dataclass(frozen=True, eq=False)
class Descent:
    """Paths of gradient descent, float64; the axes between the first and the last are the paths'.

    Args:
        points: (steps + 1, ..., 2): w and b from the start on; infinite or NaN on overflow.
        losses: (steps + 1, ...): at each point, dimensionless.
        norms: (steps + 1, ...): 2-norm of the gradient at each point, before clipping.
    """

    points: Floats
    losses: Floats
    norms: Floats


def descend(start: ArrayLike, learning_rate: ArrayLike, max_norm: ArrayLike, steps: int) -> Descent:
    """The paths of gradient descent from ``start``, for many settings at once.

    ``p <- p - learning_rate * g * min(1, max_norm / (|g| + 1e-6))``: clipping by norm, as
    ``clip.ByNorm`` does it.

    Source: Pascanu, Mikolov & Bengio 2013, Algorithm 1.

    Args:
        start: (2,): w and b, dimensionless.
        learning_rate: of each path, 0 or more; any shape that broadcasts with ``max_norm``.
        max_norm: of each path, above 0; ``inf`` for a path without clipping.
        steps: of each path, 0 or more.

    Returns:
        One path for every element of the broadcast settings.

    Raises:
        ValueError: ``start`` is not two numbers, or ``steps`` is negative.

    Note:
        There is no noise here: one gradient of one loss. On the wall the path is so sensitive that
        a rounding error can send it the other way some steps later.

    >>> start = np.array([4.3, -2.18])
    >>> wild, tame = descend(start, 1.0, [np.inf, 0.1], steps=1).points[1] - start
    >>> f"{np.hypot(*wild):.1f} {np.hypot(*tame):.1f}"
    '16.7 0.1'
    """
    first = np.asarray(start, np.float64)
    if first.shape != (2,):
        raise ValueError(f"start must be two numbers, w and b, got {start!r}")
    whole("steps", steps, 0)
    rate, bound = np.broadcast_arrays(learning_rate, max_norm)
    points, losses, norms = [first + np.zeros((*rate.shape, 2))], [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            value, slope = gradient(points[-1])
            norm = np.hypot(slope[..., 0], slope[..., 1])
            losses.append(value)
            norms.append(norm)
            if step < steps:
                factor = rate * np.minimum(1.0, bound / (norm + EPS))
                points.append(points[-1] - factor[..., None] * slope)
    return Descent(np.stack(points), np.stack(losses), np.stack(norms))


def profile(start: ArrayLike, distances: ArrayLike) -> Floats:
    """The loss along the straight line from ``start`` against its gradient.

    Args:
        start: (2,): w and b, dimensionless.
        distances: (n,): from ``start``; negative ones lie uphill.

    Returns:
        (n,) float64; the loss at the start everywhere, if the gradient is zero there.
    """
    _, slope = gradient(start)
    direction = -slope / max(float(np.linalg.norm(slope)), np.finfo(np.float64).tiny)
    line = np.asarray(start) + np.asarray(distances)[:, None] * direction
    with torch.no_grad():
        return loss(*_tensor(line).unbind(-1)).numpy()


def last_seen(points: ArrayLike, window: ArrayLike) -> tuple[Floats, bool]:
    """Where a path is last seen in a window, and whether that is its end.

    Args:
        points: (n, 2): the path, from a point in the window on; infinite and NaN count as outside.
        window: (2, 2): the window's lower and upper corner.

    Returns:
        The last point, (2,), and True; or the place on the edge where the path left, and False.
    """
    path, (low, high) = np.asarray(points, np.float64), np.asarray(window, np.float64)
    inside = ((low <= path) & (path <= high)).all(-1)
    if inside[-1]:
        return path[-1], True
    last = np.flatnonzero(inside)[-1]
    here = path[last]
    huge = 1e300  # an infinite step has a direction still
    step = np.nan_to_num(path[last + 1] - here, nan=0.0, posinf=huge, neginf=-huge)
    room = np.where(step > 0, high - here, low - here)
    moves = step != 0
    reach = (room[moves] / step[moves]).min(initial=1.0)
    return here + reach * step, False


def _tensor(values: ArrayLike) -> Tensor:
    return torch.tensor(np.asarray(values, np.float64))
