"""A bound that stands out: the detector of spikes, worked out without looking ahead."""

from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def spec(values: torch.Tensor, window: int, k: float) -> torch.Tensor:
    bounds = []
    for step in range(window, len(values)):
        last = values[step - window : step].tolist()
        mean = sum(last) / window
        variance = sum((value - mean) ** 2 for value in last) / (window - 1)
        bounds.append(mean + k * variance**0.5)
    return values.new_tensor(bounds)


def spike_bounds(values: torch.Tensor, window: int, k: float) -> torch.Tensor:
    before = values.unfold(0, window, 1)[:-1]
    return before.mean(1) + k * before.std(1)


def _level(values: torch.Tensor) -> bool:
    return bool((values[:-1] == values[0]).all())


LEVEL = Law(
    "is the level itself where all values before are alike, whatever comes then",
    "A value that is part of its own mean and deviation raises the bound that it is held against: "
    "the larger the spike, the better it hides.",
    lambda values, window, k, answer: (
        not _level(values) or agree(values[0].expand(len(answer)), answer)
    ),
)
DEVIATION = Law(
    "is k standard deviations above the mean, with window - 1 in the denominator",
    "Of few values, the plain mean of squares is too small; a variance has another unit.",
    lambda values, window, k, answer: agree(
        (spec(values, window, 1.0) - spec(values, window, 0.0)) * k,
        answer - spec(values, window, 0.0),
    ),
)


def counts_the_value_itself(values: torch.Tensor, window: int, k: float) -> torch.Tensor:
    here = values.unfold(0, window, 1)[1:]
    return here.mean(1) + k * here.std(1)


def looks_at_the_whole_run(values: torch.Tensor, window: int, k: float) -> torch.Tensor:
    return (values.mean() + k * values.std()).expand(len(values) - window).clone()


def takes_the_variance(values: torch.Tensor, window: int, k: float) -> torch.Tensor:
    before = values.unfold(0, window, 1)[:-1]
    return before.mean(1) + k * before.var(1)


def divides_by_all(values: torch.Tensor, window: int, k: float) -> torch.Tensor:
    before = values.unfold(0, window, 1)[:-1]
    return before.mean(1) + k * before.std(1, correction=0)


def forgets_the_mean(values: torch.Tensor, window: int, k: float) -> torch.Tensor:
    return k * values.unfold(0, window, 1)[:-1].std(1)


@cache
def histories() -> "SearchStrategy[tuple[Any, ...]]":
    """Four to nine values, level or not, a window of 2 or 3, and a k."""
    from hypothesis import strategies as st

    def values(drawn: tuple[list[int], bool, int]) -> torch.Tensor:
        halves, level, last = drawn
        seen = [halves[0]] * len(halves) if level else halves
        return torch.tensor([*seen, last], dtype=torch.float32, device="cpu") / 2

    halves = st.lists(st.integers(0, 20), min_size=3, max_size=8)
    runs = st.tuples(halves, st.booleans(), st.integers(0, 40)).map(values)
    return st.tuples(runs, cases.one_of(2, 3), cases.one_of(2.0, 3.0, 6.0))


exercise = Exercise(
    task="A spike detector holds each of `values` against a bound: the mean of the `window` values "
    "before it plus `k` of their standard deviations. Return the bounds, one for each value from "
    "place `window` on.",
    lines=2,
    spec=spec,
    answer=spike_bounds,
    cases=histories,
    laws=(LEVEL, DEVIATION),
    hints=(
        "For the value at place i, what was known before it is values[i - window : i].",
        "values.unfold(0, window, 1) has a row for each window; the last one has no value after "
        "it.",
        "torch's std divides by window - 1, which is right for a sample.",
    ),
    mistakes={
        counts_the_value_itself: LEVEL,
        looks_at_the_whole_run: LEVEL,
        takes_the_variance: DEVIATION,
        divides_by_all: DEVIATION,
        forgets_the_mean: LEVEL,
    },
)
