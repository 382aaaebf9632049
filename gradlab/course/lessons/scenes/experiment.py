"""Three tasks, five readers: who needs clipping, at which rate, and what else would have helped.

- ``"grid"``: SGD with momentum, every reader at every rate, unclipped and clipped;
- ``"small"``: unclipped at a smaller rate still;
- ``"small, clipped"``: that rate clipped, for the RNN on order: was it only too slow?
- ``"warm-up"``: unclipped, with a rate that grows over the first 100 steps;
- ``"normalised"``: every step of one length, which is what clipping comes to that always fires;
- ``"adam"``: Adam, clipped to 1, to 0.01, and not.

All see fresh batches. Accuracy on the validation split chooses a rate; the test split is for what
is said of it in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from statistics import fmean, median
from typing import Any

from gradlab.arguments import one_of
from gradlab.clip import NonFiniteGradient
from gradlab.course.lessons.scenes.readers import TASKS, Read, judge, network
from gradlab.course.lessons.scenes.running import EARLY, Tally, points
from gradlab.course.sweep import Experiment

Cell = dict[str, Any]
SEEDS = {"ci": range(1), "cpu": range(5), "gpu": range(10)}
READERS = ("RNN", "CRNN", "pre-norm", "post-norm")
RATES, SMALL_RATE = (0.01, 0.03, 0.1), 0.003
CONTROL_RATES = {"order": 0.01, "strips": 0.03}
"""At which the other remedies are tried."""
VALUES = (0.1, 0.01)
"""The bounds by value; the first is S4's."""
_NONE: Cell = {"rule": None, "bound": None}
_BY_NORM: Cell = {"rule": "by norm", "bound": 1.0}
_BY_VALUE: tuple[Cell, ...] = tuple({"rule": "by value", "bound": bound} for bound in VALUES)
_USUAL: Cell = {"optimizer": "SGD", "warm_up": False, "batch_size": 16} | _NONE
_STEPS = {"order": 400, "strips": 400, "relations": 150}
_BETA2 = 0.999  # Adam's, as torch has it


def cell(task: str, model: str, *, seed: int, lr: float, **other: Any) -> Cell:
    """A run, as in the grid where ``other`` says nothing else.

    Raises:
        ValueError: there is no such task.
    """
    one_of("task", task, TASKS)
    asked = {"part": "grid", "task": task, "model": model, "lr": lr}
    return {"seed": seed} | _USUAL | {"steps": _STEPS[task]} | asked | other


def _cells(budget: str) -> list[Cell]:
    """For each seed, all parts."""
    one_of("budget", budget, SEEDS)
    shorter = 25 if budget == "ci" else 1
    return [
        {"seed": seed} | _USUAL | asked | {"steps": _STEPS[asked["task"]] // shorter}
        for seed in SEEDS[budget]
        for asked in [*_grid(), *_controls()]
    ]


def _grid() -> list[Cell]:
    """Every reader, rate and clip, but relations at fewer, and the LSTM for strips alone."""
    return [
        {"part": "grid", "task": task, "model": model, "lr": lr, **clip}
        for task in TASKS
        for model in (*READERS, *(["LSTM"] if task == "strips" else []))
        for lr in (RATES[1:] if task == "relations" else RATES)
        for clip in (_NONE, _BY_NORM, *(_BY_VALUE if model in READERS else ()))
        if not (task == "relations" and clip["bound"] == VALUES[-1])
    ]


def _controls() -> list[Cell]:
    found = []
    for task, lr in CONTROL_RATES.items():
        for model in READERS:
            same = {"task": task, "model": model}
            found.append({"part": "small", **same, "lr": SMALL_RATE})
            found.append({"part": "warm-up", **same, "lr": lr, "warm_up": True})
            found.append({"part": "normalised", **same, "lr": lr, "rule": "normalised"})
        for model in ("RNN", "post-norm"):
            adam = {"part": "adam", "optimizer": "Adam", "task": task, "model": model, "lr": 0.003}
            found += [adam | clip for clip in (_NONE, _BY_NORM, _BY_NORM | {"bound": 0.01})]
    slow = {"part": "small, clipped", "task": "order", "model": "RNN", "lr": SMALL_RATE}
    return [*found, slow | _BY_NORM]


def _measure(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What became of one reader.

    Returns:
        ``steps``, and curves at these: ``accuracy_curve`` on the validation split and
        ``norm_curve``. At the end: ``accuracy`` on the test split and ``validation``, both 0 where
        it diverged; ``diverged``, the step at which it did, or None; ``clipped``, the share of
        steps; ``first_loss`` and ``loss``, the mean of the last 20; ``empty``, the share of test
        strips on which it reads nothing. With Adam, ``early``: the share of the second moment at
        the end that the first 20 steps have left; and ``spike``: the largest norm in these, as a
        multiple of the median after them.
    """
    model = network(cell["task"], cell["model"], cell["seed"])
    tally, seen, diverged = Tally(), list[dict[str, float]](), None
    try:
        for point in points(cell, model, tally):
            seen.append(point)
    except NonFiniteGradient:
        diverged = len(tally.losses) + 1
    test, validation = (
        Read(0.0, 0.0) if diverged else judge(model, cell["task"], split)
        for split in ("test", "validation")
    )
    result = {
        "steps": [int(point["step"]) for point in seen],
        "accuracy_curve": [round(point["accuracy_curve"], 3) for point in seen],
        "norm_curve": [point["norm_curve"] for point in seen],
        "diverged": diverged,
        "accuracy": _short(test.accuracy),
        "validation": _short(validation.accuracy),
        "empty": _short(test.empty),
        "clipped": _short(fmean(tally.fired or [False])),
        "first_loss": _short(tally.losses[0]) if tally.losses else inf,
        "loss": inf if diverged else _short(fmean(tally.losses[-20:])),
    }
    return result | (_of_adam(tally) if len(tally.moments) > 1 else {})


def _of_adam(tally: Tally) -> dict[str, float]:
    first, last = tally.moments
    left = first * _BETA2 ** (len(tally.losses) - EARLY) / last
    later = median(tally.norms[EARLY:])
    return {"early": _short(left), "spike": _short(max(tally.norms[:EARLY]) / later)}


def _short(value: float) -> float:
    return float(f"{value:.3g}")


EXPERIMENT = Experiment(
    "scenes",
    "Who needs clipping to read a scene: RNN, CRNN and Transformer on three tasks",
    _cells,
    _measure,
)
