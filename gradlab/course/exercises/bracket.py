"""Which threshold to try next? Half of the steps are to be clipped, and each try costs a run."""

import math

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree


def spec(thresholds: torch.Tensor, shares: torch.Tensor) -> float:
    low, high = 0.0, math.inf
    for threshold, share in zip(thresholds.tolist(), shares.tolist(), strict=True):
        if share > 0.5:
            low = max(low, threshold)
        else:
            high = min(high, threshold)
    return math.sqrt(low * high)


def next_threshold(thresholds: torch.Tensor, shares: torch.Tensor) -> float:
    low = thresholds[shares > 0.5].max()
    high = thresholds[shares <= 0.5].min()
    return float((low * high).sqrt())


BETWEEN = Law(
    "lies between the largest threshold that clips too often and the smallest that does not",
    "Every other try repeats what is known: further down still more is clipped, further up less.",
    lambda thresholds, shares, answer: (
        bool((thresholds[shares > 0.5] < answer * 0.9999).all())
        and bool((thresholds[shares <= 0.5] > answer * 1.0001).all())
    ),
)
RATIO = Law(
    "is as many times the lower one as the upper one is times it",
    "Thresholds that matter lie decades apart. The middle by difference is next to the upper one.",
    lambda thresholds, shares, answer: agree(spec(thresholds, shares), answer),
)


def takes_the_middle_by_difference(thresholds: torch.Tensor, shares: torch.Tensor) -> float:
    low, high = thresholds[shares > 0.5].max(), thresholds[shares <= 0.5].min()
    return float((low + high) / 2)


def takes_the_middle_of_all(thresholds: torch.Tensor, shares: torch.Tensor) -> float:
    return float((thresholds.min() * thresholds.max()).sqrt())


def takes_the_nearest_so_far(thresholds: torch.Tensor, shares: torch.Tensor) -> float:
    return float(thresholds[(shares - 0.5).abs().argmin()])


def takes_neighbours_in_the_list(thresholds: torch.Tensor, shares: torch.Tensor) -> float:
    often = (shares > 0.5).tolist()
    place = next(k for k in range(1, len(often)) if often[k] != often[k - 1])
    return float((thresholds[place - 1] * thresholds[place]).sqrt())


def goes_on_to_the_right(thresholds: torch.Tensor, shares: torch.Tensor) -> float:
    return 2 * float(thresholds[shares > 0.5].max())


exercise = Exercise(
    task="Runs with these thresholds clipped these shares of their steps; one at least clipped "
    "more than half, one did not, and a larger threshold never clips more. Half is wanted. Return "
    "the threshold to try next: between the two that close it in, in the middle by ratio.",
    lines=3,
    spec=spec,
    answer=next_threshold,
    cases=samples.tried_thresholds,
    laws=(BETWEEN, RATIO),
    hints=(
        "Which tried threshold is the largest that clips more than half? It is too small.",
        "thresholds[shares > 0.5] are all that are too small; they need not be in order.",
        "Of two numbers, the one in the middle by ratio is the root of their product.",
    ),
    mistakes={
        takes_the_middle_by_difference: RATIO,
        takes_the_middle_of_all: BETWEEN,
        takes_the_nearest_so_far: BETWEEN,
        takes_neighbours_in_the_list: BETWEEN,
        goes_on_to_the_right: BETWEEN,
    },
)
