"""What a cell of the grid names: a network, an optimizer, a rule, and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from gradlab.clip import ByNorm, ByValue, Rule
from gradlab.course import data, device, models
from gradlab.course.data import ImageData

S3_MODELS = ("AlexNet", "VGG", "ResNet, batch norm")
"""As S3 names them: of the three, ResNet was published with batch normalisation."""

MAPPED = ("AlexNet", "VGG", "VGG, batch norm", "ResNet", "ResNet, batch norm")
"""The networks whose every rate and threshold is run under momentum."""

NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "AlexNet": models.alexnet,
    "VGG": partial(models.vgg, 11),
    "VGG, batch norm": partial(models.vgg, 11, norm=True),
    "ResNet": partial(models.resnet, 8, norm=False),
    "ResNet, batch norm": partial(models.resnet, 8),
    "S4's CNN": models.clipping_cnn,
    "20 layers": lambda width: models.mlp(20, 4 * width, inputs=3 * 32 * 32, outputs=10, gain=0.7),
}
"""By name, from a width. In the last one the gradient vanishes: ReLU's critical gain is 1.41."""

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "SGD": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "momentum, warm-up": partial(torch.optim.SGD, momentum=0.9),
    "RMSProp": torch.optim.RMSprop,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
}
"""By name, from parameters and ``lr``; what is not said is torch's default."""

WARM_UP = 0.2
"""Share of the steps over which the rate rises to ``lr``."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """What a run trains on, and what it is measured on."""

    train: ImageData
    seen: ImageData  # of the training pictures, as many as there are of the others
    test: ImageData
    validation: ImageData  # for choices, such as that of a rate


@lru_cache(maxsize=1)
def pictures(name: str) -> Pictures:
    """The training split whole; of the test split one half to measure, the other to choose by."""
    train, test = data.load(name), data.load(name, "test")
    half = len(test) // 2
    return Pictures(
        train,
        _every(train, len(train) // half, 0),
        _every(test, 2, 0),
        _every(test, 2, 1),
    )


def _every(images: ImageData, step: int, first: int) -> ImageData:
    chosen = slice(first, None, step)
    return replace(images, images=images.images[chosen], labels=images.labels[chosen])


@dataclass(frozen=True, eq=False)
class Setup:
    """All that training needs, drawn by the cell's seed."""

    model: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR
    clip: Rule
    pictures: Pictures
    batches: Iterator[tuple[Tensor, Tensor]]


def setup(cell: Mapping[str, Any]) -> Setup:
    """What a cell names, ready to train.

    Args:
        cell: one of the experiment's.

    Note:
        Cells that differ in rule, rate and optimizer alone start from the same weights and see the
        same batches.
    """
    device.seed(cell["seed"])
    where, steps, optimizer_name = device.best(), cell["steps"], cell["optimizer"]
    # on a CPU, with channels last in memory a step takes 0.6 of the time
    model = NETWORKS[cell["model"]](cell["width"]).to(where)
    model = model.to(memory_format=torch.channels_last)
    optimizer = OPTIMIZERS[optimizer_name](model.parameters(), lr=cell["lr"])
    rising = WARM_UP * steps if "warm-up" in optimizer_name else 1
    found = pictures(cell["data"])
    return Setup(
        model,
        optimizer,
        LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / rising)),
        rule(cell),
        found,
        found.train.batches(cell["batch_size"], seed=cell["seed"], steps=steps, device=where),
    )


def rule(cell: Mapping[str, Any]) -> Rule:
    """The clip rule of a cell; one that never fires where there is none."""
    if (bound := cell.get("clip_value")) is not None:
        return ByValue(bound)
    return ByNorm(float("inf") if cell.get("max_norm") is None else cell["max_norm"])
