"""One cell of the grid, trained on the spot, with random numbers that are its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradlab.course import device
from gradlab.course.lessons.thresholds.experiment import Run
from gradlab.training.random import Random

MARKS = tuple(k / 20 for k in range(1, 21))
"""When it is measured, in shares of its steps: more often than a recorded run."""


def train(cell: Mapping[str, Any]) -> Iterator[dict[str, float]]:
    """Train a cell as the experiment does, and yield how far it has come.

    The run is the one that the experiment would record, and leaves the random numbers of everybody
    else alone, so that it may go on in the background.

    Args:
        cell: as those of the experiment.

    Yields:
        ``step``; ``test``, the accuracy then; ``loss``, the mean of the batches' since the point
        before; ``norm``, the median of the gradient's.

    Raises:
        FloatingPointError: the gradient became infinite or NaN.
    """
    with device.seeded(cell["seed"]):
        run = Run(cell, MARKS)
        own = Random(run.model)
    marks = run.marks()
    while True:
        with own.own():
            mark = next(marks, None)
        if mark is None:
            break
        yield {"step": mark.pop("steps"), **mark}
    if run.diverged is not None:
        raise FloatingPointError(f"the gradient of step {run.diverged} is not finite")
