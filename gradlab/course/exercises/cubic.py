"""How much to prune, and when: much at first, little at last."""

import math

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree


def spec(step: int, first: int, last: int, final: float) -> float:
    if step <= first:
        return 0.0
    if step >= last:
        return final
    left = (last - step) / (last - first)
    return final - final * left * left * left


def cubic_amount(step: int, first: int, last: int, final: float) -> float:
    left = 1 - (step - first) / (last - first)
    return final * (1 - min(max(left, 0.0), 1.0) ** 3)


BEFORE = Law(
    "gives 0 up to the first step",
    "The network first learns what there is to keep.",
    lambda step, first, last, final, amount: step > first or agree(0.0, amount),
)
AFTER = Law(
    "gives the final amount from the last step on",
    "Then the weights that are left have time to adapt.",
    lambda step, first, last, final, amount: step < last or agree(final, amount),
)
AHEAD = Law(
    "is ahead of the straight line in between",
    "At first many weights are superfluous, and going fast costs nothing; at last each one counts.",
    lambda step, first, last, final, amount: (
        not first < step < last or amount > final * (step - first) / (last - first) * (1 + 1e-4)
    ),
)
HALFWAY = Law(
    "has seven eighths of the final amount halfway",
    "What is left to remove shrinks with the third power of the time left: (1/2)^3 = 1/8.",
    lambda step, first, last, final, amount: (
        2 * step != first + last or agree(final * 7 / 8, amount)
    ),
)


def starts_at_once(step: int, first: int, last: int, final: float) -> float:
    return final * (1 - max(1 - step / last, 0.0) ** 3)


def forgets_what_comes_before(step: int, first: int, last: int, final: float) -> float:
    return final * (1 - max(1 - (step - first) / (last - first), 0.0) ** 3)


def forgets_what_comes_after(step: int, first: int, last: int, final: float) -> float:
    return final * (1 - min(1 - (step - first) / (last - first), 1.0) ** 3)


def goes_straight(step: int, first: int, last: int, final: float) -> float:
    return final * min(max((step - first) / (last - first), 0.0), 1.0)


def starts_slowly(step: int, first: int, last: int, final: float) -> float:
    return final * min(max((step - first) / (last - first), 0.0), 1.0) ** 3


def takes_the_square(step: int, first: int, last: int, final: float) -> float:
    left = 1 - (step - first) / (last - first)
    return final * (1 - min(max(left, 0.0), 1.0) ** 2)


def cubes_what_stays(step: int, first: int, last: int, final: float) -> float:
    done = min(max((step - first) / (last - first), 0.0), 1.0)
    return final * math.cbrt(done)


exercise = Exercise(
    task="Return the share of the weights that is gone after `step`: 0 until `first`, `final` from "
    "`last` on, and between them final * (1 - left^3), where left falls from 1 to 0.",
    lines=2,
    spec=spec,
    answer=cubic_amount,
    cases=samples.schedules,
    laws=(BEFORE, AFTER, AHEAD, HALFWAY),
    hints=(
        "Which part of the way from first to last is still left after this step?",
        "Before the first step all of it is left, and after the last step none: no more than 1, no "
        "less than 0.",
        "left = 1 - (step - first) / (last - first), then min(max(left, 0.0), 1.0).",
    ),
    mistakes={
        starts_at_once: BEFORE,
        forgets_what_comes_before: BEFORE,
        forgets_what_comes_after: AFTER,
        goes_straight: AHEAD,
        starts_slowly: AHEAD,
        takes_the_square: HALFWAY,
        cubes_what_stays: HALFWAY,
    },
)
