"""Clip all gradients of a network together, by the norm of all of them."""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import ANSWERS, FORM, UNTOUCHED, Law
from gradlab.course.exercises.checking.values import RELATIVE, agree, elements, length

Gradients = list[torch.Tensor]


def spec(gradients: list[torch.Tensor], max_norm: float) -> list[torch.Tensor]:
    squares = 0.0
    for element in elements(gradients):
        squares += element * element
    total_norm = squares**0.5
    if total_norm <= max_norm:
        return [gradient.clone() for gradient in gradients]
    return [gradient * (max_norm / total_norm) for gradient in gradients]


def clip_by_global_norm(gradients: list[torch.Tensor], max_norm: float) -> list[torch.Tensor]:
    total_norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    coefficient = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    return [gradient * coefficient for gradient in gradients]


def same_direction(gradients: object, answer: object) -> bool:
    """Whether the answer is the gradients times one number, zero or larger."""
    long, short = length(gradients), length(answer)
    pairs = zip(elements(gradients), elements(answer), strict=True)
    return all(abs(a * short - b * long) <= RELATIVE * (1 + long * short) for a, b in pairs)


ZERO = Law(
    "leaves a gradient of zeros a gradient of zeros",
    "0 / 0 is NaN, and one NaN spoils every weight: keep the norm out of the denominator, or add "
    "1e-6 to it.",
    lambda gradients, max_norm, answer: length(gradients) > 0 or length(answer) == 0,
)
WITHIN = Law(
    "leaves gradients alone whose total norm is within max_norm",
    "Clipping never enlarges: the coefficient is max_norm / total_norm, and at most 1. The total "
    "norm is the root of the sum of all squares.",
    lambda gradients, max_norm, answer: length(gradients) > max_norm or agree(gradients, answer),
)
DIRECTION = Law(
    "scales all elements of all tensors by one number",
    "By norm, the step becomes shorter and keeps its direction; another factor per tensor or "
    "element would turn it.",
    lambda gradients, max_norm, answer: same_direction(gradients, answer),
)
BOUND = Law(
    "brings a total norm above max_norm down to max_norm",
    "All tensors count as one long vector: its length is the root of the sum of all squares, and "
    "after clipping it is max_norm, no less.",
    lambda gradients, max_norm, answer: (
        length(gradients) <= max_norm or agree(max_norm, length(answer))
    ),
)


def clips_each_tensor_alone(gradients: Gradients, max_norm: float) -> Gradients:
    return [clip_by_global_norm([gradient], max_norm)[0] for gradient in gradients]


def scales_small_ones_up(gradients: Gradients, max_norm: float) -> Gradients:
    return [gradient * (max_norm / (length(gradients) + 1e-6)) for gradient in gradients]


def clamps_elements(gradients: Gradients, max_norm: float) -> Gradients:
    return [gradient.clamp(-max_norm, max_norm) for gradient in gradients]


def makes_the_length_one(gradients: Gradients, max_norm: float) -> Gradients:
    if (total_norm := length(gradients)) <= max_norm:
        return [gradient.clone() for gradient in gradients]
    return [gradient / total_norm for gradient in gradients]


def adds_norms_without_squaring(gradients: Gradients, max_norm: float) -> Gradients:
    total_norm = sum(float(gradient.norm()) for gradient in gradients)
    return [gradient * min(1.0, max_norm / (total_norm + 1e-6)) for gradient in gradients]


def forgets_the_root(gradients: Gradients, max_norm: float) -> Gradients:
    squares = length(gradients) ** 2
    return [gradient * min(1.0, max_norm / (squares + 1e-6)) for gradient in gradients]


def divides_zero_by_zero(gradients: Gradients, max_norm: float) -> Gradients:
    total_norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    return [gradient / total_norm * total_norm.clamp(max=max_norm) for gradient in gradients]


def divides_by_zero(gradients: Gradients, max_norm: float) -> Gradients:
    coefficient = min(1.0, max_norm / length(gradients))
    return [gradient * coefficient for gradient in gradients]


def works_in_place(gradients: Gradients, max_norm: float) -> Gradients:
    coefficient = min(1.0, max_norm / (length(gradients) + 1e-6))
    return [gradient.mul_(coefficient) for gradient in gradients]


def returns_one_long_vector(gradients: Gradients, max_norm: float) -> torch.Tensor:
    return torch.cat([g.flatten() for g in clip_by_global_norm(gradients, max_norm)])


exercise = Exercise(
    task="Return a list of new tensors: `gradients`, scaled down together to `max_norm` at most.",
    lines=3,
    spec=spec,
    answer=clip_by_global_norm,
    cases=lambda: cases.arguments(cases.gradients(), cases.thresholds()),
    laws=(ZERO, DIRECTION, BOUND, WITHIN),
    hints=(
        "Think of all the tensors as one long vector, and of clipping as making it shorter.",
        "First the total norm, then one coefficient, max_norm / total_norm but at most 1, then "
        "every tensor times the coefficient.",
        "torch.cat([gradient.flatten() for gradient in gradients]).norm() is the total norm.",
    ),
    mistakes={
        clips_each_tensor_alone: DIRECTION,
        clamps_elements: DIRECTION,
        scales_small_ones_up: WITHIN,
        adds_norms_without_squaring: BOUND,
        forgets_the_root: BOUND,
        makes_the_length_one: BOUND,
        divides_zero_by_zero: ZERO,
        divides_by_zero: ANSWERS,
        works_in_place: UNTOUCHED,
        returns_one_long_vector: FORM,
    },
)
