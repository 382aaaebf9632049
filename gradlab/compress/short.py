"""One feature vector at many lengths: made short, classified, and drawn back as a picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gradlab.arguments import one_of, whole
from gradlab.compress.affine import Affine
from gradlab.compress.learned import bottleneck, classifier
from gradlab.compress.pca import PCA
from gradlab.compress.random import distortion, random_projection
from gradlab.compress.reading import decoder, explained

LINEAR = ("PCA", "random", "learned")
PAIRED = 300
"""Vectors whose distances to each other are compared."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Feature vectors to learn from and to test with, and the pictures they were made of.

    Args:
        train: (n, d), finite.
        labels: int64 (n,), from 0.
        test: (m, d), finite.
        test_labels: int64 (m,).
        pictures: (n, pixels), what the vectors in ``train`` show.
    """

    train: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    test: Tensor = field(repr=False)
    test_labels: Tensor = field(repr=False)
    pictures: Tensor = field(repr=False)


@dataclass(frozen=True, eq=False)
class Short:
    """What is left of the vectors at one length; on test vectors unless it says otherwise.

    Args:
        test: (m, k): the short vectors.
        plane: (m, 2): their coordinates along the two directions in which they differ most, in
            units of their root mean square length.
        named: (m,): the class that the classifier reads from each.
        accuracy: the fraction of these that are right.
        explained: share of the training vectors' variance that a linear map gets back.
        drawn: from (..., k) to pictures: the best linear guess, by least squares.
        distances: (pairs,): what became of the squared distances between vectors; 1 is kept.
        map_parameters, classifier_parameters: how many numbers each holds.
        map_seconds, classifier_seconds: it took to make the map and shorten the training vectors,
            and to train the classifier on these.
    """

    test: Tensor = field(repr=False)
    plane: Tensor = field(repr=False)
    named: Tensor = field(repr=False)
    accuracy: float
    explained: float
    drawn: Affine = field(repr=False)
    distances: Tensor = field(repr=False)
    map_parameters: int
    classifier_parameters: int
    map_seconds: float
    classifier_seconds: float

    @property
    def k(self) -> int:
        """The length."""
        return self.test.shape[1]


def shorten(
    vectors: Vectors, lengths: Sequence[int], *, by: str, seed: int = 0, steps: int = 200
) -> Iterator[Short]:
    """The vectors at each of some lengths, one after the other.

    Args:
        vectors: what to shorten.
        lengths: each from 1 to d.
        by: ``"PCA"``, ``"random"`` or ``"learned"``; at length d, the vectors stay as they are.
        seed: of the random map, and of the learned one.
        steps: that the learned map is trained for.

    Raises:
        ValueError: an argument is out of its range.

    Note:
        Times are taken once, here and now: the first is often the longest.
    """
    one_of("by", by, LINEAR)
    d = vectors.train.shape[1]
    # The first optimizer of a process loads what the others find loaded: that is not their time.
    torch.optim.LBFGS([torch.zeros(1, requires_grad=True)]).zero_grad()
    start = time.perf_counter()
    pca = PCA.fit(vectors.train) if by == "PCA" else None
    fitting = time.perf_counter() - start
    for k in lengths:
        whole("a length", k, 1, d)
        start = time.perf_counter() - fitting
        made: Callable[[Tensor], Tensor]
        if k == d:
            made, parameters, start = nn.Identity(), 0, time.perf_counter()
        elif pca is not None:
            made = pca.projection(k)
            parameters = made.parameters
        elif by == "random":
            made = random_projection(d, k, seed=seed)
            parameters = made.weight.numel()
        else:
            made = bottleneck(vectors.train, vectors.labels, k, seed=seed, steps=steps)
            parameters = (d + 1) * k
        yield _short(vectors, made, parameters, start)


def _short(
    vectors: Vectors, made: Callable[[Tensor], Tensor], parameters: int, start: float
) -> Short:
    train, test = made(vectors.train), made(vectors.test)
    shortened = time.perf_counter()
    reader = classifier(train, vectors.labels)
    read = time.perf_counter()
    named = reader(test).argmax(1)
    some = torch.linspace(0, len(test) - 1, min(PAIRED, len(test))).long()  # of every class
    return Short(
        test=test,
        plane=_plane(test),
        named=named,
        accuracy=float((named == vectors.test_labels).float().mean()),
        explained=explained(train, vectors.train) if parameters else 1.0,
        drawn=decoder(train, vectors.pictures),
        distances=distortion(vectors.test[some], test[some]),
        map_parameters=parameters,
        classifier_parameters=reader.parameters,
        map_seconds=shortened - start,
        classifier_seconds=read - shortened,
    )


def _plane(short: Tensor) -> Tensor:
    first = PCA.fit(short)
    plane = first.project(short, min(2, len(first.components)))
    plane = plane / plane.square().sum(1).mean().sqrt()
    return nn.functional.pad(plane, (0, 2 - plane.shape[1]))
