"""Say what clipping did: the total norm before it and after it."""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree, elements, length

Norms = tuple[float, float]


def spec(gradients: list[torch.Tensor], max_norm: float) -> tuple[float, float]:
    squares = 0.0
    for element in elements(gradients):
        squares += element * element
    before = squares**0.5
    after = max_norm if before > max_norm else before
    return before, after


def norm_before_after(gradients: list[torch.Tensor], max_norm: float) -> tuple[float, float]:
    before = torch.cat([gradient.flatten() for gradient in gradients]).norm().item()
    return before, min(before, max_norm)


BEFORE = Law(
    "gives the total norm before clipping first",
    "It is the length of all elements as one vector: the root of the sum of all squares.",
    lambda gradients, max_norm, norms: agree(length(gradients), norms[0]),
)
SHORTER = Law(
    "never gives a larger norm after than before",
    "Clipping shortens or does nothing: a norm within max_norm stays.",
    lambda gradients, max_norm, norms: norms[1] <= norms[0] or agree(norms[0], norms[1]),
)
BOUND = Law(
    "gives at most max_norm as the norm after",
    "That is the promise of clipping by norm.",
    lambda gradients, max_norm, norms: norms[1] <= max_norm or agree(max_norm, norms[1]),
)
NO_LESS = Law(
    "gives no less than it must as the norm after",
    "Clipping by norm stops at max_norm; by value, or tensor by tensor, other norms remain.",
    lambda gradients, max_norm, norms: (
        norms[1] >= min(length(gradients), max_norm)
        or agree(min(length(gradients), max_norm), norms[1])
    ),
)


def gives_the_norm_after_twice(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    after = min(length(gradients), max_norm)
    return after, after


def swaps_them(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    return min(length(gradients), max_norm), length(gradients)


def adds_norms_without_squaring(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    before = sum(float(gradient.norm()) for gradient in gradients)
    return before, min(before, max_norm)


def takes_the_largest_tensor(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    before = max(float(gradient.norm()) for gradient in gradients)
    return before, min(before, max_norm)


def always_reaches_max_norm(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    return length(gradients), max_norm


def never_clips(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    return length(gradients), length(gradients)


def clamps_elements(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    return length(gradients), length([g.clamp(-max_norm, max_norm) for g in gradients])


def makes_the_length_one(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    before = length(gradients)
    return before, before if before <= max_norm else min(1.0, max_norm)


def clips_what_it_measures(gradients: list[torch.Tensor], max_norm: float) -> Norms:
    before = length(gradients)
    for gradient in gradients:
        gradient.mul_(min(1.0, max_norm / (before + 1e-6)))
    return before, length(gradients)


exercise = Exercise(
    task="Return the total norm of `gradients` before and after clipping by norm to `max_norm`.",
    lines=2,
    spec=spec,
    answer=norm_before_after,
    cases=lambda: cases.arguments(cases.gradients(), cases.thresholds()),
    laws=(BEFORE, SHORTER, BOUND, NO_LESS),
    hints=(
        "You need not clip anything to know how long the clipped gradient is.",
        "If the norm is above max_norm, clipping brings it to max_norm; if not, it stays.",
        "The second number is min(before, max_norm).",
    ),
    mistakes={
        gives_the_norm_after_twice: BEFORE,
        swaps_them: BEFORE,
        adds_norms_without_squaring: BEFORE,
        takes_the_largest_tensor: BEFORE,
        always_reaches_max_norm: SHORTER,
        never_clips: BOUND,
        clamps_elements: BOUND,
        makes_the_length_one: NO_LESS,
        clips_what_it_measures: UNTOUCHED,
    },
)
