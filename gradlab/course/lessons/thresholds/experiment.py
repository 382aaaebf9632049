"""Which threshold, and for how many steps: S3's grid, with the learning rate as an axis.

- ``"by norm"``: every threshold at every rate. Under momentum AlexNet, and VGG and ResNet with and
  without batch normalisation; under RMSProp AlexNet; under Adam, under AdamW, and under momentum
  with warm-up VGG;
- ``"by value"``: S4's own network and rule, with three optimizers;
- ``"vanishing"``: twenty layers whose gradient vanishes, clipped by value.

One run gives every number of steps T up to its own: accuracies are taken on the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from statistics import fmean, median
from typing import Any

import torch
from torch import nn

from gradlab import training
from gradlab.clip import NonFiniteGradient
from gradlab.clip.rule import EPS
from gradlab.course import data, device
from gradlab.course.lessons.thresholds.setups import MAPPED, Setup, setup
from gradlab.course.sweep import Experiment

RATES: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Of SGD, with momentum or without."""

ADAPTIVE_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""Of RMSProp, Adam and AdamW."""

MAX_NORMS = (None, 100, 10, 1, 0.1)
CLIP_VALUES = (None, 0.1, 0.01, 0.001)
TINY_CLIP_VALUES = (None, 0.1, 1e-3, 1e-5, 1e-7)
MARKS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
"""When a run is measured, in shares of its steps."""

SHORT = {"AlexNet": 0.5}
"""S3's small T in shares of the large one; a fifth where no other is named."""


def cells(budget: str) -> list[dict[str, Any]]:
    """The runs, seed by seed.

    Args:
        budget: "ci", "cpu" or "gpu". With "gpu" it is CIFAR-10, where it is on disk, for as many
            steps as S3 says.
    """
    seeds = 1 if budget == "ci" else 5
    size = {"data": "patches", "width": 8, "batch_size": 32, "steps": 120}
    if budget == "ci":
        size |= {"width": 2, "batch_size": 16, "steps": 20}
    if budget == "gpu":
        size |= {"width": device.budget(budget).width, "batch_size": 128, "steps": 5000}
        if any(source.name == "cifar10" and source.present for source in data.available()):
            size["data"] = "cifar10"
    found: list[dict[str, Any]] = [
        {"seed": seed} | size | cell
        for seed in range(seeds)
        for cell in (*_by_norm(), *_by_value(), *_vanishing())
    ]
    if budget == "ci":
        return [cell for cell in found if cell["lr"] == 0.01 and "Net" not in cell["model"]]
    for cell in found:
        if budget == "gpu" and cell["model"].startswith("AlexNet"):
            cell["steps"] = 1000
    return found


def _by_norm() -> Iterator[dict[str, Any]]:
    mapped = [(model, "momentum", RATES) for model in MAPPED]
    mapped += [("AlexNet", "RMSProp", ADAPTIVE_RATES)]
    mapped += [("VGG", name, ADAPTIVE_RATES) for name in ("Adam", "AdamW")]
    mapped += [("VGG", "momentum, warm-up", RATES)]
    for model, optimizer, rates in mapped:
        for lr, max_norm in product(rates, MAX_NORMS):
            same = {"part": "by norm", "model": model, "optimizer": optimizer}
            yield same | {"lr": lr, "max_norm": max_norm}


def _by_value() -> Iterator[dict[str, Any]]:
    for optimizer in ("SGD", "RMSProp", "Adam"):
        rates = RATES if optimizer == "SGD" else ADAPTIVE_RATES
        for lr, clip_value in product(rates, CLIP_VALUES):
            same = {"part": "by value", "model": "S4's CNN", "optimizer": optimizer}
            yield same | {"lr": lr, "clip_value": clip_value}


def _vanishing() -> Iterator[dict[str, Any]]:
    """Where the rule fires at every element, the rate makes good what it takes away."""
    for clip_value in TINY_CLIP_VALUES:
        rates = RATES
        if clip_value is not None and clip_value < 0.1:
            rates = tuple(step / clip_value for step in (3e-4, 1e-3, 3e-3))
        for lr in rates:
            same = {"part": "vanishing", "model": "20 layers", "optimizer": "SGD"}
            yield same | {"lr": lr, "clip_value": clip_value}


def measure(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What one run came to.

    Args:
        cell: one of ``cells``.

    Returns:
        Lists, with a value for each of ``steps``: ``test``, the accuracy then; ``loss``, the mean
        of the batches' since the value before; ``norm``, the median of the gradient's. Numbers:
        ``accuracy``, ``train_accuracy`` and ``validation_accuracy`` at the end, None if it
        diverged; ``clipped``, the share of steps; ``largest``, of the norms; ``distance``, from
        first to last weights; ``diverged``, the step whose gradient was not finite, or None.

    Note:
        A threshold that the unclipped run never passes leaves that run as it is, bit for bit. It is
        not made again.
    """
    free = _unclipped(*sorted({**cell, "max_norm": None}.items()))
    if (max_norm := cell.get("max_norm")) is None:
        return free
    passed = free["diverged"] is not None or free["largest"] + EPS > max_norm
    return _measured(cell) if passed else free


@lru_cache(maxsize=1)  # it stands before the others of its rate
def _unclipped(*cell: tuple[str, Any]) -> dict[str, Any]:
    return _measured(dict(cell))


def _measured(cell: Mapping[str, Any]) -> dict[str, Any]:
    run = Run(cell)
    marks = list(run.marks())
    curves = {name: [mark[name] for mark in marks] for name in ("steps", "test", "loss", "norm")}
    return curves | run.result()


class Run:
    """One training run, measured on its way.

    Args:
        cell: one of ``cells``.
        marks: when it is measured, in shares of its steps.
    """

    def __init__(self, cell: Mapping[str, Any], marks: Iterable[float] = MARKS) -> None:
        self._setup: Setup = setup(cell)
        self._measured_at = {max(1, round(share * cell["steps"])) for share in marks}
        self._first = [one.detach().clone() for one in self._setup.model.parameters()]
        self.taken = 0
        self.clipped = 0
        self.largest = 0.0
        self.diverged: int | None = None

    @property
    def model(self) -> nn.Module:
        """What is trained."""
        return self._setup.model

    def marks(self) -> Iterator[dict[str, float]]:
        """Train, and say how far it has come at the steps where that is measured."""
        it, losses, norms = self._setup, [], []
        steps = training.steps(it.model, it.optimizer, it.batches, clip=it.clip)
        try:
            for step in steps:
                assert step.clipped is not None
                it.schedule.step()
                self.taken += 1
                self.clipped += bool(step.clipped.fired)
                losses.append(float(step.loss))
                norms.append(float(step.clipped.total_norm))
                self.largest = max(self.largest, norms[-1])
                if self.taken in self._measured_at:
                    yield {
                        "steps": self.taken,
                        "test": it.pictures.test.accuracy(it.model),
                        "loss": rounded(fmean(losses)),
                        "norm": rounded(median(norms)),
                    }
                    losses.clear()
                    norms.clear()
        except NonFiniteGradient:
            self.diverged = self.taken

    def result(self) -> dict[str, Any]:
        """What it came to in the end."""
        model, seen = self._setup.model, self._setup.pictures
        measured = {
            "accuracy": seen.test,
            "train_accuracy": seen.seen,
            "validation_accuracy": seen.validation,
        }
        lost = self.diverged is not None
        return {
            **{name: None if lost else part.accuracy(model) for name, part in measured.items()},
            "clipped": rounded(self.clipped / max(self.taken, 1)),
            "largest": self.largest,
            "distance": None if lost else rounded(self._distance()),
            "diverged": self.diverged,
        }

    def _distance(self) -> float:
        pairs = zip(self._setup.model.parameters(), self._first, strict=True)
        with torch.no_grad():
            squares = [float((now - then).double().square().sum()) for now, then in pairs]
        return math.sqrt(sum(squares))


def rounded(value: float) -> float:
    """To four significant digits, as it is recorded."""
    return float(f"{value:.4g}")


EXPERIMENT = Experiment(
    "thresholds",
    "Which threshold, at which learning rate, for how many steps: three networks, six optimizers",
    cells,
    measure,
)
