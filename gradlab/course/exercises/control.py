"""Saved by clipping, or by the smaller step? The control run that tells them apart."""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree


def spec(lr: float, max_norm: float, norms: torch.Tensor) -> float:
    unclipped = clipped = 0.0
    for norm in norms.tolist():
        unclipped += norm
        clipped += min(norm, max_norm)
    return lr * clipped / unclipped


def rate_of_the_control(lr: float, max_norm: float, norms: torch.Tensor) -> float:
    clipped = norms.clamp(max=max_norm)
    return lr * float(clipped.sum() / norms.sum())


ALIKE = Law(
    "where all steps are alike and clipped, takes steps of lr · max_norm",
    "That is how long a clipped step is; an unclipped one is the rate times its norm.",
    lambda lr, max_norm, norms, answer: (
        bool((norms != norms[0]).any() or norms[0] < max_norm)
        or agree(lr * max_norm, answer * float(norms[0]))
    ),
)
NEVER = Law(
    "is lr where no step is clipped",
    "Then there is nothing to control for: the two runs are one.",
    lambda lr, max_norm, norms, answer: bool((norms > max_norm).any()) or agree(lr, answer),
)
LENGTH = Law(
    "makes the unclipped steps as long, all together, as the clipped ones are",
    "Lengths add up. A mean of coefficients gives a long step and a short one the same weight.",
    lambda lr, max_norm, norms, answer: agree(spec(lr, max_norm, norms), answer),
)


def keeps_the_rate(lr: float, max_norm: float, norms: torch.Tensor) -> float:
    return lr


def averages_the_coefficients(lr: float, max_norm: float, norms: torch.Tensor) -> float:
    return lr * float((max_norm / norms).clamp(max=1).mean())


def takes_every_step_for_clipped(lr: float, max_norm: float, norms: torch.Tensor) -> float:
    return lr * max_norm / float(norms.mean())


def multiplies_by_the_threshold(lr: float, max_norm: float, norms: torch.Tensor) -> float:
    return lr * max_norm


def goes_by_the_largest_step(lr: float, max_norm: float, norms: torch.Tensor) -> float:
    return lr * min(1.0, max_norm / float(norms.max()))


exercise = Exercise(
    task="A run under plain SGD with learning rate `lr` was clipped at `max_norm`; `norms`, all "
    "above zero, are those of its gradients before clipping. Return the rate of its control: a run "
    "without clipping that walks as far in all, along the same gradients.",
    lines=2,
    spec=spec,
    answer=rate_of_the_control,
    cases=samples.clipped_runs,
    laws=(ALIKE, NEVER, LENGTH),
    hints=(
        "How long is one step of the clipped run? lr times the norm after clipping.",
        "How long are all its steps together? And all steps without clipping, at some rate?",
        "norms.clamp(max=max_norm) are the norms after clipping.",
    ),
    mistakes={
        keeps_the_rate: ALIKE,
        averages_the_coefficients: LENGTH,
        takes_every_step_for_clipped: NEVER,
        multiplies_by_the_threshold: ALIKE,
        goes_by_the_largest_step: LENGTH,
    },
)
