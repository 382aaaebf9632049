"""By how much, give or take? An interval for a difference of runs that share their seeds."""

import math

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree

T = 2.776445
"""Student's t for 95 % and five seeds, which leave four degrees of freedom."""

Interval = tuple[float, float]


def spec(ours: torch.Tensor, theirs: torch.Tensor) -> Interval:
    differences = [a - b for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)]
    mean = sum(differences) / 5
    variance = sum((one - mean) ** 2 for one in differences) / 4
    half = T * math.sqrt(variance / 5)
    return mean - half, mean + half


def paired_interval(ours: torch.Tensor, theirs: torch.Tensor) -> Interval:
    differences = ours - theirs
    half = 2.776445 * differences.std() / 5**0.5
    return float(differences.mean() - half), float(differences.mean() + half)


MIDDLE = Law(
    "has the mean difference in its middle",
    "The seeds' mean is the best guess at the difference; the interval says how good it is.",
    lambda ours, theirs, answer: agree(float((ours - theirs).mean()), sum(answer) / 2),
)
PAIRED = Law(
    "is a single point where every seed shows the same difference",
    "Two runs of one seed share weights and batches. What differs between seeds alone is no noise "
    "of the difference.",
    lambda ours, theirs, answer: float((ours - theirs).std()) > 0 or agree(answer[0], answer[1]),
)
WIDTH = Law(
    "is as wide as Student's t for four degrees of freedom asks",
    "s / √n is how far the mean of n seeds strays, with s over n − 1; and with five seeds s itself "
    "is a guess, so that 2.78 of them are needed, not 1.96.",
    lambda ours, theirs, answer: agree(spec(ours, theirs), answer),
)


def _around(middle: torch.Tensor, half: torch.Tensor) -> Interval:
    return float(middle - half), float(middle + half)


def does_not_pair(ours: torch.Tensor, theirs: torch.Tensor) -> Interval:
    spread = (ours.var() + theirs.var()).sqrt()
    return _around((ours - theirs).mean(), T * spread / 5**0.5)


def takes_the_range(ours: torch.Tensor, theirs: torch.Tensor) -> Interval:
    return float((ours - theirs).min()), float((ours - theirs).max())


def takes_the_wrong_sign(ours: torch.Tensor, theirs: torch.Tensor) -> Interval:
    return paired_interval(theirs, ours)


def forgets_the_root(ours: torch.Tensor, theirs: torch.Tensor) -> Interval:
    return _around((ours - theirs).mean(), T * (ours - theirs).std())


def trusts_the_normal(ours: torch.Tensor, theirs: torch.Tensor) -> Interval:
    return _around((ours - theirs).mean(), 1.96 * (ours - theirs).std() / 5**0.5)


def divides_by_n(ours: torch.Tensor, theirs: torch.Tensor) -> Interval:
    return _around((ours - theirs).mean(), T * (ours - theirs).std(correction=0) / 5**0.5)


exercise = Exercise(
    task="`ours` and `theirs` are accuracies of five seeds each, in the same order. Return the 95 "
    "% interval of the mean difference, ours minus theirs: (low, high). Student's t is 2.776445.",
    lines=3,
    spec=spec,
    answer=paired_interval,
    cases=samples.paired_seeds,
    laws=(MIDDLE, PAIRED, WIDTH),
    hints=(
        "Seed by seed: first subtract, then ask how the five differences spread.",
        "Half of the width is t times the standard error: the standard deviation over √5.",
        "Tensor.std() divides by n − 1 by itself.",
    ),
    mistakes={
        does_not_pair: PAIRED,
        takes_the_range: MIDDLE,
        takes_the_wrong_sign: MIDDLE,
        forgets_the_root: WIDTH,
        trusts_the_normal: WIDTH,
        divides_by_n: WIDTH,
    },
)
