"""Products of 2 x 2 Jacobians: their singular values, their eigenvalues, and how fast they grow.

A circle of small changes goes through the layers one after the other and becomes an ellipse. Its
half axes are the singular values of the product. Everything is float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gradlab.arguments import one_of, whole, within

Floats = NDArray[np.float64]

GAUSSIAN, ORTHOGONAL, SHEAR = "Gaussian", "orthogonal", "one shear, repeated"
KINDS = (GAUSSIAN, ORTHOGONAL, SHEAR)
# Its eigenvalues are 1 and 0.8; its eigenvectors lie 3 degrees apart.
_SHEAR = np.array([[1.0, 4.0], [0.0, 0.8]])


@dataclass(frozen=True, eq=False)
class Products:
    """Products of the first 0 ... depth Jacobians, of several draws; float64.

    Args:
        matrices: (draws, depth + 1, 2, 2): the identity first.
        singular: (draws, depth + 1, 2): half axes of the ellipses, the longer first.
        eigenvalues: (draws, depth + 1, 2): absolute values, the larger first.
    """

    matrices: Floats
    singular: Floats
    eigenvalues: Floats


def products(
    kind: str, depth: int, *, gain: float = 1.0, draws: int = 1, seed: int = 0
) -> Products:
    """Products ``J(l) ... J(1)`` of random 2 x 2 Jacobians, for l = 0 ... depth.

    ``"Gaussian"``: elements of variance ``gain² / 2``, drawn anew for each layer. ``"orthogonal"``:
    a random rotation times the gain, drawn anew for each layer. ``"one shear, repeated"``: at every
    layer the same matrix ``gain · R [[1, 4], [0, 0.8]] Rᵀ`` with a random rotation R: its spectral
    radius is the gain, and its eigenvectors are nearly parallel.

    Source: Saxe, McClelland & Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks" (orthogonal); Trefethen & Embree 2005, "Spectra and
    pseudospectra" (growth before decay).

    Args:
        kind: one of ``KINDS``.
        depth: number of layers, 0 or more.
        gain: dimensionless, above 0.
        draws: how many products, 1 or more.
        seed: of all of them.

    Raises:
        ValueError: an unknown kind, or a number out of its range.

    Note:
        The shorter half axis is computed from the determinants, which multiply exactly; an SVD of
        the product would lose it in rounding where the ellipse is thin.

    >>> found = products("orthogonal", 10, gain=2.0)
    >>> found.singular[0, -1].round(6).tolist()  # nothing is stretched more than anything else
    [1024.0, 1024.0]
    """
    one_of("kind", kind, KINDS)
    whole("depth", depth, 0)
    whole("draws", draws)
    within("gain", gain, 1e-6)
    layers = gain * _layers(kind, depth, draws, np.random.default_rng(seed))
    matrices = np.empty((draws, depth + 1, 2, 2))
    matrices[:, 0] = np.eye(2)
    for layer in range(depth):
        matrices[:, layer + 1] = layers[:, layer] @ matrices[:, layer]
    areas = np.abs(np.cumprod(np.linalg.det(layers), axis=1))
    areas = np.concatenate([np.ones((draws, 1)), areas], axis=1)
    longer = np.linalg.svd(matrices, compute_uv=False)[..., 0]
    larger = np.abs(np.linalg.eigvals(matrices)).max(-1)
    axes = (np.stack([most, areas / most], -1) for most in (longer, larger))
    return Products(matrices, *axes)


def _layers(kind: str, depth: int, draws: int, random: np.random.Generator) -> Floats:
    """The Jacobians at gain 1, (draws, depth, 2, 2)."""
    if kind == GAUSSIAN:
        return random.standard_normal((draws, depth, 2, 2)) / math.sqrt(2)
    turns = _rotations(random.uniform(0, 2 * np.pi, (draws, depth if kind == ORTHOGONAL else 1)))
    if kind == ORTHOGONAL:
        return turns
    return np.broadcast_to(turns @ _SHEAR @ turns.swapaxes(-1, -2), (draws, depth, 2, 2))


def _rotations(angles: Floats) -> Floats:
    """Rotations by these angles, (..., 2, 2)."""
    rows = [np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)]
    return np.stack(rows, -1).reshape(*angles.shape, 2, 2)


def exponent(kind: str, *, gain: float = 1.0, width: int = 2) -> float:
    """The Lyapunov exponent: by how much the logarithm of the length grows in each layer.

    For Gaussian layers of n units ``log gain + (ψ(n / 2) + log(2 / n)) / 2``, with the digamma
    function ψ: the squared length is multiplied by ``gain² χ²(n) / n``, and the mean of ``log
    χ²(n)`` is ``ψ(n / 2) + log 2``. For the others ``log gain``.

    Source: Newman 1986, "The distribution of Lyapunov exponents: exact results for random
    matrices"; Furstenberg & Kesten 1960, "Products of random matrices" (that it exists).

    Args:
        kind: one of ``KINDS``.
        gain: dimensionless, above 0.
        width: n, the number of units of a Gaussian or orthogonal layer, 1 or more.

    Returns:
        In natural logarithms for each layer; 0: neither growth nor decay.

    Note:
        The *mean* of the squared length grows by ``gain²`` for each layer, whatever the width. The
        exponent is what nearly every single product does in the long run; that is less.

    >>> round(exponent("Gaussian", gain=1.2), 3)  # the mean grows, and nearly every draw shrinks
    -0.106
    """
    one_of("kind", kind, KINDS)
    within("gain", gain, 1e-6)
    whole("width", width)
    if kind != GAUSSIAN:
        return math.log(gain)
    half = torch.tensor(width / 2, dtype=torch.float64)
    return math.log(gain) + (float(torch.digamma(half)) - math.log(width / 2)) / 2
