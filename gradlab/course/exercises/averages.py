"""An exponential moving average of the weights, moved on by one step."""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import IN_PLACE, Law
from gradlab.course.exercises.checking.values import agree, length

Weights = list[torch.Tensor]


def spec(averages: list[torch.Tensor], weights: list[torch.Tensor], decay: float) -> None:
    for average, weight in zip(averages, weights, strict=True):
        average.copy_(decay * average + (1 - decay) * weight)


def update_averages_(
    averages: list[torch.Tensor], weights: list[torch.Tensor], decay: float
) -> None:
    for average, weight in zip(averages, weights, strict=True):
        average.lerp_(weight, 1 - decay)


def distance(first: Weights, second: Weights) -> float:
    return length([a - b for a, b in zip(first, second, strict=True)])


STAYS = Law(
    "leaves an average that equals the weights as it is",
    "The shares of the old average and of the weights sum to 1: an average of equal numbers is "
    "that number.",
    lambda averages, weights, decay, outcome: (
        not agree(averages, weights) or agree(weights, outcome[1])
    ),
)
NEARER = Law(
    "stays nearer to the old average where the decay is above one half",
    "decay is the share of the old average. With 0.99, one step moves it by a hundredth of the "
    "way to the weights.",
    lambda averages, weights, decay, outcome: (
        decay <= 0.5 or distance(outcome[1], averages) <= distance(outcome[1], weights) * (1 + 1e-4)
    ),
)
ENDS = Law(
    "takes nothing of the weights with decay 1",
    "At that end of its range the old average is all of the new one.",
    lambda averages, weights, decay, outcome: decay != 1 or agree(averages, outcome[1]),
)


def swaps_the_shares(averages: Weights, weights: Weights, decay: float) -> None:
    for average, weight in zip(averages, weights, strict=True):
        average.lerp_(weight, decay)


def adds_the_weights_whole(averages: Weights, weights: Weights, decay: float) -> None:
    for average, weight in zip(averages, weights, strict=True):
        average.mul_(decay).add_(weight)


def takes_the_mean(averages: Weights, weights: Weights, decay: float) -> None:
    for average, weight in zip(averages, weights, strict=True):
        average.add_(weight).div_(2)


def copies_the_weights(averages: Weights, weights: Weights, decay: float) -> None:
    for average, weight in zip(averages, weights, strict=True):
        average.copy_(weight)


def makes_new_tensors(averages: Weights, weights: Weights, decay: float) -> None:
    for average, weight in zip(averages, weights, strict=True):
        average = decay * average + (1 - decay) * weight


def fills_the_list_anew(averages: Weights, weights: Weights, decay: float) -> None:
    averages[:] = [decay * a + (1 - decay) * w for a, w in zip(averages, weights, strict=True)]


exercise = Exercise(
    task="Move each of `averages` on by one step, in place: it keeps a share `decay` of itself, "
    "0 <= decay <= 1, and takes the rest from its tensor in `weights`.",
    lines=2,
    spec=spec,
    answer=update_averages_,
    cases=samples.averaged,
    laws=(STAYS, NEARER, ENDS),
    hints=(
        "Two shares that sum to 1: decay of the old average, 1 - decay of the weights.",
        "The tensors themselves must change: the network that is evaluated holds them.",
        "average.mul_(decay).add_(weight, alpha=1 - decay), or average.lerp_ with the right share.",
    ),
    mistakes={
        swaps_the_shares: NEARER,
        copies_the_weights: NEARER,
        adds_the_weights_whole: STAYS,
        takes_the_mean: ENDS,
        makes_new_tensors: IN_PLACE,
        fills_the_list_anew: IN_PLACE,
    },
)
