"""One large batch from micro-batches, where each loss is divided by its own number of objects."""

import torch

from gradlab.course.exercises.by_global_norm import same_direction
from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree

Gradients = list[torch.Tensor]


def spec(mean_gradients: Gradients, objects: list[int]) -> torch.Tensor:
    total, count = torch.zeros_like(mean_gradients[0]), 0
    for gradient, number in zip(mean_gradients, objects, strict=True):
        total = total + gradient * number
        count = count + number
    return total / count


def gradient_of_the_large_batch(mean_gradients: Gradients, objects: list[int]) -> torch.Tensor:
    shares = torch.tensor(objects) / sum(objects)
    return torch.stack([g * s for g, s in zip(mean_gradients, shares, strict=True)]).sum(0)


ALIKE = Law(
    "gives the plain average where all micro-batches have as many objects",
    "Then each has the same share of the objects.",
    lambda mean_gradients, objects, answer: (
        len(set(objects)) > 1 or agree(torch.stack(mean_gradients).mean(0), answer)
    ),
)
DIRECTION = Law(
    "points where the gradient of the large batch points",
    "Where the numbers of objects differ, an average that ignores them points elsewhere: no "
    "learning rate can make up for that.",
    lambda mean_gradients, objects, answer: same_direction(spec(mean_gradients, objects), answer),
)


def averages(mean_gradients: Gradients, objects: list[int]) -> torch.Tensor:
    return torch.stack(mean_gradients).mean(0)


def adds(mean_gradients: Gradients, objects: list[int]) -> torch.Tensor:
    return torch.stack(mean_gradients).sum(0)


def weighs_and_forgets_to_divide(mean_gradients: Gradients, objects: list[int]) -> torch.Tensor:
    return torch.stack([g * n for g, n in zip(mean_gradients, objects, strict=True)]).sum(0)


def weighs_and_divides_by_micro_batches(
    mean_gradients: Gradients, objects: list[int]
) -> torch.Tensor:
    return weighs_and_forgets_to_divide(mean_gradients, objects) / len(objects)


def divides_once_more(mean_gradients: Gradients, objects: list[int]) -> torch.Tensor:
    return torch.stack(mean_gradients).sum(0) / sum(objects)


def adds_into_the_first(mean_gradients: Gradients, objects: list[int]) -> torch.Tensor:
    total = mean_gradients[0].mul_(objects[0])
    for gradient, number in zip(mean_gradients[1:], objects[1:], strict=True):
        total += gradient * number
    return total / sum(objects)


exercise = Exercise(
    task="Each of `mean_gradients` is of a micro-batch's loss, divided by its own number of "
    "`objects`, all above 0. Return the gradient of the large batch, whose loss is divided by the "
    "number of them all.",
    lines=2,
    spec=spec,
    answer=gradient_of_the_large_batch,
    cases=samples.counted_gradients,
    laws=(DIRECTION, ALIKE),
    hints=(
        "A micro-batch with one object and one with nine: whose gradient should count for more?",
        "Multiply each gradient by its number of objects: that is the gradient of its sum of "
        "losses. Sums may be added.",
        "It is the average of the gradients, weighted by objects[k] / sum(objects).",
    ),
    mistakes={
        averages: DIRECTION,
        adds: DIRECTION,
        weighs_and_forgets_to_divide: ALIKE,
        weighs_and_divides_by_micro_batches: ALIKE,
        divides_once_more: DIRECTION,
        adds_into_the_first: UNTOUCHED,
    },
)
