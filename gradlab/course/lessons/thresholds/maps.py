"""The map of this lesson: every rate and every threshold, for each network and optimizer."""

from __future__ import annotations

from math import isfinite

from gradlab.arguments import one_of
from gradlab.course import grids
from gradlab.course.grids.controls import GridPanel
from gradlab.course.grids.grid import Quantity
from gradlab.course.lessons.thresholds.claims import HALFWAY
from gradlab.course.lessons.thresholds.live import train
from gradlab.course.lessons.thresholds.settings import first_step, short_steps
from gradlab.course.sweep.records import Records, Row

CURVES = {"test accuracy": "test", "loss": "loss", "norm of the gradient": "norm"}
NAMES = {
    "lr": "learning rate η",
    "max_norm": "threshold λ",
    "model": "network",
    "optimizer": "optimizer",
}


def _at_short(row: Row) -> float | None:
    return grids.after("test", short_steps(row.cell))(row)


def _gap(row: Row) -> float | None:
    found = row.result or {}
    seen, unseen = found.get("train_accuracy"), found.get("accuracy")
    return None if seen is None or unseen is None else seen - unseen


def _halfway(row: Row) -> float | None:
    step = first_step(row.result, HALFWAY) if row.result else None
    return step if step is not None and isfinite(step) else None


LARGE_T = "test accuracy, large T"
QUANTITIES: dict[str, Quantity] = {
    LARGE_T: "accuracy",
    "test accuracy, small T": _at_short,
    "gap, train − test": _gap,
    f"steps to {HALFWAY:.0%} test accuracy": _halfway,
    "share of the steps clipped": "clipped",
    "distance from the first weights": "distance",
}
"""What may be mapped."""


def map_panel(records: Records, *, of: str = LARGE_T, **start: object) -> GridPanel:
    """A panel that slides rate and threshold over the recorded grid, and trains the marked cell.

    Mapped is the test accuracy, after S3's large number of steps T or its small one; the gap
    between train and test accuracy; the steps to 50 % test accuracy; the share of the steps that
    were clipped; or the distance from the first weights to the last.

    Args:
        records: of the experiment "thresholds": ``sweep.recorded("thresholds")``.
        of: what is mapped at first.
        start: where to begin, such as ``model="VGG", optimizer="Adam", lr=0.001, max_norm=None``.

    Raises:
        ValueError: ``records`` has no runs of this part, ``of`` is nothing that is mapped, or there
            is no such place to start.

    Note:
        The maps are of small networks, 120 steps on patches of ten photographs. What carries over
        is their shape, not where on the axes it stands. Norms are medians over the steps between
        two points: a single large gradient is not seen in them.
    """
    one_of("of", of, QUANTITIES)
    return grids.panel(
        records.where(part="by norm"),
        "lr",
        "max_norm",
        choices=("model", "optimizer"),
        value={of: QUANTITIES[of]} | QUANTITIES,
        curves=CURVES,
        names=NAMES,
        start=start,
        live=train,
    )
