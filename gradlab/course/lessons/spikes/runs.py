"""Runs that spike, each for another cause, and one that does not."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike

from gradlab.arguments import one_of, whole
from gradlab.course.lessons.spikes.language import batches, network, noise, one_sign
from gradlab.training import Steered

CAUSES = ("one sign", "noise", "rate", "healthy")
STEPS = 200
BAD = range(120, 126)
"""Places in the stream of the bad batches."""
RISE = 0.5
"""How far above the median of the 40 losses before it a spike begins."""

_RATE, _WARM_UP, _TOP = 0.01, 20, 0.3
_KINDS = {"one sign": one_sign, "noise": noise}
_WINDOW = 40


def learning_rate(cause: str, step: int) -> float:
    """Of the step with that number, from 0: warmed up, then constant; for "rate" it climbs on."""
    usual = _RATE * min(1.0, (step + 1) / _WARM_UP)
    return max(usual, _TOP * (step + 1) / STEPS) if cause == "rate" else usual


def begin(cause: str, seed: int) -> Steered:
    """A run at its start: a small transformer, AdamW, and a language to learn.

    Args:
        cause: of the spike to come. ``"one sign"``: six batches hold one sign only; ``"noise"``:
            six batches hold signs at random; ``"rate"``: the learning rate climbs without end;
            ``"healthy"``: there is none.
        seed: of the weights and the batches.

    Raises:
        ValueError: an argument is out of range.
    """
    one_of("cause", cause, CAUSES)
    whole("seed", seed, 0)
    model = network(seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), learning_rate(cause, 0), betas=(0.9, 0.95), weight_decay=0.0
    )
    bad = BAD if cause in _KINDS else range(0)
    draw = _KINDS.get(cause, one_sign)
    return Steered(model, optimizer, lambda: batches(seed, bad, draw), every=10)


def advance(run: Steered, cause: str, steps: int = STEPS) -> None:
    """Take steps with the learning rates of the cause; fewer, where the run diverges."""
    for _ in range(steps):
        run.learning_rate = learning_rate(cause, run.position)
        run.take(measure=False)


def spiking(cause: str, seed: int = 0, steps: int = STEPS) -> Steered:
    """A run that has been trained, untreated; arguments and errors as of ``begin``."""
    run = begin(cause, seed)
    advance(run, cause, steps)
    return run


def onset(losses: ArrayLike) -> int | None:
    """The first step, from 0, whose loss is 0.5 above the median of the 40 before; None: none is.

    >>> onset([1.0] * 50 + [3.0, 2.0])
    50
    """
    seen = np.asarray(losses, float)
    for step in range(_WINDOW, len(seen)):
        if not seen[step] <= np.median(seen[step - _WINDOW : step]) + RISE:
            return step
    return None
