"""What can be read from a short vector: a class, a picture, the long vector itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gradlab.compress.affine import Affine, scale, vectors


def decoder(short: Tensor, targets: Tensor) -> Affine:
    """The affine map from short vectors that comes closest to ``targets``, by least squares.

    From principal components of the targets themselves it is PCA's own reconstruction; from any
    other short vector it is the best guess that is linear.

    Args:
        short: (n, k), finite.
        targets: (n, m): pixels, or the long vectors.

    Raises:
        ValueError: the numbers of vectors differ, or there are fewer than k + 1 of them.
    """
    mean, _ = scale(vectors("short", short))
    n, k = short.shape
    if len(vectors("targets", targets)) != n:
        raise ValueError(f"targets must hold {n} vectors, as short, got {len(targets)}")
    if n <= k:
        raise ValueError(f"short must hold more vectors than numbers ({k}) in each, got {n}")
    middle = targets.mean(0)
    # In float64: the square of a matrix has the square of its condition number.
    inputs, outputs = (short - mean).double(), (targets - middle).double()
    weight = torch.linalg.lstsq(inputs.T @ inputs, inputs.T @ outputs, driver="gelsy").solution
    weight = weight.to(targets.dtype)
    return Affine(weight, middle - mean @ weight)


def explained(short: Tensor, features: Tensor) -> float:
    """The share of the features' variance that a linear map can get back from short vectors.

    Args:
        short: (n, k), finite.
        features: (n, d), the long vectors.

    Returns:
        Dimensionless, in [0, 1]; for principal components the sum of their explained variance
        ratios.

    Raises:
        ValueError: as for ``decoder``.
    """
    error = features - decoder(short, features)(short)
    return 1 - float(error.square().sum() / (features - features.mean(0)).square().sum())


def accuracy(classifier: Callable[[Tensor], Tensor], short: Tensor, labels: Tensor) -> float:
    """The fraction of vectors that ``classifier`` names rightly, in [0, 1]."""
    return float((classifier(short).argmax(1) == labels).float().mean())
