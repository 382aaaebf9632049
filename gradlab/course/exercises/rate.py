"""Which threshold fires as often as I want? The same question, backwards."""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law


def spec(norms: torch.Tensor, rate: float) -> float:
    recorded: list[float] = sorted(norms.tolist())
    for candidate in recorded:
        if sum(norm > candidate for norm in recorded) <= rate * len(recorded):
            return candidate
    raise AssertionError("nothing is above the largest")


def threshold_for_rate(norms: torch.Tensor, rate: float) -> float:
    falling = norms.sort(descending=True).values
    return float(falling[int(rate * len(norms))])


def firing(norms: torch.Tensor, threshold: float) -> float:
    return float((norms > threshold + 1e-4 * abs(threshold)).double().mean())


AT_MOST = Law(
    "fires in at most the given share of the steps",
    "A threshold is one number for all steps, and equal norms are clipped together or not at all: "
    "where the share cannot be met exactly, it is to be less.",
    lambda norms, rate, answer: firing(norms, answer) <= rate,
)
SMALLEST = Law(
    "gives the smallest threshold that does",
    "Any number between two neighbouring norms fires equally often; the lower of the two is one "
    "of the norms that were recorded.",
    lambda norms, rate, answer: (
        float((norms > answer - 1e-4 * abs(answer) - 1e-6).double().mean()) > rate
    ),
)


def counts_from_the_smallest(norms: torch.Tensor, rate: float) -> float:
    return float(norms.sort().values[int(rate * len(norms))])


def fires_once_too_often(norms: torch.Tensor, rate: float) -> float:
    falling = norms.sort(descending=True).values
    return float(falling[min(int(rate * len(norms)) + 1, len(norms) - 1)])


def rounds_the_number_of_steps(norms: torch.Tensor, rate: float) -> float:
    falling = norms.sort(descending=True).values
    return float(falling[min(round(rate * len(norms)), len(norms) - 1)])


def counts_equal_norms_once(norms: torch.Tensor, rate: float) -> float:
    different = norms.unique().flip(0)
    return float(different[min(int(rate * len(norms)), len(different) - 1)])


def interpolates(norms: torch.Tensor, rate: float) -> float:
    return float(norms.quantile(1 - rate))


def takes_a_share_of_the_largest(norms: torch.Tensor, rate: float) -> float:
    return (1 - rate) * float(norms.max())


def fires_once_too_seldom(norms: torch.Tensor, rate: float) -> float:
    falling = norms.sort(descending=True).values
    return float(falling[max(int(rate * len(norms)) - 1, 0)])


def never_fires(norms: torch.Tensor, rate: float) -> float:
    return float(norms.max())


def goes_to_the_middle_of_the_gap(norms: torch.Tensor, rate: float) -> float:
    threshold = threshold_for_rate(norms, rate)
    above = norms[norms > threshold]
    return (threshold + float(above.min())) / 2 if len(above) else threshold


def sorts_in_place(norms: torch.Tensor, rate: float) -> float:
    norms.copy_(norms.sort(descending=True).values)
    return float(norms[int(rate * len(norms))])


exercise = Exercise(
    task="Return the smallest threshold, one of `norms`, that would have fired (norm > threshold) "
    "in at most a share `rate` of the steps, 0 <= rate < 1.",
    lines=2,
    spec=spec,
    answer=threshold_for_rate,
    cases=lambda: cases.arguments(cases.norms(), cases.one_of(0.5, 0.25, 0.75, 0.0, 0.125)),
    laws=(AT_MOST, SMALLEST),
    hints=(
        "Sort the norms, the largest first. If the threshold is the third of them, how many are "
        "above it? And if some of them are equal?",
        "At most int(rate * n) norms may be above the threshold.",
        "norms.sort(descending=True).values[k] has at most k norms above it.",
    ),
    mistakes={
        counts_from_the_smallest: AT_MOST,
        fires_once_too_often: AT_MOST,
        rounds_the_number_of_steps: AT_MOST,
        counts_equal_norms_once: AT_MOST,
        interpolates: AT_MOST,
        takes_a_share_of_the_largest: AT_MOST,
        fires_once_too_seldom: SMALLEST,
        never_fires: SMALLEST,
        goes_to_the_middle_of_the_gap: SMALLEST,
        sorts_in_place: UNTOUCHED,
    },
)
