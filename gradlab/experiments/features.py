"""Short feature vectors of digits: which map, to how many numbers, and what a classifier loses.

Each seed takes its own three quarters of the training digits. On these it trains a small network,
whose feature maps are one kind of feature vector; the pixels are the other. Both are 784 numbers
long. A map shortens them to k numbers, softmax regression is trained on those, and the test digits
are counted that it names rightly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradlab import compress, data, device, models, train
from gradlab.arguments import one_of
from gradlab.sweep import Experiment

FULL = 784
LENGTHS = (2, 4, 8, 16, 32, 64, 128, 256)
TIMED_LENGTHS, MAP_LENGTHS = (8, 64), (2, 8, 32)
LINEAR = ("pca", "random", "linear")
SEEDS = {"ci": range(1), "cpu": range(1, 6), "gpu": range(1, 11)}
_FEW = {("none", FULL, False), ("pca", 8, False), ("relu", 8, False), ("random", 64, True)}


@dataclass(frozen=True, eq=False)
class Vectors:
    """Feature vectors with their labels, and the digits that they were made of."""

    train: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor


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
    vectors = _vectors(cell["data"], cell["features"], cell["unit"], cell["seed"])
    shorten, map_parameters = _fit(cell, vectors)
    short, short_test = shorten(vectors.train), shorten(vectors.test)
    classifier = compress.classifier(short, vectors.labels)
    result = {
        "accuracy": compress.accuracy(classifier, short_test, vectors.test_labels),
        "train_accuracy": compress.accuracy(classifier, short, vectors.labels),
        "explained": compress.explained(short, vectors.train) if cell["k"] < FULL else 1.0,
        "map_parameters": map_parameters,
        "classifier_parameters": classifier.parameters,
    }
    result = {name: round(value, 4) for name, value in result.items()}
    return result | (_timed(cell, vectors) if cell["timed"] else {})


def _fit(cell: dict[str, Any], vectors: Vectors) -> tuple[Callable[[Tensor], Tensor], int]:
    """The map of a cell, from all of its numbers to k, and how many parameters it has."""
    kind, k, seed = cell["map"], cell["k"], cell["seed"]
    if kind == "none":
        return nn.Identity(), 0
    if kind == "random":
        random = compress.random_projection(vectors.train.shape[1], k, seed=seed)
        return random, random.weight.numel()
    if kind == "pca":
        first = _pca(cell["data"], cell["features"], cell["unit"], cell["seed"]).projection(k)
        return first, first.parameters
    learned = compress.bottleneck(vectors.train, vectors.labels, k, kind=kind, seed=seed)
    return learned, sum(p.numel() for p in learned.parameters())


def _timed(cell: dict[str, Any], vectors: Vectors) -> dict[str, float]:
    ratios = []
    for _ in range(3):
        _pca.cache_clear()  # its making is a part of what it costs
        marks = [time.perf_counter()]
        compress.classifier(vectors.train, vectors.labels)
        marks.append(time.perf_counter())
        short = _fit(cell, vectors)[0](vectors.train)
        marks.append(time.perf_counter())
        compress.classifier(short, vectors.labels)
        marks.append(time.perf_counter())
        full, making, reading = np.diff(marks)
        ratios.append((reading / full, (making + reading) / full))
    classifier_time, whole_time = np.median(ratios, axis=0)
    return {
        "classifier_time": round(float(classifier_time), 4),
        "whole_time": round(float(whole_time), 4),
    }


@lru_cache(maxsize=1)
def _vectors(source: str, kind: str, unit: bool, seed: int) -> Vectors:
    digits, test = _split(source, seed)
    if kind == "network":
        network = _network(source, seed)
        long, long_test = (compress.features(network, part) for part in (digits, test))
    else:
        long, long_test = (part.images.flatten(1) for part in (digits, test))
    if unit:
        long, long_test = compress.unit_length(long), compress.unit_length(long_test)
    return Vectors(long, digits.labels, long_test, test.labels)


@lru_cache(maxsize=1)
def _pca(source: str, kind: str, unit: bool, seed: int) -> compress.PCA:
    return compress.PCA.fit(_vectors(source, kind, unit, seed).train)


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
    for _ in train.steps(network, optimizer, batches):
        pass
    return network


FEATURES = Experiment(
    "features",
    "Feature vectors of digits, shortened to k numbers and classified.",
    _cells,
    _measure,
)
