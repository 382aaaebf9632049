"""What the recorded grid says about one setting: a number for each seed, lost runs counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.thresholds.experiment import SHORT
from gradlab.course.sweep.records import Records, Row

CHANCE = 0.1
"""Accuracy of a guess among ten classes; a run that diverged is counted as that."""

PerSeed = NDArray[np.float64]  # (seeds,)


@dataclass(frozen=True)
class Setting:
    """The runs of one network, optimizer, rate and threshold, by seed.

    Args:
        rows: that ended, or diverged; in the order of their seeds.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Setting:
        """The runs that came to an end of their own, in the order of their seeds."""
        done = (row for row in rows if row.status == "done")
        return cls(tuple(sorted(done, key=lambda row: int(row.cell["seed"]))))

    def at_end(self, name: str = "accuracy") -> PerSeed:
        """An accuracy at the end; chance where the run diverged."""
        return np.array([_or_chance(_result(row)[name]) for row in self.rows])

    def numbers(self, name: str) -> PerSeed:
        """A number that every run has, such as ``clipped``."""
        return np.array([_result(row)[name] for row in self.rows], float)

    @property
    def gap(self) -> PerSeed:
        """Accuracy on training pictures that were kept for it, minus that on test pictures."""
        return self.at_end("train_accuracy") - self.at_end()

    def lost(self, learns: float) -> NDArray[np.bool_]:
        """Whether a run diverged, or ended with less than that accuracy."""
        return self.at_end() < learns

    @property
    def short(self) -> PerSeed:
        """Test accuracy at S3's small T."""
        return np.array([_at_short(row) for row in self.rows])

    def steps_to(self, accuracy: float) -> PerSeed:
        """The first step at which the test accuracy is reached, between two marks in proportion.

        Returns:
            (seeds,) float64; infinite where it never is.
        """
        return np.array([first_step(_result(row), accuracy) for row in self.rows])


class Grid:
    """Settings by network, optimizer, rate and threshold.

    Args:
        records: of the part "by norm".
    """

    def __init__(self, records: Records) -> None:
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in records:
            place = tuple(row.cell[name] for name in ("model", "optimizer", "lr", "max_norm"))
            found.setdefault(place, []).append(row)
        self._settings = {place: Setting.of(rows) for place, rows in found.items()}

    def at(self, model: str, optimizer: str, lr: float, max_norm: float | None) -> Setting:
        """One setting; without rows where it was not run."""
        return self._settings.get((model, optimizer, lr, max_norm), Setting(()))

    def rates(self, model: str, optimizer: str = "momentum") -> list[float]:
        """Those that were run, ascending."""
        return sorted({lr for m, o, lr, _ in self._settings if (m, o) == (model, optimizer)})

    def best(self, model: str, max_norm: float | None, optimizer: str = "momentum") -> float:
        """The rate with the greatest mean accuracy on the validation pictures."""

        def mean(lr: float) -> float:
            accuracies = self.at(model, optimizer, lr, max_norm).at_end("validation_accuracy")
            return float(accuracies.mean()) if len(accuracies) else -inf

        return max(self.rates(model, optimizer), key=mean)


def _result(row: Row) -> Mapping[str, Any]:
    assert row.result is not None
    return row.result


def _or_chance(accuracy: float | None) -> float:
    return CHANCE if accuracy is None else accuracy


def short_steps(cell: Mapping[str, Any]) -> int:
    """S3's small T, in steps of a cell's run: a half of AlexNet's, a fifth of the others'."""
    share = SHORT.get(cell["model"].split(",")[0], 0.2)
    return round(int(cell["steps"]) * share)


def _at_short(row: Row) -> float:
    curve = dict(zip(_result(row)["steps"], _result(row)["test"], strict=True))
    return _or_chance(curve.get(short_steps(row.cell)))


def first_step(result: Mapping[str, Any], accuracy: float) -> float:
    """The first step at which a test accuracy is reached, between two marks in proportion.

    Returns:
        Infinite where it never is.
    """
    steps: Sequence[float] = [0, *result["steps"]]
    test: Sequence[float] = [CHANCE, *result["test"]]
    for k, reached in enumerate(test):
        if reached >= accuracy:
            if k == 0:
                return 0.0
            share = (accuracy - test[k - 1]) / (reached - test[k - 1])
            return steps[k - 1] + share * (steps[k] - steps[k - 1])
    return inf
