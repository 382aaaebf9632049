"""Principal components: the directions in which feature vectors differ most."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from gradlab.arguments import whole
from gradlab.compress.affine import Affine, scale, vectors


@dataclass(frozen=True, eq=False)
class PCA:
    r"""The principal components of some vectors, longest first; from ``PCA.fit``.

    .. math:: X - \bar x = U \, \mathrm{diag}(s) \, V^T, \qquad z = (x - \bar x) V_{:k}

    Source: Pearson (1901); Hotelling (1933). Of all linear maps to k numbers, this one loses least
    of the squared distance from the mean (Eckart & Young 1936).

    Args:
        mean: (d,).
        components: (r, d), orthonormal rows: of each, the largest entry is positive.
        explained_variance: (r,), falling; what the vectors vary along each component.

    Note:
        It knows nothing of labels: what varies most need not be what tells the classes apart.
    """

    mean: Tensor = field(repr=False)
    components: Tensor = field(repr=False)
    explained_variance: Tensor = field(repr=False)

    @classmethod
    def fit(cls, features: Tensor) -> PCA:
        """The components of ``features``: as many as the vectors can span about their mean.

        Args:
            features: (n, d), n at least 2, finite; the vectors must differ.

        Raises:
            TypeError: ``features`` is no floating-point tensor.
            ValueError: it has another shape, holds an infinity or a NaN, or all vectors are equal.

        >>> line = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
        >>> PCA.fit(line).explained_variance_ratio
        tensor([1., 0.])
        """
        checked = vectors("features", features)
        if len(checked) < 2:
            raise ValueError("features must hold two vectors or more, got 1")
        mean, _ = scale(checked)
        _, lengths, rows = torch.linalg.svd(checked - mean, full_matrices=False)
        rank = min(len(checked) - 1, checked.shape[1])
        largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
        variance = lengths.square() / (len(checked) - 1)
        return cls(mean, (rows * largest.sign())[:rank], variance[:rank])

    @property
    def explained_variance_ratio(self) -> Tensor:
        """(r,): each component's share of the whole variance, dimensionless, falling."""
        return self.explained_variance / self.explained_variance.sum()

    def projection(self, k: int) -> Affine:
        """The map to the first ``k`` components.

        Raises:
            ValueError: ``k`` is not from 1 to the number of components.
        """
        rows = self.components[: whole("k", k, 1, len(self.components))]
        return Affine(rows.T, -self.mean @ rows.T)

    def project(self, features: Tensor, k: int) -> Tensor:
        """(n, k): the vectors' coordinates along the first ``k`` components.

        Args:
            features: (n, d), finite.
            k: from 1 to the number of components, at most ``min(n - 1, d)`` of the vectors fitted.

        Raises:
            ValueError: ``k`` is none of these, or ``features`` has another length.
        """
        checked = vectors("features", features)
        if checked.shape[1] != len(self.mean):
            raise ValueError(
                f"features must have shape (n, {len(self.mean)}), got (n, {checked.shape[1]})"
            )
        return self.projection(k)(checked)

    def reconstruct(self, short: Tensor) -> Tensor:
        """(n, d): the vectors that have these first coordinates, and are average in all others.

        Args:
            short: (n, k), from ``project``.

        Raises:
            ValueError: k is larger than the number of components.
        """
        k = whole("k", vectors("short", short).shape[1], 1, len(self.components))
        return short @ self.components[:k] + self.mean
