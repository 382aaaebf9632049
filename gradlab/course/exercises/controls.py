"""Did clipping help, or only the smaller step that it comes with? The runs that would tell."""

import math

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree

Cell = tuple[float, float]


def spec(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    clipped = whole = 0.0
    for norm in norms.tolist():
        clipped += min(norm, max_norm)
        whole += norm
    smaller = lr * clipped / whole
    return [(lr, math.inf), (lr, max_norm), (smaller, math.inf), (smaller, max_norm)]


def control_grid(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    smaller = lr * float(norms.clamp(max=max_norm).sum() / norms.sum())
    return [(rate, bound) for rate in (lr, smaller) for bound in (math.inf, max_norm)]


def distance(max_norm: float, norms: torch.Tensor) -> float:
    return float(norms.clamp(max=max_norm).sum())


SEEN = Law(
    "starts with the two runs that are to be explained",
    "At the rate itself, unclipped and clipped: they must be in the grid, with the same seeds as "
    "all others, or nothing can be compared.",
    lambda lr, max_norm, norms, cells: agree([(lr, math.inf), (lr, max_norm)], cells[:2]),
)
CONTROL = Law(
    "has an unclipped run at another rate",
    "The control changes one thing: if the smaller rate alone does as well as clipping, clipping "
    "did nothing that a smaller step would not have done.",
    lambda lr, max_norm, norms, cells: cells[2][1] == math.inf,
)
DISTANCE = Law(
    "gives the control a rate at which it goes as far on these gradients as the clipped run",
    "A step is the rate times the norm. Unclipped, the steps add up to rate * norms.sum(): choose "
    "the rate so that this is what the clipped steps add up to. With a rate that is much smaller "
    "the control fails because it is slow, and proves nothing.",
    lambda lr, max_norm, norms, cells: agree(
        lr * distance(max_norm, norms), cells[2][0] * float(norms.sum())
    ),
)
CROSSED = Law(
    "crosses both: the smaller rate is clipped, too",
    "Two rates, each unclipped and clipped: then it shows, too, whether clipping still changes "
    "anything where the steps are small.",
    lambda lr, max_norm, norms, cells: agree((cells[2][0], max_norm), cells[3]),
)


def starts_with_the_clipped_run(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    return control_grid(lr, max_norm, norms)[::-1]


def changes_the_bound_only(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    return [(lr, math.inf), (lr, max_norm), (lr, max_norm / 10), (lr, max_norm * 10)]


def shrinks_to_the_longest_step(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    smaller = lr * min(1.0, max_norm / float(norms.max()))
    return [(rate, bound) for rate in (lr, smaller) for bound in (math.inf, max_norm)]


def averages_the_coefficients(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    smaller = lr * float((max_norm / norms).clamp(max=1).mean())
    return [(rate, bound) for rate in (lr, smaller) for bound in (math.inf, max_norm)]


def takes_a_tenth(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    return [(rate, bound) for rate in (lr, lr / 10) for bound in (math.inf, max_norm)]


def shrinks_the_bound_as_well(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    cells = control_grid(lr, max_norm, norms)
    return [*cells[:3], (cells[3][0], max_norm / 2)]


exercise = Exercise(
    task="A run at rate `lr`, clipped to `max_norm`, learned; unclipped it failed. `norms` are its "
    "gradients' norms before clipping. Return four runs (rate, bound), inf for unclipped: two "
    "rates, each unclipped and then clipped, first `lr`, then the rate at which unclipped steps "
    "would add up to the same length.",
    lines=3,
    spec=spec,
    answer=control_grid,
    cases=cases.clipped_runs,
    laws=(SEEN, CONTROL, DISTANCE, CROSSED),
    hints=(
        "Clipping does two things at once: it changes single steps, and it makes the whole run go "
        "less far. The control does only the second.",
        "The clipped steps add up to lr * norms.clamp(max=max_norm).sum().",
        "smaller = lr * norms.clamp(max=max_norm).sum() / norms.sum(); then two rates times two "
        "bounds, math.inf first.",
    ),
    mistakes={
        starts_with_the_clipped_run: SEEN,
        changes_the_bound_only: CONTROL,
        shrinks_to_the_longest_step: DISTANCE,
        averages_the_coefficients: DISTANCE,
        takes_a_tenth: DISTANCE,
        shrinks_the_bound_as_well: CROSSED,
    },
)
