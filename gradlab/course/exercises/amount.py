"""Which threshold prunes as much as I want? Mind the weights that are equal."""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law


def spec(scores: torch.Tensor, amount: float) -> float:
    ascending: list[float] = sorted(scores.tolist())
    for candidate in reversed(ascending):
        if sum(score < candidate for score in ascending) <= amount * len(ascending):
            return candidate
    raise AssertionError("nothing is below the smallest")


def threshold_for_amount(scores: torch.Tensor, amount: float) -> float:
    ascending = scores.sort().values
    return float(ascending[int(amount * len(scores))])


def share_below(scores: torch.Tensor, threshold: float) -> float:
    return float((scores < threshold - 1e-4 * abs(threshold)).double().mean())


AT_MOST = Law(
    "removes at most the given share of the weights",
    "A threshold cannot tell equal scores apart: they go together or stay together. Where the "
    "share falls between them, less than it goes.",
    lambda scores, amount, answer: share_below(scores, answer) <= amount,
)
LARGEST = Law(
    "gives the largest threshold that does",
    "A smaller one would remove the same weights, or fewer.",
    lambda scores, amount, answer: (
        answer >= float(scores.max()) * (1 - 1e-4)
        or float((scores <= answer + 1e-4 * abs(answer) + 1e-6).double().mean()) > amount
    ),
)
ONE_OF_THEM = Law(
    "gives one of the scores",
    "The smallest score that stays is the threshold; whatever lies between two scores removes the "
    "same weights, but is no one's score.",
    lambda scores, amount, answer: bool(
        torch.isclose(scores, scores.new_tensor(answer), rtol=1e-4, atol=1e-6).any()
    ),
)


def counts_from_the_largest(scores: torch.Tensor, amount: float) -> float:
    return float(scores.sort(descending=True).values[int(amount * len(scores))])


def removes_one_too_many(scores: torch.Tensor, amount: float) -> float:
    ascending = scores.sort().values
    return float(ascending[min(int(amount * len(scores)) + 1, len(scores) - 1)])


def counts_equal_scores_once(scores: torch.Tensor, amount: float) -> float:
    different = scores.unique()
    return float(different[min(int(amount * len(scores)), len(different) - 1)])


def goes_on_to_the_next_larger_score(scores: torch.Tensor, amount: float) -> float:
    threshold = threshold_for_amount(scores, amount)
    larger = scores[scores > threshold]
    return float(larger.min()) if len(larger) else threshold


def takes_a_share_of_the_largest(scores: torch.Tensor, amount: float) -> float:
    return amount * float(scores.max())


def removes_one_too_few(scores: torch.Tensor, amount: float) -> float:
    return float(scores.sort().values[max(int(amount * len(scores)) - 1, 0)])


def removes_nothing(scores: torch.Tensor, amount: float) -> float:
    return float(scores.min())


def stays_a_little_below(scores: torch.Tensor, amount: float) -> float:
    threshold = threshold_for_amount(scores, amount)
    smaller = scores[scores < threshold]
    return (threshold + float(smaller.max())) / 2 if len(smaller) else threshold


def sorts_in_place(scores: torch.Tensor, amount: float) -> float:
    scores.copy_(scores.sort().values)
    return float(scores[int(amount * len(scores))])


exercise = Exercise(
    task="Return the largest threshold, one of `scores`, that removes (score < threshold) at most "
    "a share `amount` of the weights, 0 <= amount < 1.",
    lines=2,
    spec=spec,
    answer=threshold_for_amount,
    cases=lambda: cases.arguments(cases.norms(), cases.one_of(0.5, 0.25, 0.75, 0.0, 0.125)),
    laws=(AT_MOST, ONE_OF_THEM, LARGEST),
    hints=(
        "Sort the scores. If the threshold is the third of them, how many are below it? And if "
        "some of them are equal?",
        "At most int(amount * n) scores may be below the threshold.",
        "scores.sort().values[k] has at most k scores below it.",
    ),
    mistakes={
        counts_from_the_largest: AT_MOST,
        removes_one_too_many: AT_MOST,
        counts_equal_scores_once: AT_MOST,
        goes_on_to_the_next_larger_score: AT_MOST,
        takes_a_share_of_the_largest: AT_MOST,
        stays_a_little_below: ONE_OF_THEM,
        removes_one_too_few: LARGEST,
        removes_nothing: LARGEST,
        sorts_in_place: UNTOUCHED,
    },
)
