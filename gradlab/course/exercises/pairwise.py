"""How many random directions keep all distances? A chance for one pair, and a sum over all."""

import math

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law


def failing(points: int, epsilon: float, k: int) -> float:
    """What the sum of the chances is at most, for all pairs together."""
    pairs = points * (points - 1) / 2
    return pairs * 2 * math.exp(-k * (epsilon**2 / 4 - epsilon**3 / 6))


def spec(points: int, epsilon: float, risk: float) -> int:
    k = 1
    while failing(points, epsilon, k) > risk:
        k += 1
    return k


def enough_directions(points: int, epsilon: float, risk: float) -> int:
    rate = epsilon**2 / 4 - epsilon**3 / 6
    return max(math.ceil(math.log(points * (points - 1) / risk) / rate), 1)


ENOUGH = Law(
    "gives so many directions that the chance of any bad pair is at most `risk`",
    "The chance that one pair or another is bad is at most the sum of their chances, and there are "
    "n (n - 1) / 2 pairs.",
    lambda points, epsilon, risk, k: failing(points, epsilon, k) <= risk * (1 + 1e-9),
)
FEWEST = Law(
    "gives the fewest such directions",
    "Solve sum of the chances = risk for k, and round up.",
    lambda points, epsilon, risk, k: k == 1 or failing(points, epsilon, k - 1) > risk * (1 - 1e-9),
)


def counts_points_instead_of_pairs(points: int, epsilon: float, risk: float) -> int:
    rate = epsilon**2 / 4 - epsilon**3 / 6
    return max(math.ceil(math.log(2 * points / risk) / rate), 1)


def keeps_one_pair_only(points: int, epsilon: float, risk: float) -> int:
    rate = epsilon**2 / 4 - epsilon**3 / 6
    return max(math.ceil(math.log(2 / risk) / rate), 1)


def rounds_down(points: int, epsilon: float, risk: float) -> int:
    return max(enough_directions(points, epsilon, risk) - 1, 1)


def forgets_the_cube(points: int, epsilon: float, risk: float) -> int:
    return max(math.ceil(math.log(points * (points - 1) / risk) / (epsilon**2 / 4)), 1)


def counts_each_pair_twice(points: int, epsilon: float, risk: float) -> int:
    return enough_directions(points, epsilon, risk / 2)


exercise = Exercise(
    task="A random map to k numbers changes the squared distance of one pair by more than a share "
    "`epsilon` with a chance of at most 2 exp(-k (epsilon²/4 - epsilon³/6)). Derive how many "
    "numbers are enough for all pairs of `points` points, 2 or more, together: return the smallest "
    "k, at least 1, for which the sum of their chances is at most `risk`.",
    lines=2,
    spec=spec,
    answer=enough_directions,
    cases=lambda: cases.arguments(
        cases.one_of(2, 3, 4, 10, 50, 200, 1000, 5000),
        cases.one_of(0.5, 0.25, 1.0, 0.75, 0.2),
        cases.one_of(0.5, 0.1, 0.01, 1.0, 0.25),
    ),
    laws=(ENOUGH, FEWEST),
    hints=(
        "How many pairs do n points have? Each has its own chance of being bad.",
        "Set n (n - 1) / 2 times the chance of one pair equal to the risk, and take logarithms.",
        "k = ln(n (n - 1) / risk) / (epsilon²/4 - epsilon³/6), rounded up.",
    ),
    mistakes={
        counts_points_instead_of_pairs: ENOUGH,
        keeps_one_pair_only: ENOUGH,
        rounds_down: ENOUGH,
        forgets_the_cube: ENOUGH,
        counts_each_pair_twice: FEWEST,
    },
)
