"""From two numbers to half a million: how far clipping by value can turn a gradient.

Clipped by value to next to nothing, a gradient keeps its signs only. The cosine to its signs is
``|g|₁ / (√n |g|₂)``, and n numbers can make it as small as ``1 / √n``.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from gradlab.arguments import whole

Floats = NDArray[np.float64]


def of_signs(gradient: Tensor, sizes: ArrayLike) -> Floats:
    """The cosine between the first n numbers of a gradient and their signs, for many n.

    ``|g|₁ / (√m |g|₂)``, where m of the n are not zero: what clipping by value comes to as its
    threshold goes to zero.

    Args:
        gradient: (N,) finite.
        sizes: n, each from 1 to N, any shape.

    Returns:
        Of the shape of ``sizes``, float64, in (0, 1]; 1 where all n numbers are zero.

    >>> of_signs(torch.tensor([3.0, 4.0]), [1, 2]).round(3).tolist()
    [1.0, 0.99]
    """
    numbers = gradient.detach().flatten().double().cpu()
    sums = (numbers.abs(), numbers.square(), (numbers != 0).double())
    ones, squares, counts = (each.cumsum(0).numpy()[np.asarray(sizes) - 1] for each in sums)
    lengths = np.sqrt(counts * squares)
    return np.where(lengths > 0, ones / np.where(lengths > 0, lengths, 1), 1.0)


def smallest(n: ArrayLike) -> Floats:
    """The smallest cosine that n numbers and their signs can have: ``1 / √n``.

    By ``|g|₁ >= |g|₂``; it is approached where one number is far larger than all others, and none
    is zero.
    """
    return 1 / np.sqrt(np.asarray(n, np.float64))


def of_random(n: ArrayLike) -> Floats:
    """The expected size of the cosine between a vector of n numbers and a random direction.

    ``E|cos| = Γ(n / 2) / (√π Γ((n + 1) / 2))``, for large n close to ``√(2 / (π n))``.

    Source: it is the mean size of one coordinate of a uniform point on the sphere, a normal vector
    divided by its length (Muller 1959).

    >>> of_random([1, 2, 578_410]).round(5).tolist()
    [1.0, 0.63662, 0.00105]
    """
    half = torch.tensor(np.asarray(n, np.float64) / 2)
    return (torch.lgamma(half) - torch.lgamma(half + 0.5)).exp().numpy() / math.sqrt(math.pi)


def shuffled(gradient: Tensor, seed: int) -> Tensor:
    """The numbers of a gradient in a random order: its first n are n of them, drawn at random."""
    whole("seed", seed, 0)
    order = torch.randperm(gradient.numel(), generator=torch.Generator().manual_seed(seed))
    return gradient.detach().flatten().cpu()[order]
