"""Sliding averages of the weights, flips and crops, each with clipping and without.

Every run of a seed starts from the same weights and sees the same pictures in the same order; only
what its cell names is different. A run without augmentation gives the averages of every decay.

The learning rates were chosen with seed 0, which is not among the seeds here: at 0.01 both networks
learn from the photographs without clipping, at 0.03 AlexNet does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gradlab import training
from gradlab.arguments import one_of
from gradlab.clip import ByNorm, NonFiniteGradient
from gradlab.course import data, device, models
from gradlab.course.data import ImageData
from gradlab.course.data.images import Augment
from gradlab.course.sweep import Experiment

DECAYS = (0.9, 0.95, 0.98, 0.99)
"""Of the averages, per step."""

SHOWN = 0.95
"""The decay whose average is measured on the way, and by which the claim is decided."""

SCHEDULES = ("constant", "cosine")
"""Of the learning rate: as it is, or along a cosine to zero."""

AUGMENTS = {"none": (0.0, 0), "flips": (0.5, 0), "crops": (0.0, 4)}
"""Probability of a flip, and padding of a crop in pixels."""

MAX_NORMS = (None, 1.0)

_POINTS = 5  # of a curve
_SIZES = {
    "ci": {"width": 2, "batch_size": 16, "steps": 12},
    "cpu": {"width": 8, "batch_size": 64, "steps": 320},
    "gpu": {"width": 64, "batch_size": 128, "steps": 8000},
}
_MODELS = {
    "AlexNet": lambda width: models.alexnet(width),
    "VGG": lambda width: models.vgg(11, width),
    "CNN": lambda width: models.clipping_cnn(width, channels=1, size=28),
}


def cells(budget: str) -> list[dict[str, Any]]:
    """The runs, seed by seed.

    Args:
        budget: "ci", "cpu" or "gpu". With "gpu" the photographs are CIFAR-10 and the digits MNIST,
            where they are on disk.

    Raises:
        ValueError: it is none of them.
    """
    one_of("budget", budget, _SIZES)
    seeds = (1,) if budget == "ci" else range(1, 6)
    photographs, digits = "patches", "digits"
    if budget == "gpu":
        present = {source.name for source in data.available() if source.present}
        photographs = "cifar10" if "cifar10" in present else photographs
        digits = "mnist" if "mnist" in present else digits
    averaged = [
        {"data": photographs, "model": model, "schedule": schedule, "augment": "none", "lr": 0.01}
        for model, schedule in product(("AlexNet", "VGG"), SCHEDULES)
    ]
    augmented = [
        {"data": source, "model": model, "schedule": "cosine", "augment": name, "lr": lr}
        for source, model, lr in ((photographs, "AlexNet", 0.01), (digits, "CNN", 0.02))
        for name in AUGMENTS
    ]
    arms = averaged + [arm for arm in augmented if arm not in averaged]
    if budget == "ci":
        arms = [arms[0], arms[-1]]
    return [
        {"seed": seed} | arm | {"max_norm": max_norm} | _SIZES[budget]
        for seed, arm, max_norm in product(seeds, arms, MAX_NORMS)
    ]


def measure(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What one run came to.

    Args:
        cell: one of ``cells``.

    Returns:
        Lists, with a value for each of ``steps``: ``accuracy_curve``, of the weights on test
        pictures. At the end: ``accuracy`` and ``train_accuracy``. ``clipped``: the share of steps.
        ``diverged``: the step whose gradient was not finite; None: none was. Without augmentation
        also ``average_curve``, of the average of decay ``SHOWN``, and ``averages``, the test
        accuracy at the end for each of ``DECAYS``.
    """
    seen, unseen = _pictures(cell["data"], "train"), _pictures(cell["data"], "test")
    device.seed(cell["seed"])
    model: nn.Module = _MODELS[cell["model"]](cell["width"])
    model = model.to(device.best()).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), cell["lr"], momentum=0.9)
    steps = cell["steps"]
    schedule = CosineAnnealingLR(optimizer, steps) if cell["schedule"] == "cosine" else None
    batches = seen.batches(
        cell["batch_size"],
        seed=cell["seed"],
        steps=steps,
        device=device.best(),
        augment=_augment(*AUGMENTS[cell["augment"]]),
    )
    averages = {
        decay: AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        for decay in DECAYS * (cell["augment"] == "none")
    }
    measured = {"accuracy_curve": model}
    if averages:
        measured["average_curve"] = averages[SHOWN]
    curves: dict[str, list[float]] = {"steps": [], **{name: [] for name in measured}}
    marks = {round(steps * (k + 1) / _POINTS) for k in range(_POINTS)}
    taken = clipped = 0
    diverged = None
    try:
        for step in training.steps(model, optimizer, batches, clip=ByNorm(cell["max_norm"] or inf)):
            assert step.clipped is not None
            taken, clipped = taken + 1, clipped + bool(step.clipped.fired)
            if schedule is not None:
                schedule.step()
            for average in averages.values():
                average.update_parameters(model)
            if taken in marks:
                curves["steps"].append(taken)
                for name, one in measured.items():
                    curves[name].append(unseen.accuracy(one))
    except NonFiniteGradient:
        diverged = taken
    found: dict[str, Any] = {
        "accuracy": unseen.accuracy(model),
        "train_accuracy": seen.accuracy(model),
        "clipped": round(clipped / max(taken, 1), 3),
        "diverged": diverged,
    }
    if averages:
        found["averages"] = [unseen.accuracy(average) for average in averages.values()]
    return curves | found


def _augment(p: float, padding: int) -> Augment | None:
    if not p and not padding:
        return None

    def augment(images: Tensor, generator: torch.Generator) -> Tensor:
        flipped = data.flip(images, generator, p) if p else images
        return data.random_crop(flipped, generator, padding) if padding else flipped

    return augment


@cache
def _pictures(name: str, split: str) -> ImageData:
    return data.load(name, split)


EXPERIMENT = Experiment(
    "averaging",
    "Sliding averages of the weights, flips and crops, with clipping and without.",
    cells,
    measure,
)
