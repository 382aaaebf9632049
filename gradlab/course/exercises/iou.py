"""How much do two boxes overlap?"""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree


def spec(box: torch.Tensor, other: torch.Tensor) -> float:
    left, top, right, low = box.tolist()
    left2, top2, right2, low2 = other.tolist()
    shared = 0.0
    if min(right, right2) > max(left, left2) and min(low, low2) > max(top, top2):
        shared = (min(right, right2) - max(left, left2)) * (min(low, low2) - max(top, top2))
    union = (right - left) * (low - top) + (right2 - left2) * (low2 - top2) - shared
    return shared / union if union > 0 else 0.0


def intersection_over_union(box: torch.Tensor, other: torch.Tensor) -> float:
    sides = torch.minimum(box[2:], other[2:]) - torch.maximum(box[:2], other[:2])
    shared = float(sides.clamp(min=0).prod())
    union = area(box) + area(other) - shared
    return shared / union if union > 0 else 0.0


def area(box: torch.Tensor) -> float:
    return float((box[2:] - box[:2]).prod())


def touch(box: torch.Tensor, other: torch.Tensor) -> bool:
    return spec(box, other) > 0


def inside(box: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((box[:2] >= other[:2]).all() and (box[2:] <= other[2:]).all())


APART = Law(
    "gives 0 for boxes that share nothing",
    "Boxes that lie apart in both directions have two negative sides in common, and their product "
    "is positive: bring each to 0 first.",
    lambda box, other, answer: (
        touch(box, other) or area(box) + area(other) == 0 or agree(0.0, answer)
    ),
)
SELF = Law(
    "gives 1 for a box with itself, if it has an area",
    "What both cover is the union, too; it counts once.",
    lambda box, other, answer: (
        area(box) == 0 or not bool((box == other).all()) or agree(1.0, answer)
    ),
)
INSIDE = Law(
    "gives the ratio of the areas for a box inside another",
    "The union is then the larger box, and the intersection the smaller one.",
    lambda box, other, answer: (
        area(other) == 0 or not inside(box, other) or agree(area(box) / area(other), answer)
    ),
)
EMPTY = Law(
    "gives 0 for two boxes without area",
    "Their union is empty: 0 / 0 is no number, and nothing is shared.",
    lambda box, other, answer: area(box) + area(other) > 0 or agree(0.0, answer),
)


def shared_sides(box: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (torch.minimum(box[2:], other[2:]) - torch.maximum(box[:2], other[:2])).clamp(min=0)


def multiplies_negative_sides(box: torch.Tensor, other: torch.Tensor) -> float:
    sides = torch.minimum(box[2:], other[2:]) - torch.maximum(box[:2], other[:2])
    shared = float(sides.prod())
    union = area(box) + area(other) - shared
    return shared / union if union > 0 else 0.0


def counts_what_is_shared_twice(box: torch.Tensor, other: torch.Tensor) -> float:
    total = area(box) + area(other)
    return float(shared_sides(box, other).prod()) / total if total > 0 else 0.0


def divides_by_the_smaller(box: torch.Tensor, other: torch.Tensor) -> float:
    smaller = min(area(box), area(other))
    return float(shared_sides(box, other).prod()) / smaller if smaller > 0 else 0.0


def compares_sides_in_place_of_areas(box: torch.Tensor, other: torch.Tensor) -> float:
    union = area(box) + area(other) - float(shared_sides(box, other).prod())
    return float(shared_sides(box, other).min()) / union if union > 0 else 0.0


def divides_zero_by_zero(box: torch.Tensor, other: torch.Tensor) -> float:
    shared = shared_sides(box, other).prod()
    return float(shared / (area(box) + area(other) - shared))


exercise = Exercise(
    task="Return the intersection over union of two boxes `x1 y1 x2 y2`, shape (4,): the area that "
    "both cover, divided by the area that at least one covers; 0 where neither has an area.",
    lines=4,
    spec=spec,
    answer=intersection_over_union,
    cases=samples.boxes,
    laws=(APART, SELF, INSIDE, EMPTY),
    hints=(
        "What both cover is a box, too. Where is its left side: at the smaller or at the larger of "
        "the two left sides?",
        "Its sides are the smaller of the two ends minus the larger of the two starts, or 0 where "
        "that is negative. The union is the sum of both areas minus the intersection.",
        "torch.minimum(box[2:], other[2:]) - torch.maximum(box[:2], other[:2]) are both sides at "
        "once; .clamp(min=0).prod() makes an area of them.",
    ),
    mistakes={
        multiplies_negative_sides: APART,
        counts_what_is_shared_twice: SELF,
        divides_by_the_smaller: INSIDE,
        compares_sides_in_place_of_areas: SELF,
        divides_zero_by_zero: EMPTY,
    },
)
