"""How good is a ranking of detections?"""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree


def spec(right: torch.Tensor, objects: int) -> float:
    found, total = 0, 0.0
    for place, hit in enumerate(right.tolist(), 1):
        if hit:
            found += 1
            total += found / place
    return total / objects


def average_precision(right: torch.Tensor, objects: int) -> float:
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
    return float(precision[right > 0].sum()) / objects


def ends(right: torch.Tensor) -> int:
    """How many there are up to the last right one."""
    return max((k for k, hit in enumerate(right.tolist(), 1) if hit), default=0)


PERFECT = Law(
    "gives 1 where every object is found before the first false alarm",
    "Precision is 1 at each of them.",
    lambda right, objects, answer: (
        not bool((right[:objects] > 0).all()) or len(right) < objects or agree(1.0, answer)
    ),
)
MISSED = Law(
    "gives at most the share of the objects that are found",
    "An object that is never found counts with precision 0, so divide by all objects.",
    lambda right, objects, answer: answer <= float(right.sum()) / objects + 1e-5,
)
TAIL = Law(
    "does not mind false alarms below the last right detection",
    "Average precision looks at the places of the right ones. That is why a score threshold cannot "
    "raise it.",
    lambda right, objects, answer: agree(spec(right[: ends(right)], objects), answer),
)


def precision_of_all(right: torch.Tensor, objects: int) -> float:
    return float(right.mean())


def averages_over_those_found(right: torch.Tensor, objects: int) -> float:
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
    return float(precision[right > 0].mean()) if bool(right.any()) else 0.0


def averages_over_all_places(right: torch.Tensor, objects: int) -> float:
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
    return float(precision.mean())


def recall_only(right: torch.Tensor, objects: int) -> float:
    return float(right.sum()) / objects


def divides_by_the_detections(right: torch.Tensor, objects: int) -> float:
    precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
    return float(precision[right > 0].sum()) / max(len(right), objects)


def counts_places_from_zero(right: torch.Tensor, objects: int) -> float:
    precision = right.cumsum(0) / torch.arange(len(right)).clamp(min=1)
    return float(precision[right > 0].sum()) / objects


exercise = Exercise(
    task="`right` says of each detection, the best score first, whether it found an object (1) or "
    "was a false alarm (0); there are `objects` of them, 1 or more. Return the average precision: "
    "the precision at the place of each right detection, summed, divided by `objects`.",
    lines=2,
    spec=spec,
    answer=average_precision,
    cases=samples.rankings,
    laws=(MISSED, PERFECT, TAIL),
    hints=(
        "At the k-th detection, precision is the number of right ones among the first k, divided "
        "by k. At which places is it asked for?",
        "right.cumsum(0) counts the right ones so far; divide by 1, 2, 3, ...",
        "precision[right > 0] are the precisions at the right ones. Those that were never found "
        "add 0 to the sum, and still count in the division.",
    ),
    mistakes={
        precision_of_all: MISSED,
        averages_over_those_found: MISSED,
        averages_over_all_places: MISSED,
        counts_places_from_zero: MISSED,
        divides_by_the_detections: PERFECT,
        recall_only: TAIL,
    },
)
