"""One reader, trained as a cell says, a point at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, Optimizer

from gradlab import training
from gradlab.clip import ByNorm, ByValue, Rule
from gradlab.course.lessons.scenes.readers import TASKS, judge, loss
from gradlab.training.loop import Batch, Step

Cell = Mapping[str, Any]

WARM_UP = 100
"""Steps over which a rate that is warmed up grows to what it is."""
TINY = 1e-3
"""A bound that a gradient always exceeds: clipped to it, all steps are of one length."""
EARLY = 20
"""Steps that are early, where it is asked what they leave in Adam's second moment."""
_POINTS, _GLANCE = 10, 100  # of a run, and scenes looked at for each


@dataclass
class Tally:
    """What has happened so far, a number a step.

    Args:
        losses: of the batch, before the step.
        norms: of the whole gradient, before clipping.
        fired: whether it was clipped.
        moments: the sum of Adam's second moment after ``EARLY`` steps, and now; else empty.
    """

    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    fired: list[bool] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)


def points(cell: Cell, model: nn.Module, tally: Tally | None = None) -> Iterator[dict[str, float]]:
    """Train a reader, and yield a point each time it was looked at.

    Args:
        cell: ``task``, ``optimizer``, ``lr``, ``rule``, ``bound``, ``warm_up``, ``steps``,
            ``batch_size`` and ``seed``. The rule ``"normalised"`` gives every step the length
            ``lr``; otherwise a ``bound`` of None is no clipping.
        model: of the cell's task; trained in place.
        tally: filled on the way.

    Yields:
        The ``step``; ``accuracy_curve`` on the validation split; ``norm_curve``, the largest norm
        since the last point.

    Raises:
        NonFiniteGradient: it diverged.
    """
    tally = tally or Tally()
    optimizer = _optimizer(cell, model)
    every = max(1, cell["steps"] // _POINTS)
    for step in taken(cell, model, optimizer):
        assert step.clipped is not None
        tally.losses.append(float(step.loss))
        tally.norms.append(float(step.clipped.total_norm))
        tally.fired.append(bool(step.clipped.fired))
        if isinstance(optimizer, Adam) and step.number >= EARLY - 1:
            tally.moments[1:] = [_second_moment(optimizer)]
        if (step.number + 1) % every == 0:
            glance = judge(model, cell["task"], "validation", scenes=_GLANCE)
            yield {
                "step": step.number + 1,
                "accuracy_curve": glance.accuracy,
                "norm_curve": float(f"{max(tally.norms[-every:]):.3g}"),
            }


def taken(cell: Cell, model: nn.Module, optimizer: Optimizer | None = None) -> Iterator[Step]:
    """The steps of a cell's run, each as it is taken; arguments and errors as of ``points``."""
    optimizer = optimizer or _optimizer(cell, model)
    batches: Iterable[Batch] = TASKS[cell["task"]]("train").batches(
        cell["batch_size"], seed=cell["seed"], steps=cell["steps"]
    )
    if cell["warm_up"]:
        batches = _warming(batches, optimizer)
    return training.steps(model, optimizer, batches, clip=_rule(cell), loss=loss(cell["task"]))


def _optimizer(cell: Cell, model: nn.Module) -> Optimizer:
    if cell["optimizer"] == "Adam":
        return Adam(model.parameters(), lr=cell["lr"])
    rate = cell["lr"] / (TINY if cell["rule"] == "normalised" else 1)
    return SGD(model.parameters(), lr=rate, momentum=0.9)


def _rule(cell: Cell) -> Rule:
    if cell["rule"] == "normalised":
        return ByNorm(TINY)
    if cell["bound"] is None:
        return ByNorm(inf)
    return ByValue(cell["bound"]) if cell["rule"] == "by value" else ByNorm(cell["bound"])


def _warming(batches: Iterable[Batch], optimizer: Optimizer) -> Iterator[Batch]:
    """The batches; before each, the rate grows in a straight line."""
    rate = optimizer.param_groups[0]["lr"]
    for number, batch in enumerate(batches, 1):
        optimizer.param_groups[0]["lr"] = rate * min(1.0, number / WARM_UP)
        yield batch


def _second_moment(optimizer: Adam) -> float:
    return sum(float(state["exp_avg_sq"].sum()) for state in optimizer.state.values())
