"""Which weights can go? Every criterion, every sparsity, before and after going on with training.

For each seed S1's network is trained as long as S1 trains it. Each cell then asks it one thing:

- ``"one shot"``: accuracy at every amount, pruned by one criterion, at once;
- ``"tuned"``: the same after one more epoch of training; for magnitude, also a little at a time;
- ``"alone"``: accuracy with one layer pruned and the others left;
- ``"printed"``: what S1's listing does, to the letter;
- ``"steps"``: what a training step costs with masks, and in half precision;
- ``"speed"``: size, time and accuracy with weights set to zero, and with channels taken out.
"""

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

from gradlab import data, device, models, prune, train
from gradlab.data import ImageData
from gradlab.sweep import Experiment

AMOUNTS = (0.0, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Shares of the weights that go, in the curves."""

LARGEST = "largest first"
"""S1's listing as a criterion: magnitude the wrong way round."""

GRADUAL = "magnitude, gradually"
"""Cubic, over the first half of the epoch, and trained on for the second half."""

CHANNEL_AMOUNTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)
"""Shares of the weights, or of each layer's channels, that go where time is measured."""

CRITERIA = (*prune.CRITERIA, LARGEST)
PRINTED_THRESHOLD = 1e-3  # in S1's listing
MASKED = 0.9  # sparsity of the network whose training steps are timed

_SCORED_ON = 16  # batches
_MEASURED_ON = 1000  # images of each split
_ROUNDS = 30  # of a stopwatch


def cells(budget: str) -> list[dict[str, Any]]:
    """The runs: for each seed, every question.

    Args:
        budget: "ci", "cpu" or "gpu". With "gpu" it is CIFAR-10, where it is on disk.
    """
    seeds, steps, tuning_steps = (1, 40, 8) if budget == "ci" else (5, 625, 62)  # 10 epochs, and 1
    name = "patches"
    if budget == "gpu" and any(s.name == "cifar10" and s.present for s in data.available()):
        name, steps, tuning_steps = "cifar10", 7812, 781
    common = {"data": name, "width": device.budget(budget).width, "batch_size": 64}
    common |= {"steps": steps, "tuning_steps": tuning_steps}
    one_shot = [
        {"part": "one shot", "criterion": criterion, "scope": scope}
        for criterion in CRITERIA
        for scope in ("global", "per layer")
    ]
    tuned = [{"part": "tuned", "criterion": criterion} for criterion in (*prune.CRITERIA, GRADUAL)]
    alone = [{"part": "alone", "criterion": c} for c in ("magnitude", "gradient")]
    others = [{"part": part} for part in ("printed", "steps", "speed")]
    questions = [*one_shot, *tuned, *alone, *others]
    return [{"seed": seed} | common | asked for seed in range(seeds) for asked in questions]


def measure(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What one cell measured: numbers, or lists with a value for each amount.

    Args:
        cell: one of ``cells``.
    """
    names = ("seed", "data", "width", "batch_size", "steps")
    trained = _trained(*(cell[name] for name in names))
    return _PARTS[cell["part"]](trained, cell)


@dataclass(frozen=True, eq=False)
class _Trained:
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
        for step in train.steps(model, optimizer, self.batches(steps, stream)):
            yield step.number + 1

    def accuracies(self, model: nn.Module) -> dict[str, float]:
        return {
            "train": train.accuracy(model, self.seen, batch_size=250),
            "test": train.accuracy(model, self.unseen, batch_size=250),
        }

    def ranking(self, criterion: str) -> prune.Ranking:
        if criterion == LARGEST:
            return prune.rank(prune.score(self.model).reversed())
        batches = self.batches(_SCORED_ON, stream=1)
        return prune.rank(prune.score(self.model, criterion, batches, seed=self.seed))


@lru_cache(maxsize=1)  # the cells of one seed follow one another
def _trained(seed: int, name: str, width: int, batch_size: int, steps: int) -> _Trained:
    photographs, unseen = data.load(name, "train"), data.load(name, "test")
    device.seed(seed)
    model = _fast(models.pruning_cnn(width).to(device.best()))
    found = _Trained(model, photographs, _thin(photographs), _thin(unseen), batch_size, seed)
    for _ in found.train_(model, steps, stream=0):
        pass
    return found


def _fast(model: nn.Module) -> nn.Module:
    """The model with its channels last in memory: on a CPU, a pass takes half the time."""
    return model.to(memory_format=torch.channels_last)


def _thin(images: ImageData) -> ImageData:
    """Every n-th image, about a thousand, so that both splits are measured equally well."""
    every = max(len(images) // _MEASURED_ON, 1)
    return replace(images, images=images.images[::every], labels=images.labels[::every])


def _one_shot(trained: _Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    ranking = trained.ranking(cell["criterion"])
    cuts = [ranking.at(a, per_layer=cell["scope"] == "per layer") for a in AMOUNTS]
    found = []
    for cut in cuts:
        with _masked(trained.model, cut.masks()):
            found.append(trained.accuracies(trained.model))
    zeros = [cut.zeros.tolist() for cut in cuts]
    return _lists(found) | {"zeros": zeros, "sizes": cuts[0].sizes, "layers": ranking.layers}


def _tuned(trained: _Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    gradual = cell["criterion"] == GRADUAL
    ranking = trained.ranking("magnitude" if gradual else cell["criterion"])
    steps = cell["tuning_steps"]
    found = []
    for amount in AMOUNTS:
        model = deepcopy(trained.model)
        schedule = prune.Schedule(amount, first=1, last=steps // 2)
        if not gradual:
            prune.apply_(model, ranking.at(amount))
        for step in trained.train_(model, steps, stream=2):
            if gradual and (share := schedule(step)) is not None:
                prune.prune_to_(model, share)
        found.append(trained.accuracies(model))
    return _lists(found)


def _alone(trained: _Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    ranking = trained.ranking(cell["criterion"])
    found: dict[str, list[float]] = {layer: [] for layer in ranking.layers}
    for amount in AMOUNTS:
        for layer, mask in ranking.at(amount, per_layer=True).masks().items():
            with _masked(trained.model, {layer: mask}):
                found[layer].append(train.accuracy(trained.model, trained.unseen, batch_size=250))
    return {"layers": ranking.layers, "test": list(found.values())}


def _printed(trained: _Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter above the threshold becomes zero, biases too."""
    model = deepcopy(trained.model)
    gone = total = 0
    with torch.no_grad():
        for parameter in model.parameters():
            above = parameter.abs() > PRINTED_THRESHOLD
            parameter[above] = 0
            gone, total = gone + int(above.sum()), total + above.numel()
    return {"share": gone / total} | trained.accuracies(model)


def _steps(trained: _Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Milliseconds of training steps, in rounds: one of each kind, beside one another."""
    dense, masked, half = (deepcopy(trained.model) for _ in range(3))
    ranking = trained.ranking("gradient")
    for model in (masked, half):
        prune.apply_(model, ranking.at(MASKED))
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


def _speed(trained: _Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Beside the dense network: size, time of a pass, and accuracy after one more epoch."""
    model, ranking = trained.model, trained.ranking("magnitude")
    images, _ = next(trained.batches(1, stream=3))
    found = []
    for amount in CHANNEL_AMOUNTS:
        masked = deepcopy(model)
        prune.apply_(masked, ranking.at(amount))
        networks = {"zeros": masked, "channels": _fast(prune.narrow(model, amount, images))}
        for network in networks.values():
            for _ in trained.train_(network, cell["tuning_steps"], stream=2):
                pass
        prune.bake_(masked)  # nothing but zeros in the weights: their best case
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


_PARTS: dict[str, Callable[[_Trained, Mapping[str, Any]], dict[str, Any]]] = {
    "one shot": _one_shot,
    "tuned": _tuned,
    "alone": _alone,
    "printed": _printed,
    "steps": _steps,
    "speed": _speed,
}

PRUNING = Experiment(
    "pruning",
    "Which weights can go: by criterion, sparsity and layer, and what it saves",
    cells,
    measure,
)
