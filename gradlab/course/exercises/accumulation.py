"""Clip where a step is made of several micro-batches."""

import torch

from gradlab.course.exercises.by_global_norm import clip_by_global_norm, same_direction
from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree, length


def spec(micro_gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
    total = torch.zeros_like(micro_gradients[0])
    for gradient in micro_gradients:
        total = total + gradient
    mean = total / len(micro_gradients)
    norm = length(mean)
    return mean if norm <= max_norm else mean * (max_norm / norm)


def clip_with_accumulation(micro_gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
    mean = torch.stack(micro_gradients).mean(dim=0)
    return mean * min(1.0, max_norm / (float(mean.norm()) + 1e-6))


def mean_of(micro_gradients: list[torch.Tensor]) -> torch.Tensor:
    return sum(micro_gradients, torch.zeros_like(micro_gradients[0])) / len(micro_gradients)


def clip(gradient: torch.Tensor, max_norm: float) -> torch.Tensor:
    return clip_by_global_norm([gradient], max_norm)[0]


SAME = Law(
    "turns equal micro-batches into one of them, where its norm is within max_norm",
    "Accumulating replaces one large batch, whose gradient is the average; a sum would make the "
    "step longer with every micro-batch.",
    lambda micro_gradients, max_norm, answer: (
        any(not agree(micro_gradients[0], gradient) for gradient in micro_gradients)
        or length(micro_gradients[0]) > max_norm
        or agree(micro_gradients[0], answer)
    ),
)
WITHIN = Law(
    "gives the plain average where its norm is within max_norm",
    "Micro-batches may cancel: only their average says how long the step is.",
    lambda micro_gradients, max_norm, answer: (
        length(mean_of(micro_gradients)) > max_norm or agree(mean_of(micro_gradients), answer)
    ),
)
BOUND = Law(
    "brings an average whose norm is above max_norm down to max_norm",
    "After averaging, it is ordinary clipping by norm.",
    lambda micro_gradients, max_norm, answer: (
        length(mean_of(micro_gradients)) <= max_norm or agree(max_norm, length(answer))
    ),
)
DIRECTION = Law(
    "points where the average points",
    "Clipping each micro-batch gives the long ones less weight than they have, and turns the step: "
    "clip once, after averaging.",
    lambda micro_gradients, max_norm, answer: same_direction(mean_of(micro_gradients), answer),
)


def sums(micro_gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
    return clip(torch.stack(micro_gradients).sum(dim=0), max_norm)


def clips_each_micro_batch(micro_gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
    return mean_of([clip(gradient, max_norm) for gradient in micro_gradients])


def measures_the_longest(micro_gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
    longest = max(length(gradient) for gradient in micro_gradients)
    return mean_of(micro_gradients) * min(1.0, max_norm / (longest + 1e-6))


def clips_while_accumulating(micro_gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
    total = torch.zeros_like(micro_gradients[0])
    for gradient in micro_gradients:
        total = clip(total + gradient / len(micro_gradients), max_norm)
    return total


def clips_the_sum_then_averages(
    micro_gradients: list[torch.Tensor], max_norm: float
) -> torch.Tensor:
    return clip(torch.stack(micro_gradients).sum(dim=0), max_norm) / len(micro_gradients)


def forgets_to_clip(micro_gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
    return mean_of(micro_gradients)


def keeps_only_the_last(micro_gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
    return clip(micro_gradients[-1], max_norm)


def accumulates_into_the_first(
    micro_gradients: list[torch.Tensor], max_norm: float
) -> torch.Tensor:
    total = micro_gradients[0]
    for gradient in micro_gradients[1:]:
        total += gradient
    return clip(total / len(micro_gradients), max_norm)


exercise = Exercise(
    task="Return the average of the micro-batches' gradients, clipped by norm to `max_norm`.",
    lines=2,
    spec=spec,
    answer=clip_with_accumulation,
    cases=lambda: cases.arguments(cases.micro_gradients(), cases.thresholds()),
    laws=(SAME, DIRECTION, WITHIN, BOUND),
    hints=(
        "Which gradient would one large batch have given? That is the one to clip.",
        "Average first, then clip the average, once.",
        "torch.stack(micro_gradients).mean(dim=0) is the average.",
    ),
    mistakes={
        sums: SAME,
        clips_the_sum_then_averages: SAME,
        clips_each_micro_batch: DIRECTION,
        clips_while_accumulating: DIRECTION,
        keeps_only_the_last: DIRECTION,
        forgets_to_clip: BOUND,
        measures_the_longest: WITHIN,
        accumulates_into_the_first: UNTOUCHED,
    },
)
