"""One detector, trained as a cell says: what is recorded of it, or seen while it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection import RetinaNet

from gradlab.clip import ByNorm, ByValue, Rule
from gradlab.course import data, device, models
from gradlab.course.data import Composites
from gradlab.course.lessons.detection import retinanet
from gradlab.course.lessons.detection.candidates import propose, suppressed
from gradlab.course.lessons.detection.photographs import WIDER, photographs
from gradlab.course.lessons.detection.scores import ranked
from gradlab.course.lessons.detection.training import (
    Batch,
    Losses,
    Pictures,
    Taken,
    of_places,
    train,
)

Cell = Mapping[str, Any]

NMS = 0.5
"""The overlap of all measurements where it is not asked for."""

COMPOSITES = "composites"
"""What a cell that names no data learns from."""

POOL = 800  # pictures to learn from
PHOTOGRAPHS = 4000  # the same, of WIDER FACE
_TESTED, _WATCHED = 200, 60  # pictures to test with, at the end and on the way
_POINTS = 8  # of a curve


@lru_cache(maxsize=1)  # the cells of one seed follow one another
def seen(size: int, seed: int, source: str) -> Composites:
    if source == WIDER:
        return photographs("train", PHOTOGRAPHS, size=size, seed=seed)
    return data.composites("train", POOL, size=size, seed=seed)


@lru_cache(maxsize=1)
def pictures(size: int, seed: int, source: str) -> Pictures:
    return Pictures.of(seen(size, seed, source), device.best())


@lru_cache(maxsize=4)
def unseen(size: int, crowded: bool = False, seed: int = 0, source: str = COMPOSITES) -> Composites:
    if source == WIDER:
        return photographs("test", _TESTED, size=size, seed=seed)
    return data.composites("test", _TESTED, size=size, crowded=crowded, seed=seed)


def average_precision(model: nn.Module, on: Composites, overlap: float = 0.5) -> float:
    """AP on pictures, after NMS."""
    large = isinstance(model, RetinaNet)
    found = retinanet.propose(model, on.images) if large else propose(model, on.images)
    return ranked(suppressed(found, NMS), on.boxes, overlap).average_precision()


def trained_run(cell: Cell) -> dict[str, Any]:
    """AP, and curves of it, of the loss and of norms, on the way."""
    model, steps, run = _started(cell)
    test, few = _test(cell), _few(cell)
    points = np.unique(np.geomspace(1, steps, _POINTS).astype(int)).tolist()
    curves, taken = _watched(run, points, lambda: average_precision(model, few))
    return {
        "ap50": round(average_precision(model, test), 4),
        "ap75": round(average_precision(model, test, 0.75), 4),
        "clipped": round(sum(step.fired for step in taken) / max(len(taken), 1), 4),
        "largest": _digits(max((step.total_norm for step in taken), default=0.0)),
        "diverged": None if len(taken) == steps else len(taken) + 1,
        **curves,
    }


def live(cell: Cell) -> Iterator[dict[str, float]]:
    """One cell, trained while somebody watches: points of its curves, as ``grids.panel`` wants.

    Raises:
        FloatingPointError: it diverged.
    """
    model, steps, run = _started(cell)
    largest, step = 0.0, None
    for step in run:
        largest = max(largest, step.total_norm)
        if step.number % 10 == 0 or step.number == steps:
            ap = average_precision(model, _few(cell))
            yield {"step": step.number, "ap_curve": ap, "norm_curve": largest}
            largest = 0.0
    if step is None or step.number < steps:
        raise FloatingPointError("a gradient was not finite")


def _started(cell: Cell) -> tuple[nn.Module, int, Iterator[Taken]]:
    """A detector, how many steps it is to take, and these steps, none of them taken yet."""
    with device.seeded(cell["seed"]):
        model = _begun(cell)
    steps = cell["steps"]
    if cell["part"] == "grid":  # as many pictures, however many a step takes
        steps //= cell["accumulate"]
    batches, losses = _batches(cell)
    run = train(
        model,
        batches,
        steps=steps,
        optimizer=cell["optimizer"],
        lr=cell["lr"],
        clip=rule(cell),
        warmup=cell["warmup"],
        accumulate=cell["accumulate"],
        losses=losses,
    )
    return model, steps, run


def _batches(cell: Cell) -> tuple[Iterator[Batch], Losses]:
    size, seed, count = cell["size"], cell["seed"], cell["batch_size"]
    asked = (size, seed, cell.get("data", COMPOSITES))
    if cell["part"] == "retinanet":
        found = retinanet.batches(seen(*asked), count, seed=seed, where=device.best())
        return found, retinanet.losses
    return pictures(*asked).batches(count, seed=seed), of_places


def _test(cell: Cell) -> Composites:
    return unseen(cell["size"], source=cell.get("data", COMPOSITES))


def _few(cell: Cell) -> Composites:
    """The test pictures on which a run is watched."""
    test = _test(cell)
    return Composites(test.split, test.images[:_WATCHED], test.boxes[:_WATCHED])


def rule(cell: Cell) -> Rule | None:
    """What clips in a cell."""
    if cell["clip_value"] is not None:
        return ByValue(cell["clip_value"])
    return None if cell["max_norm"] is None else ByNorm(cell["max_norm"])


def _watched(
    run: Iterator[Taken], points: Sequence[int], measure: Callable[[], float]
) -> tuple[dict[str, list[Any]], list[Taken]]:
    """Curves at the points that were reached, and all steps; norms are means since the last one."""
    names = ("ap_curve", "loss_curve", "norm_curve", "backbone", "score", "box")
    curves: dict[str, list[Any]] = {name: [] for name in ("steps", *names)}
    taken: list[Taken] = []
    for step in run:
        taken.append(step)
        if step.number not in points:
            continue
        since = taken[curves["steps"][-1] if curves["steps"] else 0 :]
        curves["steps"].append(step.number)
        loss, largest = np.mean([s.loss for s in since]), max(s.total_norm for s in since)
        row = (measure(), float(loss), largest, *np.mean([s.norms for s in since], 0).tolist())
        for name, value in zip(names, row, strict=True):
            curves[name].append(_digits(value))
    return curves, taken


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def _begun(cell: Cell) -> nn.Module:
    if cell["part"] == "retinanet":
        large: nn.Module = retinanet.retinanet(cell["start"], cell["size"])
        return large.to(device.best())
    model = models.detector(cell["width"], norm=cell["norm"]).to(device.best())
    backbone = model.get_submodule("backbone")
    if cell["start"] != "scratch":
        backbone.load_state_dict(pretrained(cell["width"], cell["seed"]))
        backbone.requires_grad_(cell["start"] == "pretrained")
    return model


@lru_cache(maxsize=1)
def pretrained(width: int, seed: int) -> dict[str, Tensor]:
    """A backbone that has learned which of ten photographs a grey patch comes from."""
    backbone = models.detector(width).get_submodule("backbone")
    classifier = nn.Sequential(
        backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10)
    )
    optimizer = torch.optim.AdamW(classifier.parameters(), 5e-3)
    patches = data.load("patches")
    for images, labels in patches.batches(64, seed=seed, steps=150):
        optimizer.zero_grad()
        brightness = images.mean(1, keepdim=True)
        F.cross_entropy(classifier(brightness), labels).backward()
        optimizer.step()
    state: dict[str, Tensor] = backbone.state_dict()
    return state


def good(cell: Cell, distractors: Tensor | None = None) -> nn.Sequential:
    """The detector whose candidates are asked, trained longer, with AdamW and clipping at 1."""
    size, seed = cell["size"], cell["seed"]
    device.seed(seed)
    model = models.detector(cell["width"]).to(device.best())
    made = data.composites("train", 2 * POOL, size=size, seed=seed, distractors=distractors)
    batches = Pictures.of(made, device.best()).batches(cell["batch_size"], seed=seed)
    for _ in train(model, batches, steps=cell["steps"], lr=0.01, clip=ByNorm(1.0), warmup=20):
        pass
    return model
