"""Random projections, what is promised about them, and what they do to real distances."""

from __future__ import annotations

from math import ceil, log

import torch
from torch import Tensor

from gradlab.arguments import whole
from gradlab.compress.affine import Affine, vectors


def random_projection(d: int, k: int, *, seed: int = 0) -> Affine:
    r"""A map from d to k numbers that has seen no data: ``k`` random directions.

    Entries are normal with variance 1/k, so that squared lengths are kept on average:

    .. math:: E \lVert x R \rVert^2 = \lVert x \rVert^2

    Source: Johnson & Lindenstrauss (1984); with independent normal entries, Indyk & Motwani (1998).

    Args:
        d: features of a vector, 1 or more.
        k: numbers that are left, from 1 to d.
        seed: of the directions.

    Raises:
        ValueError: an argument is out of its range.

    >>> random_projection(784, 32).weight.shape
    torch.Size([784, 32])
    """
    whole("d", d)
    whole("k", k, 1, d)
    generator = torch.Generator().manual_seed(whole("seed", seed, 0))
    return Affine(torch.randn(d, k, generator=generator) / k**0.5, torch.zeros(k))


def enough(points: int, epsilon: float) -> int:
    r"""The k at which some linear map keeps all squared distances between any n points.

    .. math:: k \ge 4 \ln n \, / \, (\epsilon^2 / 2 - \epsilon^3 / 3)

    Source: Dasgupta & Gupta (2003), theorem 2.1.

    Args:
        points: n, 2 or more.
        epsilon: how far a squared distance may be off, as a fraction of it, in (0, 1).

    Returns:
        The smallest whole k; it does not depend on the number of features.

    Raises:
        ValueError: an argument is out of its range.

    Note:
        A random map is such a map with a probability of at least 1/n, so that one may have to be
        drawn again. The bound holds for any points at all; real ones rarely need so many. And to
        tell classes apart, not all distances need be kept.

    >>> enough(1000, 0.5)
    332
    """
    whole("points", points, 2)
    if not 0 < epsilon < 1:
        raise ValueError(f"epsilon must be a number in (0, 1), got {epsilon!r}")
    return ceil(4 * log(points) / (epsilon**2 / 2 - epsilon**3 / 3))


def distortion(before: Tensor, after: Tensor) -> Tensor:
    r"""What a map made of the squared distance of each pair of vectors: 1 where it is kept.

    .. math:: \lVert f(u) - f(v) \rVert^2 \, / \, \lVert u - v \rVert^2

    Args:
        before: (n, d), n at least 2, finite.
        after: (n, k), the same vectors after the map.

    Returns:
        (pairs,), dimensionless; pairs of equal vectors, which have no ratio, are left out.

    Raises:
        ValueError: the shapes do not fit, a value is not finite, or all vectors are equal.

    >>> vectors = torch.eye(3)
    >>> distortion(vectors, 2 * vectors)
    tensor([4., 4., 4.])
    """
    if len(vectors("before", before)) != len(vectors("after", after)):
        raise ValueError(f"after must hold {len(before)} vectors, as before, got {len(after)}")
    apart = torch.pdist(before)
    if not (apart > 0).any():
        raise ValueError(f"before must hold vectors that differ, got {len(before)} equal ones")
    return (torch.pdist(after)[apart > 0] / apart[apart > 0]).square()
