"""Clip every element of a gradient to an interval."""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree, elements


def spec(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    clipped = []
    for element in elements(gradient):
        if element > clip_value:
            clipped.append(clip_value)
        elif element < -clip_value:
            clipped.append(-clip_value)
        else:
            clipped.append(element)
    return gradient.new_tensor(clipped).reshape(gradient.shape)


def clip_by_value(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    return gradient.clamp(-clip_value, clip_value)


KEEPS = Law(
    "keeps every element between -clip_value and clip_value as it is",
    "Clipping limits; what is within the limits it does not touch.",
    lambda gradient, clip_value, answer: agree(
        gradient[gradient.abs() <= clip_value], answer[gradient.abs() <= clip_value]
    ),
)
ABOVE = Law(
    "turns every element above clip_value into clip_value",
    "By value, each element is limited for itself, whatever the others are.",
    lambda gradient, clip_value, answer: bool(
        ((answer[gradient > clip_value] - clip_value).abs() < 1e-4 * clip_value).all()
    ),
)
BELOW = Law(
    "turns every element below -clip_value into -clip_value",
    "A large negative element is as harmful as a large positive one, and keeps its sign.",
    lambda gradient, clip_value, answer: bool(
        ((answer[gradient < -clip_value] + clip_value).abs() < 1e-4 * clip_value).all()
    ),
)


def clamps_only_above(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    return gradient.clamp(max=clip_value)


def clamps_only_below(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    return gradient.clamp(min=-clip_value)


def loses_the_sign(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    return torch.where(gradient.abs() > clip_value, clip_value, gradient)


def zeroes_what_is_large(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    return torch.where(gradient.abs() > clip_value, 0.0, gradient)


def takes_only_the_sign(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    return gradient.sign() * clip_value


def scales_the_whole(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    return gradient * min(1.0, clip_value / (float(gradient.abs().max()) + 1e-6))


def works_in_place(gradient: torch.Tensor, clip_value: float) -> torch.Tensor:
    return gradient.clamp_(-clip_value, clip_value)


exercise = Exercise(
    task="Return a new tensor: every element of `gradient` limited to ±clip_value.",
    lines=1,
    spec=spec,
    answer=clip_by_value,
    cases=lambda: cases.arguments(cases.gradient(), cases.thresholds()),
    laws=(KEEPS, ABOVE, BELOW),
    hints=(
        "There are three kinds of elements: too large, too small, and those between.",
        "A tensor has a method that limits each element from both sides: clamp.",
        "clamp takes the lower limit first: gradient.clamp(..., clip_value).",
    ),
    mistakes={
        clamps_only_above: BELOW,
        clamps_only_below: ABOVE,
        loses_the_sign: BELOW,
        zeroes_what_is_large: ABOVE,
        takes_only_the_sign: KEEPS,
        scales_the_whole: KEEPS,
        works_in_place: UNTOUCHED,
    },
)
