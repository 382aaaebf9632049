"""What can be read from a short vector: a class, a picture, the long vector itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from gradlab.course.lessons.features.vectors import Floats, Labels, spread

Doubles = NDArray[np.float64]
WEIGHT_DECAY = 3e-5


def classifier(vectors: Floats, labels: Labels) -> LogisticRegression:
    r"""Softmax regression: the affine map to logits with the least regularised cross-entropy.

    .. math:: -\tfrac1n \sum_i \log \mathrm{softmax}(x_i W + b)_{y_i} + \lambda \lVert W \rVert^2

    with λ = 3e-5, for vectors that are centred and divided by one number, their root mean square
    length: so that one λ suits vectors of any length.

    Args:
        vectors: (n, d), finite; they must differ.
        labels: (n,).

    Returns:
        A classifier of vectors as they are given; the same vectors give the same one.

    Raises:
        ValueError: all vectors are equal.
    """
    mean, length = spread(vectors)
    model = LogisticRegression(C=1 / (2 * WEIGHT_DECAY * len(vectors)), max_iter=1000)
    model.fit((vectors - mean) / length, labels)
    model.coef_ /= length
    model.intercept_ -= model.coef_ @ mean
    return model


def guess(short: Floats, targets: Floats, others: Floats) -> Doubles:
    """The best that an affine map can make of short vectors: by least squares.

    From principal components of the targets themselves it is PCA's own reconstruction.

    Args:
        short: (n, k), n greater than k, finite: to learn from.
        targets: (n, m): pixels, or the long vectors.
        others: (l, k): short vectors whose targets are guessed.

    Returns:
        (l, m).
    """
    mean, weight, _ = _regress(short, targets)
    guessed: Doubles = (others - mean) @ weight + targets.mean(0)
    return guessed


def explained(short: Floats, vectors: Floats) -> float:
    """The share of the vectors' variance that a linear map can get back from short vectors.

    Args:
        short: (n, k), n greater than k, finite.
        vectors: (n, d), the long vectors.

    Returns:
        Dimensionless, in [0, 1]; for principal components the sum of their explained variance
        ratios.
    """
    _, weight, products = _regress(short, vectors)
    return float((weight * products).sum() / (len(vectors) * vectors.var(0).sum()))


def _regress(short: Floats, targets: Floats) -> tuple[Doubles, Doubles, Doubles]:
    """The mean short vector, the slopes of least squares, and the products that they come from."""
    # In float64: the square of a matrix has the square of its condition number.
    mean = short.mean(0, dtype=np.float64)
    inputs = short - mean
    products = inputs.T @ targets
    return mean, np.linalg.lstsq(inputs.T @ inputs, products)[0], products
