"""A small language, its batches, good and bad, and the network that learns it.

A sentence walks over sixteen signs. Each sign has three followers, with probabilities 0.7, 0.2 and
0.1, so that no network can predict the next sign with a loss below ``ENTROPY``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from gradlab.course import device, models
from gradlab.course.data.scenes import Dice

SIGNS = 16
LENGTH = 24
BATCH_SIZE = 8
ENTROPY = -sum(p * log(p) for p in (0.7, 0.2, 0.1))
"""Of the next sign, in nats: 0.80."""

_FOLLOWERS = Dice(12).below(2**32, SIGNS, SIGNS).argsort(1)[:, :3]
_CHOICE = np.array([0] * 7 + [1] * 2 + [2])  # of ten throws

Batch = tuple[Tensor, Tensor]


def sentences(dice: Dice, n: int) -> NDArray[np.int64]:
    """(n, LENGTH + 1): walks from a random sign on."""
    choices = _CHOICE[dice.below(10, n, LENGTH)]
    signs = [dice.below(SIGNS, n)]
    for step in range(LENGTH):
        signs.append(_FOLLOWERS[signs[-1], choices[:, step]])
    return np.stack(signs, 1)


def one_sign(dice: Dice, n: int) -> NDArray[np.int64]:
    """(n, LENGTH + 1): the first sign, over and over: as a damaged file."""
    return np.zeros((n, LENGTH + 1), np.int64)


def noise(dice: Dice, n: int) -> NDArray[np.int64]:
    """(n, LENGTH + 1): signs at random."""
    return dice.below(SIGNS, n * (LENGTH + 1)).reshape(n, LENGTH + 1)


def batches(
    seed: int,
    bad: range = range(0),
    draw_bad: Callable[[Dice, int], NDArray[np.int64]] = one_sign,
    size: int = BATCH_SIZE,
) -> Iterator[Batch]:
    """Batches without end, the same ones on every machine.

    Args:
        seed: 0 or more.
        bad: places in the stream that hold bad batches.
        draw_bad: makes these.
        size: sentences per batch.

    Yields:
        (inputs, targets), int64 (size, LENGTH) each: at every place, the next sign.
    """
    for number in count():
        draw = draw_bad if number in bad else sentences
        signs = torch.from_numpy(draw(Dice(seed, number), size))
        yield signs[:, :-1], signs[:, 1:]


def network(seed: int) -> nn.Sequential:
    """A transformer of two blocks of width 32."""
    with device.seeded(seed):
        return models.transformer(32, 2, heads=4, length=LENGTH, characters=SIGNS)


@torch.no_grad()
def validation_loss(model: nn.Module) -> float:
    """In nats per sign, on 64 sentences that no run is trained on."""
    inputs, targets = next(batches(2**31, size=64))
    return float(F.cross_entropy(model(inputs), targets))
