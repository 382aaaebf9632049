"""Clip all gradients of a network together, in place, as torch's own function does."""

import torch

from gradlab.course.exercises.by_global_norm import Gradients, same_direction
from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import IN_PLACE, Law
from gradlab.course.exercises.checking.values import agree, length


def spec(gradients: list[torch.Tensor], max_norm: float) -> float:
    total_norm = length(gradients)
    if total_norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / total_norm)
    return total_norm


def clip_by_global_norm_(gradients: list[torch.Tensor], max_norm: float) -> float:
    total_norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    coefficient = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(coefficient)
    return float(total_norm)


DIRECTION = Law(
    "scales all elements of all tensors by one number",
    "By norm, the step becomes shorter and keeps its direction; a factor per tensor would turn it.",
    lambda gradients, max_norm, outcome: same_direction(gradients, outcome[1]),
)
BOUND = Law(
    "leaves the smaller of the total norm and max_norm as the new norm",
    "The coefficient is max_norm / total_norm, but at most 1: clipping never enlarges.",
    lambda gradients, max_norm, outcome: agree(
        min(length(gradients), max_norm), length(outcome[1])
    ),
)
BEFORE = Law(
    "returns the total norm from before clipping",
    "The norm before tells how large the gradient was and whether clipping fired; the norm after "
    "would be max_norm again and again.",
    lambda gradients, max_norm, outcome: agree(length(gradients), outcome[0]),
)


def makes_new_tensors(gradients: Gradients, max_norm: float) -> Gradients:
    coefficient = min(1.0, max_norm / (length(gradients) + 1e-6))
    return [gradient * coefficient for gradient in gradients]


def renames_in_the_loop(gradients: Gradients, max_norm: float) -> float:
    total_norm = length(gradients)
    for gradient in gradients:
        gradient = gradient * min(1.0, max_norm / (total_norm + 1e-6))
    return total_norm


def fills_the_list_anew(gradients: Gradients, max_norm: float) -> float:
    total_norm = length(gradients)
    gradients[:] = [g * min(1.0, max_norm / (total_norm + 1e-6)) for g in gradients]
    return total_norm


def measures_afterwards(gradients: Gradients, max_norm: float) -> float:
    clip_by_global_norm_(gradients, max_norm)
    return length(gradients)


def clips_each_tensor_alone(gradients: Gradients, max_norm: float) -> float:
    total_norm = length(gradients)
    for gradient in gradients:
        clip_by_global_norm_([gradient], max_norm)
    return total_norm


def always_scales(gradients: Gradients, max_norm: float) -> float:
    total_norm = length(gradients)
    for gradient in gradients:
        gradient.mul_(max_norm / (total_norm + 1e-6))
    return total_norm


exercise = Exercise(
    task="Scale `gradients` in place, together, to `max_norm` at most; return the norm before.",
    lines=4,
    spec=spec,
    answer=clip_by_global_norm_,
    cases=lambda: cases.arguments(cases.gradients(), cases.thresholds()),
    laws=(DIRECTION, BOUND, BEFORE),
    hints=(
        "It is clip_by_global_norm again, but the tensors themselves must change.",
        "Take the norm first: after the change it is too late.",
        "gradient.mul_(coefficient) multiplies a tensor where it is.",
    ),
    mistakes={
        makes_new_tensors: IN_PLACE,
        renames_in_the_loop: IN_PLACE,
        fills_the_list_anew: IN_PLACE,
        measures_afterwards: BEFORE,
        clips_each_tensor_alone: DIRECTION,
        always_scales: BOUND,
    },
)
