"""The questions that each run of the experiment asks one trained network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradlab import prune, training
from gradlab.course import data, device, models
from gradlab.course.data import ImageData
from gradlab.prune.ranking import Ranking

AMOUNTS = (0.0, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Shares of the weights that go, in the curves."""

LARGEST = "largest first"
"""S1's listing as an importance: magnitude the wrong way round."""

GRADUAL = "magnitude, gradually"
"""Cubic, over the first half of the epoch, and trained on for the second half."""

CHANNEL_AMOUNTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)
"""Shares of the weights, or of each layer's channels, that go where time is measured."""

IMPORTANCES = (*prune.IMPORTANCES, LARGEST)
PRINTED_THRESHOLD = 1e-3  # in S1's listing
MASKED = 0.9  # sparsity of the network whose training steps are timed

_SCORED_ON = 16  # batches
_MEASURED_ON = 1000  # images of each split
_ROUNDS = 30  # of a stopwatch


@dataclass(frozen=True, eq=False)
class Trained:
    """The network of one seed, and the images that it has seen, and has not."""

    model: nn.Module
    photographs: ImageData
    seen: ImageData
    unseen: ImageData
    batch_size: int
    seed: int

    def batches(self, steps: int, stream: int) -> Iterator[tuple[Tensor, Tensor]]:
        where = next(self.model.parameters()).device
        seed = 1000 * stream + self.seed
        return self.photographs.batches(self.batch_size, seed=seed, steps=steps, device=where)

    def train_(self, model: nn.Module, steps: int, stream: int) -> Iterator[int]:
        """Train ``model``, and say after each step how many there were."""
        optimizer = torch.optim.Adam(model.parameters())
        for step in training.steps(model, optimizer, self.batches(steps, stream)):
            yield step.number + 1

    def accuracies(self, model: nn.Module) -> dict[str, float]:
        return {
            "train": self.seen.accuracy(model, batch_size=250),
            "test": self.unseen.accuracy(model, batch_size=250),
        }

    def ranking(self, importance: str) -> Ranking:
        if importance == LARGEST:
            return prune.rank(prune.score(self.model).reversed())
        batches = self.batches(_SCORED_ON, stream=1)
        return prune.rank(prune.score(self.model, importance, batches, seed=self.seed))


@lru_cache(maxsize=1)  # the cells of one seed follow one another
def trained(seed: int, name: str, width: int, batch_size: int, steps: int) -> Trained:
    photographs, unseen = data.load(name, "train"), data.load(name, "test")
    device.seed(seed)
    model = channels_last(models.pruning_cnn(width).to(device.best()))
    found = Trained(model, photographs, _thin(photographs), _thin(unseen), batch_size, seed)
    for _ in found.train_(model, steps, stream=0):
        pass
    return found


def channels_last(model: nn.Module) -> nn.Module:
    """The model with its channels last in memory: on a CPU, a pass takes half the time."""
    return model.to(memory_format=torch.channels_last)


def _thin(images: ImageData) -> ImageData:
    """Every n-th image, about a thousand, so that both splits are measured equally well."""
    every = max(len(images) // _MEASURED_ON, 1)
    return replace(images, images=images.images[::every], labels=images.labels[::every])


def _one_shot(trained: Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    ranking = trained.ranking(cell["importance"])
    cuts = [ranking.cut(a, per_layer=cell["scope"] == "per layer") for a in AMOUNTS]
    found = []
    for cut in cuts:
        with _masked(trained.model, cut.masks()):
            found.append(trained.accuracies(trained.model))
    zeros = [cut.zeros.tolist() for cut in cuts]
    return _lists(found) | {"zeros": zeros, "sizes": cuts[0].sizes, "layers": ranking.layers}


def _tuned(trained: Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    gradual = cell["importance"] == GRADUAL
    ranking = trained.ranking("magnitude" if gradual else cell["importance"])
    steps = cell["tuning_steps"]
    found = []
    for amount in AMOUNTS:
        model = deepcopy(trained.model)
        schedule = prune.Schedule(amount, first=1, last=steps // 2)
        if not gradual:
            prune.apply_(model, ranking.cut(amount))
        for step in trained.train_(model, steps, stream=2):
            if gradual and (share := schedule(step)) is not None:
                prune.prune_to_(model, share)
        found.append(trained.accuracies(model))
    return _lists(found)


def _alone(trained: Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    ranking = trained.ranking(cell["importance"])
    found: dict[str, list[float]] = {layer: [] for layer in ranking.layers}
    for amount in AMOUNTS:
        for layer, mask in ranking.cut(amount, per_layer=True).masks().items():
            with _masked(trained.model, {layer: mask}):
                found[layer].append(trained.unseen.accuracy(trained.model, batch_size=250))
    return {"layers": ranking.layers, "test": list(found.values())}


def _printed(trained: Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter above the threshold becomes zero, biases too."""
    model = deepcopy(trained.model)
    gone = total = 0
    with torch.no_grad():
        for parameter in model.parameters():
            above = parameter.abs() > PRINTED_THRESHOLD
            parameter[above] = 0
            gone, total = gone + int(above.sum()), total + above.numel()
    return {"share": gone / total} | trained.accuracies(model)


def _steps(trained: Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Milliseconds of training steps, in rounds: one of each kind, beside one another."""
    dense, masked, half = (deepcopy(trained.model) for _ in range(3))
    ranking = trained.ranking("gradient")
    for model in (masked, half):
        prune.apply_(model, ranking.cut(MASKED))
    tries = {"dense": (dense, False), "masked": (masked, False), "masked, half": (half, True)}
    optimizers = {name: torch.optim.Adam(model.parameters()) for name, (model, _) in tries.items()}
    taken: dict[str, list[float]] = {name: [] for name in tries}
    for batch in trained.batches(_ROUNDS + 3, stream=3):
        for name, (model, is_half) in tries.items():
            taken[name].append(_milliseconds(model, optimizers[name], batch, is_half))
    return {name: times[3:] for name, times in taken.items()}  # the first ones warm up


def _milliseconds(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor], half: bool
) -> float:
    """What one training step takes, in bfloat16 where torch's autocast would use it."""
    images, labels = batch
    start = perf_counter()
    optimizer.zero_grad()
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    if images.is_cuda:
        torch.cuda.synchronize()
    return 1000 * (perf_counter() - start)


def _speed(trained: Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Beside the dense network: size, time of a pass, and accuracy after one more epoch."""
    model, ranking = trained.model, trained.ranking("magnitude")
    images, _ = next(trained.batches(1, stream=3))
    found = []
    for amount in CHANNEL_AMOUNTS:
        masked = deepcopy(model)
        prune.apply_(masked, ranking.cut(amount))
        networks = {
            "zeros": masked,
            "channels": channels_last(prune.remove_channels(model, amount, images)),
        }
        for network in networks.values():
            for _ in trained.train_(network, cell["tuning_steps"], stream=2):
                pass
        prune.make_permanent_(masked)  # nothing but zeros in the weights: their best case
        networks["dense"] = model
        times = prune.latency(networks, images, repeats=2 * _ROUNDS)
        row: dict[str, float] = {}
        for name, network in networks.items():
            cost = prune.cost(network, images)
            row[f"{name} bytes"], row[f"{name} macs"] = cost.bytes, cost.macs
            row[f"{name} ms"] = 1000 * times[name].median
            # round by round, so that other work on the machine hits both alike
            row[f"{name} time"] = float(np.median(times[name].seconds / times["dense"].seconds))
            row[f"{name} test"] = trained.accuracies(network)["test"]
        found.append(row)
    return _lists(found)


@contextmanager
def _masked(model: nn.Module, masks: Mapping[str, Tensor]) -> Iterator[None]:
    prune.apply_(model, masks)
    yield
    prune.restore_(model)


def _lists(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


QUESTIONS: dict[str, Callable[[Trained, Mapping[str, Any]], dict[str, Any]]] = {
    "one shot": _one_shot,
    "tuned": _tuned,
    "alone": _alone,
    "printed": _printed,
    "steps": _steps,
    "speed": _speed,
}
