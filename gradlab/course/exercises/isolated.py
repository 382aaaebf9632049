"""Did clipping help, or what comes with it? The runs that change one thing at a time."""

import math

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree

Cell = tuple[float, float]


def spec(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    largest, least = max(norms.tolist()), min(*norms.tolist(), max_norm)
    longest = lr * min(largest, max_norm)
    return [
        (lr, math.inf),
        (lr, max_norm),
        (longest / largest, math.inf),
        (lr * max_norm / least, least),
    ]


def control_cells(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    smaller = lr * min(1.0, max_norm / float(norms.max()))
    least = min(max_norm, float(norms.min()))
    return [(lr, math.inf), (lr, max_norm), (smaller, math.inf), (lr * max_norm / least, least)]


def steps(cell: Cell, norms: torch.Tensor) -> torch.Tensor:
    """How long the steps of a run are on these gradients."""
    rate, bound = cell
    return rate * norms.clamp(max=bound)


SEEN = Law(
    "starts with the two runs that are to be explained: unclipped, then clipped",
    "They must be in the grid, with the same seeds as all others, or nothing can be compared.",
    lambda lr, max_norm, norms, cells: agree([(lr, math.inf), (lr, max_norm)], cells[:2]),
)
SMALLER = Law(
    "has a third run that is not clipped, and whose longest step is that of the clipped run",
    "If it does as well, then no step needed to be cut: a smaller rate was all that clipping was. "
    "With a rate that is smaller still it may fail because it is slow, which proves nothing.",
    lambda lr, max_norm, norms, cells: (
        cells[2][1] == math.inf
        and agree(float(steps((lr, max_norm), norms).max()), float(steps(cells[2], norms).max()))
    ),
)
ALWAYS = Law(
    "has a fourth run that cuts or meets every norm, and makes no step shorter than another",
    "With a bound that no norm is below, only the direction of a gradient is left. If this does as "
    "well, it never mattered which steps were cut.",
    lambda lr, max_norm, norms, cells: bool(
        torch.allclose(steps(cells[3], norms), steps(cells[3], norms)[:1], rtol=1e-3)
    ),
)
LENGTH = Law(
    "gives the fourth run the step of a clipped one, lr * max_norm",
    "A smaller bound makes smaller steps; the rate has to make up for it, or two things change at "
    "once.",
    lambda lr, max_norm, norms, cells: agree(lr * max_norm, float(steps(cells[3], norms).mean())),
)


def starts_with_the_clipped_run(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    first, second, *others = control_cells(lr, max_norm, norms)
    return [second, first, *others]


def clips_the_smaller_rate(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    first, second, (smaller, _), fourth = control_cells(lr, max_norm, norms)
    return [first, second, (smaller, max_norm), fourth]


def takes_a_tenth(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    first, second, _, fourth = control_cells(lr, max_norm, norms)
    return [first, second, (lr / 10, math.inf), fourth]


def goes_as_far_in_all(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    first, second, _, fourth = control_cells(lr, max_norm, norms)
    share = float(norms.clamp(max=max_norm).sum() / norms.sum())
    return [first, second, (lr * share, math.inf), fourth]


def clips_to_the_mean(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    bound = float(norms.mean())
    return [*control_cells(lr, max_norm, norms)[:3], (lr * max_norm / bound, bound)]


def keeps_the_rate(lr: float, max_norm: float, norms: torch.Tensor) -> list[Cell]:
    cells = control_cells(lr, max_norm, norms)
    return [*cells[:3], (lr, cells[3][1])]


exercise = Exercise(
    task="A run at rate `lr`, clipped to `max_norm`, learned; unclipped it failed. `norms`, all "
    "above zero, are its gradients' norms before clipping. Return four runs (rate, bound), inf for "
    "unclipped: these two, unclipped first; one unclipped, whose longest step on these gradients "
    "is that of the clipped run; one whose bound no norm is below, the largest such bound up to "
    "`max_norm`, and whose steps are all lr * max_norm long.",
    lines=3,
    spec=spec,
    answer=control_cells,
    cases=samples.clipped_runs,
    laws=(SEEN, SMALLER, ALWAYS, LENGTH),
    hints=(
        "Clipping makes long steps short, and leaves the others alone. The third run makes all of "
        "them shorter; the fourth makes all of them equal.",
        "A step is rate * min(norm, bound) long. The longest one is that of the largest norm.",
        "The third rate is lr * min(1, max_norm / norms.max()). The fourth bound is norms.min(), "
        "or max_norm if that is less; its rate is lr * max_norm / bound.",
    ),
    mistakes={
        starts_with_the_clipped_run: SEEN,
        clips_the_smaller_rate: SMALLER,
        takes_a_tenth: SMALLER,
        goes_as_far_in_all: SMALLER,
        clips_to_the_mean: ALWAYS,
        keeps_the_rate: LENGTH,
    },
)
