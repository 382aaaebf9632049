"""Short feature vectors of digits: which map, to how many numbers, and what a classifier loses.

Each seed takes its own three quarters of the training digits. On these it trains a small network,
whose feature maps are one kind of feature vector; the pixels are the other. Both are 784 numbers
long. A map shortens them to k numbers, softmax regression is trained on those, and the test digits
are counted that it names rightly.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from gradlab import training
from gradlab.arguments import one_of
from gradlab.course import data, device, models
from gradlab.course.lessons.features.lengths import LINEAR, shorten
from gradlab.course.lessons.features.vectors import Vectors
from gradlab.course.sweep import Experiment

FULL = 784
LENGTHS = (2, 4, 8, 16, 32, 64, 128, 256)
TIMED_LENGTHS, MAP_LENGTHS = (8, 64), (2, 8, 32)
SEEDS = {"ci": range(1), "cpu": range(1, 6), "gpu": range(1, 11)}
_FEW = {("none", FULL, False), ("pca", 8, False), ("relu", 8, False), ("random", 64, True)}


def _cells(budget: str) -> list[dict[str, Any]]:
    """The grid of a budget; cells that share a seed, and so a network, stand together."""
    one_of("budget", budget, SEEDS)
    source = "digits"
    if budget == "gpu" and any(s.present for s in data.available() if s.name == "mnist"):
        source = "mnist"
    found = []
    for seed in SEEDS[budget]:
        for kind in ("pixels", "network"):
            for unit in (False, True):
                same = {"data": source, "features": kind, "unit": unit, "seed": seed}
                found += [{**same, "map": name, "k": k, "timed": t} for name, k, t in _maps(same)]
    if budget != "ci":
        return found
    plain = [cell for cell in found if cell["features"] == "network" and not cell["unit"]]
    return [cell for cell in plain if (cell["map"], cell["k"], cell["timed"]) in _FEW]


def _maps(same: dict[str, Any]) -> list[tuple[str, int, bool]]:
    """Map, length, and whether it is timed against the classifier of all numbers."""
    maps = [("none", FULL, False), *((name, k, False) for name in LINEAR for k in LENGTHS)]
    if same["features"] == "network" and not same["unit"]:
        maps += [(name, k, False) for name in ("relu", "lstm") for k in MAP_LENGTHS]
        maps += [(name, k, True) for name in LINEAR for k in TIMED_LENGTHS]
    return maps


def _measure(cell: dict[str, Any]) -> dict[str, Any]:
    """Shorten, classify, count.

    Returns:
        ``accuracy`` and ``train_accuracy``; ``explained``, the share of the features' variance
        that a linear map gets back from the k numbers; ``parameters`` of the map and of the
        classifier. Where the cell is timed, also ``classifier_time`` and ``whole_time``: training
        the classifier of k numbers, without and with making the map, in units of training the
        classifier of all numbers; medians of three, measured in turn.
    """
    long = vectors(cell["data"], cell["features"], cell["unit"], cell["seed"])
    short = shorten(long, cell["map"], cell["k"], seed=cell["seed"])
    told = (
        "accuracy",
        "train_accuracy",
        "explained",
        "map_parameters",
        "classifier_parameters",
    )
    result = {name: round(getattr(short, name), 4) for name in told}
    return result | (_timed(cell, long) if cell["timed"] else {})


def _timed(cell: dict[str, Any], long: Vectors) -> dict[str, float]:
    ratios = []
    for _ in range(3):
        full = shorten(long, "none", FULL)
        short = shorten(long, cell["map"], cell["k"], seed=cell["seed"])
        seconds = np.array([short.classifier_seconds, short.classifier_seconds + short.map_seconds])
        ratios.append(seconds / full.classifier_seconds)
    classifier_time, whole_time = np.median(ratios, axis=0)
    return {
        "classifier_time": round(float(classifier_time), 4),
        "whole_time": round(float(whole_time), 4),
    }


@lru_cache(maxsize=1)
def vectors(source: str, kind: str, unit: bool, seed: int) -> Vectors:
    """The vectors that all cells share which differ only in map and length."""
    network = _network(source, seed) if kind == "network" else None
    found = Vectors.of(*_split(source, seed), network)
    return found.unit_length() if unit else found


@lru_cache(maxsize=1)
def _split(source: str, seed: int) -> tuple[data.ImageData, data.ImageData]:
    """Three quarters of the training digits, drawn by the seed, and all test digits."""
    digits, test = data.load(source), data.load(source, "test")
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(digits), generator=generator)[: 3 * len(digits) // 4]
    return replace(digits, images=digits.images[chosen], labels=digits.labels[chosen]), test


@lru_cache(maxsize=1)
def _network(source: str, seed: int) -> nn.Sequential:
    """The course's small network, trained for 150 steps on the seed's digits."""
    device.seed(seed)
    network = models.clipping_cnn(8, channels=1, size=28)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    batches = _split(source, seed)[0].batches(64, seed=seed, steps=150)
    for _ in training.steps(network, optimizer, batches):
        pass
    return network


EXPERIMENT = Experiment(
    "features",
    "Feature vectors of digits, shortened to k numbers and classified.",
    _cells,
    _measure,
)
