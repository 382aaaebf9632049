"""Digits at every length of the slider, each computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from torch import nn

from gradlab.course.data import ImageData
from gradlab.course.lessons.features.lengths import Short, shorten
from gradlab.course.lessons.features.vectors import Floats, Vectors, distortion

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
PIXELS, NETWORK = "pixels", "feature maps"
GLYPHS, PAIRED = 200, 300
"""Vectors that are drawn in the plane, and whose distances to each other are compared."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What the panel shows of the vectors at one length.

    Args:
        short: the vectors, and what is read from them.
        plane: (200, 2): coordinates of some test vectors along the two directions in which the
            short ones differ most, in units of their root mean square length.
        pictures: (10, ...): a test digit of each class, drawn back.
        distances: between these, nine in ten squared distances now are, in units of what they were.
    """

    short: Short
    plane: Floats
    pictures: NDArray[np.float64]
    distances: tuple[float, float]


class Shortened:
    """The vectors of digits, and what is left of them at each of ``LENGTHS``.

    Attributes:
        test: the digits that are read.
        places: of one of each class among them.
        some: the places of those that are drawn in the plane.
        long: the vectors, by what they are called.
        full: a function of (name, unit length): what is read from all their numbers.
        family: a function of (name, unit length, map): what is left at each length.
    """

    def __init__(self, train: ImageData, test: ImageData, network: nn.Sequential | None) -> None:
        self._train, self.test = train, test
        self.long = {PIXELS: Vectors.of(train, test)}
        if network is not None:
            self.long[NETWORK] = Vectors.of(train, test, network)
        self._vectors = cache(self._of)
        self.full, self.family = cache(self._whole), cache(self._by_length)
        labels = test.labels.tolist()
        self.places = [labels.index(digit) for digit in range(10)]
        self.some = np.linspace(0, len(labels) - 1, GLYPHS).round().astype(int)

    def _of(self, of: str, unit: bool) -> Vectors:
        return self.long[of].unit_length() if unit else self.long[of]

    def _whole(self, of: str, unit: bool) -> Short:
        vectors = self._vectors(of, unit)
        return shorten(vectors, "none", vectors.train.shape[1])

    def _by_length(self, of: str, unit: bool, by: str) -> tuple[Shown, ...]:
        """The vectors at every length of the slider."""
        vectors = self._vectors(of, unit)
        return tuple(self._seen(vectors, shorten(vectors, by, k)) for k in LENGTHS)

    def _seen(self, vectors: Vectors, short: Short) -> Shown:
        from gradlab.course.lessons.features.reading import guess

        pictures = self._train.images.flatten(1).numpy()
        drawn = guess(short.train, pictures, short.test[self.places])
        some = np.linspace(0, len(short.test) - 1, min(PAIRED, len(short.test))).astype(int)
        low, high = np.quantile(distortion(vectors.test[some], short.test[some]), (0.05, 0.95))
        return Shown(
            short,
            _plane(short.test)[self.some],
            drawn.reshape(-1, *self.test.images.shape[1:]).mean(1),
            (float(low), float(high)),
        )


def _plane(vectors: Floats) -> Floats:
    from sklearn.decomposition import PCA

    plane = PCA(min(2, vectors.shape[1])).fit_transform(vectors)
    plane = plane / np.sqrt(np.square(plane).sum(1).mean())
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
