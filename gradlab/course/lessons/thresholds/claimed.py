"""S3's table, and what our grid says in its places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradlab.course.lessons.thresholds.settings import Grid, PerSeed, short_steps
from gradlab.course.lessons.thresholds.setups import S3_MODELS
from gradlab.course.sweep.records import Records

CLAIMED = {
    "AlexNet": ((500, 0.71), (1000, 0.79)),
    "VGG": ((1000, 0.58), (5000, 0.74)),
    "ResNet, batch norm": ((1000, 0.47), (5000, 0.70)),
}
"""With λ = 1 on ImageNet, as S3 prints it: steps and test accuracy, for its small T and its large.
Of λ = 10 it says "slightly higher accuracy, slower learning", and no number."""

BEST = "the best"
"""The rate that is best on the validation pictures, for each network and threshold."""


@dataclass(frozen=True, eq=False)
class Ours:
    """One network at one rate and one threshold, in S3's two columns.

    Args:
        model: the network.
        lr: the rate.
        steps: our small T and our large T.
        accuracies: (2, seeds): test accuracies; chance where a run has diverged.
        lost: how many seeds have diverged by the end.
    """

    model: str
    lr: float
    steps: tuple[int, int]
    accuracies: PerSeed
    lost: int


class Table:
    """The networks of S3 in our records.

    Args:
        records: of the part "by norm".

    Raises:
        ValueError: there are no runs of a network under momentum.
    """

    def __init__(self, records: Records) -> None:
        runs = records.where(optimizer="momentum")
        self._grid = Grid(runs)
        for model in S3_MODELS:
            if not len(runs.where(model=model)):
                raise ValueError(f"records must hold runs of {model} under momentum, got none")
        self.max_norms = sorted(
            runs.axis("max_norm"), key=lambda bound: (bound is None, bound or 0)
        )
        self.rates = runs.axis("lr")
        self._cells = {model: runs.where(model=model).rows[0].cell for model in S3_MODELS}

    def row(self, model: str, max_norm: float | None, rate: float | str) -> Ours:
        """A network at a threshold and a rate, or at ``BEST``."""
        lr = self._grid.best(model, max_norm) if isinstance(rate, str) else rate
        runs = self._grid.at(model, "momentum", lr, max_norm)
        cell = self._cells[model]
        return Ours(
            model,
            lr,
            (short_steps(cell), cell["steps"]),
            np.stack([runs.short, runs.at_end()]),
            sum(row.result is not None and row.result["diverged"] is not None for row in runs.rows),
        )
