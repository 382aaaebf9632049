"""What a script is given: data to train on, and data to test its network with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from torch import Tensor
from torch.utils.data import TensorDataset

from gradlab.course import data
from gradlab.course.data.scenes import SceneData

_BLANK = 2345  # the place of an image that is blank, as real data sets hold some


@dataclass(frozen=True, eq=False)
class Task:
    """Data, and what is asked of it.

    Args:
        train: inputs and answers, to make batches of.
        test: inputs and answers that are not trained on.
        classes: answers there are.
    """

    train: TensorDataset
    test: tuple[Tensor, Tensor]
    classes: int


@cache
def digits() -> Task:
    """Digits as rows of pixels, sorted by class, as they are often stored."""

    def rows(split: str) -> tuple[Tensor, Tensor]:
        stored = data.load("digits", split)
        order = stored.labels.argsort(stable=True)
        images = stored.images[order].flatten(1)
        images = (images - images.mean(1, keepdim=True)) / images.std(1, keepdim=True)
        return images, stored.labels[order]

    images, labels = rows("train")
    images[_BLANK] = 0
    tested, answers = rows("test")
    return Task(TensorDataset(images, labels), (tested[::2], answers[::2]), 10)


@cache
def order() -> Task:
    """Two markers among twenty letters: in which order?"""
    return _drawn(
        data.temporal_order("train", length=20), data.temporal_order("test", length=20), 7680
    )


@cache
def places() -> Task:
    """Three shapes in a picture: where does the red one stand, seen from the blue one?"""
    return _drawn(data.relations("train"), data.relations("test"), 1920)


@cache
def faces() -> Task:
    """Photographs of faces, and cut-outs that are none."""
    train, test = (data.load("faces", split) for split in ("train", "test"))
    tested = test.standardise(test.images), test.labels
    return Task(TensorDataset(train.standardise(train.images), train.labels), tested, 2)


def _drawn(train: SceneData, test: SceneData, count: int) -> Task:
    """``count`` scenes to train on, 256 to test with."""
    (inputs, answers), tested = (
        next(scenes.batches(n, seed=0)) for scenes, n in ((train, count), (test, 256))
    )
    return Task(TensorDataset(inputs, answers), tested, len(train.classes))
