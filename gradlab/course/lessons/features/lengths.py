"""One pipeline: vectors, a map, short vectors, a classifier, numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from gradlab.course.lessons.features.vectors import Floats, Labels, Vectors

LINEAR = ("pca", "random", "linear")
NAMES = {"pca": "PCA", "random": "random", "linear": "learned", "relu": "ReLU", "lstm": "LSTM"}
"""The maps, as a reader is told of them."""


@dataclass(frozen=True, eq=False)
class Short:
    """What is left of some vectors at one length.

    Args:
        train: (n, k): the short vectors that the classifier has learned from.
        test: (m, k).
        named: (m,): the class that the classifier reads from each test vector.
        accuracy: the fraction of these that are right.
        train_accuracy: the same of the training vectors.
        explained: share of the training vectors' variance that a linear map gets back.
        map_parameters, classifier_parameters: how many numbers each holds.
        map_seconds, classifier_seconds: it took to make the map and shorten the training vectors,
            and to train the classifier on these.
    """

    train: Floats = field(repr=False)
    test: Floats = field(repr=False)
    named: Labels = field(repr=False)
    accuracy: float
    train_accuracy: float
    explained: float
    map_parameters: int
    classifier_parameters: int
    map_seconds: float
    classifier_seconds: float

    @property
    def k(self) -> int:
        """The length."""
        return int(self.test.shape[1])


def shorten(vectors: Vectors, by: str, k: int, *, seed: int = 0) -> Short:
    """The vectors at another length, and what softmax regression reads from them.

    Args:
        vectors: what to shorten.
        by: ``"pca"``, ``"random"``, or a learned map: ``"linear"``, ``"relu"``, ``"lstm"``; or
            ``"none"``, which leaves them as they are.
        k: from 1 to d; with ``"none"``, d.
        seed: of the random map, and of a learned one.

    Raises:
        ValueError: an argument is none of these.

    Note:
        Times are taken once, here and now. Compare those that were taken in turn.
    """
    # scikit-learn comes with the course only. What a process loads once is not the maps' time.
    from gradlab.course.lessons.features import maps, reading

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    start = time.perf_counter()
    fitted = maps.fit(by, vectors.train, vectors.labels, k, seed=seed)
    train = fitted.transform(vectors.train)
    shortened = time.perf_counter()
    reader = reading.classifier(train, vectors.labels)
    read = time.perf_counter()
    test = fitted.transform(vectors.test)
    named = reader.predict(test)
    return Short(
        train=train,
        test=test,
        named=named,
        accuracy=float((named == vectors.test_labels).mean()),
        train_accuracy=reader.score(train, vectors.labels),
        explained=1.0 if by == "none" else reading.explained(train, vectors.train),
        map_parameters=fitted.parameters,
        classifier_parameters=reader.coef_.size + reader.intercept_.size,
        map_seconds=shortened - start,
        classifier_seconds=read - shortened,
    )
