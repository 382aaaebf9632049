"""Three tasks, five readers: who needs clipping, at which rate, and what else would have helped.

- ``"grid"``: SGD with momentum, every reader at every rate, unclipped and clipped;
- ``"small"``: unclipped at a smaller rate still;
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

from gradlab.clip import NonFiniteGradient
from gradlab.course.lessons.scenes.readers import MODELS, TASKS, Read, judge, network
from gradlab.course.lessons.scenes.running import EARLY, Tally, points
from gradlab.course.sweep import Experiment

READERS = ("RNN", "CRNN", "Transformer, pre-norm", "Transformer, post-norm")
RATES = (0.01, 0.03, 0.1)
SMALL_RATE = 0.003
VALUES = (0.1, 0.01)
"""The bounds by value; the first is S4's."""
_CLIPS = ((None, None), ("by norm", 1.0), *(("by value", bound) for bound in VALUES))
_BATCH = 16
_STEPS = {"order": 500, "strips": 400, "relations": 200}
_USUAL = {"optimizer": "SGD", "rule": None, "bound": None, "warm_up": False}
_BETA2 = 0.999  # torch's default


def _cells(budget: str) -> list[dict[str, Any]]:
    """For each seed, all parts."""
    seeds, shorter = {"ci": (1, 25), "cpu": (5, 1), "gpu": (10, 1)}[budget]
    found = []
    for seed in range(seeds):
        for asked in _asked():
            size = {"batch_size": _BATCH, "steps": _STEPS[asked["task"]] // shorter}
            found.append({"seed": seed} | size | _USUAL | asked)
    return found


def _asked() -> list[dict[str, Any]]:
    every = [(task, model) for task in TASKS for model in MODELS]
    common = [(task, model) for task, model in every if model in READERS]
    long = [(task, model) for task, model in common if task != "relations"]
    grid = [
        {"part": "grid", "task": task, "model": model, "lr": lr, "rule": rule, "bound": bound}
        for task, model in every
        for lr in RATES
        for rule, bound in _CLIPS
        if model in READERS or (rule != "by value" and task != "relations")
    ]
    small = [{"part": "small", "task": t, "model": m, "lr": SMALL_RATE} for t, m in long]
    warm = [
        {"part": "warm-up", "task": task, "model": model, "lr": lr, "warm_up": True}
        for task, model in long
        for lr in RATES[:2]
    ]
    normalised = [
        {"part": "normalised", "task": task, "model": model, "lr": lr, "rule": "normalised"}
        for task, model in long
        for lr in RATES[:2]
    ]
    adam = [
        {"part": "adam", "optimizer": "Adam", "task": task, "model": model, "lr": 0.003}
        | ({"rule": "by norm", "bound": bound} if bound else {})
        for task, model in long
        if model in ("RNN", "Transformer, post-norm")
        for bound in (None, 1.0, 0.01)
    ]
    return [*grid, *small, *warm, *normalised, *adam]


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
    tally, seen, diverged = Tally(), [], None
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
