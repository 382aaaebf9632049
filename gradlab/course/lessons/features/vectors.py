"""Feature vectors: what a network makes of pictures, and the distances from one to another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gradlab.arguments import one_of
from gradlab.course.data import ImageData

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@torch.no_grad()
def extract(network: nn.Sequential, images: ImageData, layer: str = "flatten") -> Floats:
    """What ``network`` makes of ``images``, up to one of its layers.

    Args:
        network: with named layers, as all of the course's are; measured in evaluation mode, and
            left in the mode it was in.
        images: one split of a data set; standardised on the way.
        layer: the name of the last layer to pass; ``"flatten"`` gives the feature maps as a vector.

    Returns:
        (n, d) float32.

    Raises:
        ValueError: the network has no such layer.
    """
    names = [name for name, _ in network.named_children()]
    one_of("layer", layer, names)
    front, training = network[: names.index(layer) + 1], network.training
    device = next(network.parameters()).device
    network.eval()
    parts = [front(inputs).flatten(1).cpu() for inputs, _ in images.in_order(500, device=device)]
    network.train(training)
    return torch.cat(parts).numpy()


@dataclass(frozen=True, eq=False)
class Vectors:
    """Feature vectors to learn from and to test with.

    Args:
        train: float32 (n, d), finite.
        labels: int64 (n,), from 0.
        test: float32 (m, d), finite.
        test_labels: int64 (m,).
    """

    train: Floats = field(repr=False)
    labels: Labels = field(repr=False)
    test: Floats = field(repr=False)
    test_labels: Labels = field(repr=False)

    @classmethod
    def of(cls, train: ImageData, test: ImageData, network: nn.Sequential | None = None) -> Vectors:
        """The feature maps that ``network`` makes of pictures; without a network, their pixels."""
        if network is None:
            long, long_test = (part.images.flatten(1).numpy() for part in (train, test))
        else:
            long, long_test = (extract(network, part) for part in (train, test))
        return cls(long, train.labels.numpy(), long_test, test.labels.numpy())

    def unit_length(self) -> Vectors:
        """Each vector divided by its own length, so that only its direction is left."""
        from sklearn.preprocessing import normalize

        return replace(self, train=normalize(self.train), test=normalize(self.test))


def distortion(before: Floats, after: Floats) -> Floats:
    r"""What a map made of the squared distance of each pair of vectors: 1 where it is kept.

    .. math:: \lVert f(u) - f(v) \rVert^2 \, / \, \lVert u - v \rVert^2

    Args:
        before: (n, d), n at least 2, finite.
        after: (n, k), the same vectors after the map.

    Returns:
        (pairs,), dimensionless; pairs of equal vectors, which have no ratio, are left out.

    Raises:
        ValueError: the numbers of vectors differ, or all vectors are equal.

    >>> vectors = np.eye(3, dtype=np.float32)
    >>> distortion(vectors, 2 * vectors)
    array([4., 4., 4.], dtype=float32)
    """
    if len(before) != len(after):
        raise ValueError(f"after must hold {len(before)} vectors, as before, got {len(after)}")
    apart, mapped = (torch.pdist(torch.from_numpy(vectors)).numpy() for vectors in (before, after))
    differ = apart > 0
    if not differ.any():
        raise ValueError(f"before must hold vectors that differ, got {len(before)} equal ones")
    ratios: Floats = (mapped[differ] / apart[differ]) ** 2
    return ratios


def spread(vectors: Floats) -> tuple[Floats, float]:
    """The mean vector, and the root mean square distance from it.

    Raises:
        ValueError: all vectors are the same.
    """
    mean: Floats = vectors.mean(0)
    length = float(np.sqrt(np.square(vectors - mean).sum(1).mean()))
    if not length > 1e-6 * max(float(np.linalg.norm(mean)), 1e-30):
        raise ValueError(f"vectors must differ, got {len(vectors)} equal ones")
    return mean, length
