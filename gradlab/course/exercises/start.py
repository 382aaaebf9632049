"""A moving average that began at untrained weights: how much of them is left, and without them?"""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree, elements


def spec(average: torch.Tensor, start: torch.Tensor, decay: float, updates: int) -> torch.Tensor:
    left = 1.0
    for _ in range(updates):
        left = decay * left
    return (average - left * start) / (1 - left)


def without_the_start(
    average: torch.Tensor, start: torch.Tensor, decay: float, updates: int
) -> torch.Tensor:
    left = decay**updates
    return (average - left * start) / (1 - left)


FIRST = Law(
    "gives the weights themselves after one update",
    "The average is then decay * start + (1 - decay) * weights, and nothing else.",
    lambda average, start, decay, updates, answer: (
        updates != 1 or agree(average, decay * start + (1 - decay) * answer)
    ),
)
SAME = Law(
    "gives the start back where the average equals it",
    "Every update took weights that were equal to the start: their average is the start.",
    lambda average, start, decay, updates, answer: (
        not agree(average, start) or agree(start, answer)
    ),
)
ZERO = Law(
    "divides by 1 - decay^updates where the start is zero",
    "The shares of all weights sum to that number; an average has shares that sum to 1. Adam "
    "corrects its two averages, which start at zero, in this way.",
    lambda average, start, decay, updates, answer: (
        any(elements(start)) or agree(average, answer * (1 - decay**updates))
    ),
)


def lets_it_be(
    average: torch.Tensor, start: torch.Tensor, decay: float, updates: int
) -> torch.Tensor:
    return average.clone()


def takes_one_whole_start_out(
    average: torch.Tensor, start: torch.Tensor, decay: float, updates: int
) -> torch.Tensor:
    return (average - start) / (1 - decay**updates)


def only_subtracts(
    average: torch.Tensor, start: torch.Tensor, decay: float, updates: int
) -> torch.Tensor:
    return average - decay**updates * start


def only_divides(
    average: torch.Tensor, start: torch.Tensor, decay: float, updates: int
) -> torch.Tensor:
    return average / (1 - decay**updates)


def counts_one_update_too_many(
    average: torch.Tensor, start: torch.Tensor, decay: float, updates: int
) -> torch.Tensor:
    left = decay ** (updates + 1)
    return (average - left * start) / (1 - left)


def takes_out_what_one_update_leaves(
    average: torch.Tensor, start: torch.Tensor, decay: float, updates: int
) -> torch.Tensor:
    return (average - decay * start) / (1 - decay**updates)


def thinks_of_one_update(
    average: torch.Tensor, start: torch.Tensor, decay: float, updates: int
) -> torch.Tensor:
    return (average - decay * start) / (1 - decay)


exercise = Exercise(
    task="`average` began at `start`, untrained weights, and was moved on `updates` times, at "
    "least once, by average = decay * average + (1 - decay) * weights, decay < 1. Return the "
    "average of the weights alone: the start taken out, shares that sum to 1.",
    lines=2,
    spec=spec,
    answer=without_the_start,
    cases=samples.started,
    laws=(FIRST, SAME, ZERO),
    hints=(
        "Which share of the start is left after one update, after two, after three?",
        "Take that share of the start out. What do the shares of all weights together sum to?",
        "left = decay**updates; the weights' shares sum to 1 - left.",
    ),
    mistakes={
        lets_it_be: FIRST,
        only_subtracts: FIRST,
        only_divides: FIRST,
        counts_one_update_too_many: FIRST,
        takes_one_whole_start_out: FIRST,
        takes_out_what_one_update_leaves: SAME,
        thinks_of_one_update: ZERO,
    },
)
