"""What each run of the experiment is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradlab.clip import ByNorm, ByValue, Rule
from gradlab.course import data, device, models
from gradlab.course.data import Composites
from gradlab.course.lessons.detection.candidates import (
    LEAST,
    Candidates,
    propose,
    suppressed,
)
from gradlab.course.lessons.detection.scores import Ranked, ranked
from gradlab.course.lessons.detection.training import Pictures, Taken, train

Cell = Mapping[str, Any]

CUTS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Scores below which candidates are left out."""

OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""IoU beyond which NMS leaves a candidate out; at 1 it leaves out nothing."""

SIGMAS = (0.2, 0.5)
"""Of Soft-NMS."""

NMS = 0.5
"""The overlap of all measurements where it is not asked for."""

_POOL, _TESTED, _WATCHED = 800, 200, 60  # pictures: to learn from, to test with, on the way
_POINTS = 8  # of a curve
_HARD = 0.3  # score of a false alarm that is pasted into pictures as a hard negative
_SIDE = 224  # pixels, as in S2
_ROUNDS = 10


@lru_cache(maxsize=1)  # the cells of one seed follow one another
def pictures(size: int, seed: int) -> Pictures:
    return Pictures.of(data.composites("train", _POOL, size=size, seed=seed), device.best())


@lru_cache(maxsize=4)
def unseen(size: int, crowded: bool = False, seed: int = 0) -> Composites:
    return data.composites("test", _TESTED, size=size, crowded=crowded, seed=seed)


def average_precision(model: nn.Module, on: Composites, overlap: float = 0.5) -> float:
    """AP on pictures, after NMS."""
    return ranked(suppressed(propose(model, on.images), NMS), on.boxes, overlap).average_precision()


def _trained(cell: Cell) -> dict[str, Any]:
    """AP, and curves of it, of the loss and of norms, on the way."""
    device.seed(cell["seed"])
    model = _begun(cell)
    steps = cell["steps"]
    if cell["part"] == "grid":  # as many pictures, however many a step takes
        steps //= cell["accumulate"]
    found = pictures(cell["size"], cell["seed"])
    test = unseen(cell["size"])
    few = Composites(test.split, test.images[:_WATCHED], test.boxes[:_WATCHED])
    run = train(
        model,
        found.batches(cell["batch_size"], seed=cell["seed"]),
        steps=steps,
        optimizer=cell["optimizer"],
        lr=cell["lr"],
        clip=rule(cell),
        warmup=cell["warmup"],
        accumulate=cell["accumulate"],
    )
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


def rule(cell: Cell) -> Rule | None:
    """What clips in a cell."""
    if cell["clip_value"] is not None:
        return ByValue(cell["clip_value"])
    return None if cell["max_norm"] is None else ByNorm(cell["max_norm"])


def _watched(
    run: Iterator[Taken], points: Sequence[int], measure: Callable[[], float]
) -> tuple[dict[str, list[Any]], list[Taken]]:
    """Curves at the points that were reached, and all steps; norms are means since the last one."""
    names = ("steps", "ap_curve", "loss_curve", "norm_curve")
    curves: dict[str, list[Any]] = {n: [] for n in (*names, "backbone", "score", "box")}
    taken: list[Taken] = []
    for step in run:
        taken.append(step)
        if step.number not in points:
            continue
        since = taken[curves["steps"][-1] if curves["steps"] else 0 :]
        norms = np.mean([one.norms for one in since], 0)
        row = (step.number, measure(), np.mean([one.loss for one in since]))
        row = (*row, np.max([one.total_norm for one in since]), *norms)
        for curve, value in zip(curves.values(), row, strict=True):
            curve.append(_digits(float(value)) if curve is not curves["steps"] else value)
    return curves, taken


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def _begun(cell: Cell) -> nn.Sequential:
    model = models.detector(cell["width"], norm=cell["norm"]).to(device.best())
    if cell["start"] != "scratch":
        model.backbone.load_state_dict(pretrained(cell["width"], cell["seed"]))
        model.backbone.requires_grad_(cell["start"] == "pretrained")
    return model


@lru_cache(maxsize=1)
def pretrained(width: int, seed: int) -> dict[str, Tensor]:
    """A backbone that has learned which of ten photographs a grey patch comes from."""
    model = models.detector(width)
    classifier = nn.Sequential(
        model.backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10)
    )
    optimizer = torch.optim.AdamW(classifier.parameters(), 5e-3)
    patches = data.load("patches")
    for images, labels in patches.batches(64, seed=seed, steps=150):
        optimizer.zero_grad()
        brightness = images.mean(1, keepdim=True)
        F.cross_entropy(classifier(brightness), labels).backward()
        optimizer.step()
    state: dict[str, Tensor] = model.backbone.state_dict()
    return state


def good(cell: Cell, distractors: Tensor | None = None) -> nn.Sequential:
    """The detector whose candidates are asked, trained longer, with AdamW and clipping at 1."""
    size, seed = cell["size"], cell["seed"]
    device.seed(seed)
    model = models.detector(cell["width"]).to(device.best())
    made = data.composites("train", 2 * _POOL, size=size, seed=seed, distractors=distractors)
    batches = Pictures.of(made, device.best()).batches(cell["batch_size"], seed=seed)
    for _ in train(model, batches, steps=cell["steps"], lr=0.01, clip=ByNorm(1.0), warmup=20):
        pass
    return model


def _after(cell: Cell) -> dict[str, Any]:
    """AP, F1, precision and recall at every cut and overlap; false alarms on the astronaut."""
    size = cell["size"]
    model = good(cell)
    test, chosen, crowd = unseen(size), unseen(size, seed=1), unseen(size, crowded=True)
    raw = propose(model, test.images)
    kept, choosing = ranked(suppressed(raw, NMS), test.boxes), _ranked(model, chosen)
    cut = max(CUTS, key=lambda score: choosing.at(score)[2])
    unprocessed = ranked(raw, test.boxes)
    harder = good(cell, false_alarms(model, cell))
    people = propose(model, crowd.images)
    return {
        "ap50": [round(kept.average_precision(score), 4) for score in CUTS],
        "f1": [round(kept.at(score)[2], 4) for score in CUTS],
        "precision": [round(kept.at(score)[0], 4) for score in CUTS],
        "recall": [round(kept.at(score)[1], 4) for score in CUTS],
        "cut": cut,
        "f1_at_cut": round(kept.at(cut)[2], 4),
        "ap50_at_cut": round(kept.average_precision(cut), 4),
        "raw_ap50": round(unprocessed.average_precision(), 4),
        "raw_f1": round(unprocessed.at(LEAST)[2], 4),
        "nms": [_ap(suppressed(raw, o), test) for o in OVERLAPS],
        "crowd_nms": [_ap(suppressed(people, o), crowd) for o in OVERLAPS],
        "soft": [_ap([one.softened(s) for one in raw], test) for s in SIGMAS],
        "crowd_soft": [_ap([one.softened(s) for one in people], crowd) for s in SIGMAS],
        "astronaut": _boxes(_astronaut(model)),
        "hard_astronaut": _boxes(_astronaut(harder)),
        "hard_ap50": round(average_precision(harder, test), 4),
        **_post_processing(model, test, cut),
    }


def _ranked(model: nn.Module, on: Composites) -> Ranked:
    return ranked(suppressed(propose(model, on.images), NMS), on.boxes)


def _ap(found: Sequence[Candidates], on: Composites) -> float:
    return round(ranked(found, on.boxes).average_precision(), 4)


def _astronaut(model: nn.Module) -> Candidates:
    return propose(model, data.astronaut()[None])[0].suppressed(NMS).above(0.2)


def _boxes(found: Candidates) -> list[list[float]]:
    """Score and box, the best first."""
    rows = torch.cat((100 * found.scores[:, None], found.boxes), 1).round().int()
    return [[row[0] / 100, *row[1:]] for row in rows[:8].tolist()]


def false_alarms(model: nn.Module, cell: Cell) -> Tensor:
    """What it took for a face in training pictures, as cut-outs (n, 25, 25)."""
    seen = data.composites("train", _POOL, size=cell["size"], seed=1000 + cell["seed"])
    cuts = []
    for picture, found, truth in zip(
        seen.images, suppressed(propose(model, seen.images), NMS), seen.boxes, strict=True
    ):
        found = found.above(_HARD)
        wrong = ~ranked([found], [truth], 0.3).right if len(found) else np.empty(0, bool)
        for left, top, right, low in found.boxes[torch.from_numpy(wrong)].round().int().tolist():
            part = picture[:, max(top, 0) : low, max(left, 0) : right]
            if min(part.shape[1:]) >= 8:
                cuts.append(F.interpolate(part[None], size=(25, 25), mode="bilinear")[0, 0])
    return torch.stack(cuts) if cuts else torch.zeros(1, 25, 25)


def _post_processing(model: nn.Module, on: Composites, cut: float) -> dict[str, float]:
    """Milliseconds a picture, without and with cut and suppression, in turns."""
    images = F.interpolate(on.images[:8], size=(_SIDE, _SIDE), mode="bilinear")
    times = np.zeros((_ROUNDS, 2))
    for row in times:
        for kind in (0, 1):
            start = perf_counter()
            found = propose(model, images)
            if kind:
                suppressed([one.above(cut) for one in found], NMS)
            row[kind] = 1000 * (perf_counter() - start) / len(images)
    raw, processed = np.median(times, 0).tolist()
    ratio = float(np.median(times[:, 1] / times[:, 0]))
    return {"raw_ms": raw, "processed_ms": processed, "time_ratio": ratio}


def _speed(cell: Cell) -> dict[str, Any]:
    """Pictures a second, one at a time, at 224 pixels."""
    from torchvision.models.detection import retinanet_resnet50_fpn

    device.seed(cell["seed"])
    small = models.detector(cell["width"]).eval()
    large = retinanet_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=2, min_size=_SIDE, max_size=_SIDE
    ).eval()
    grey = torch.rand(1, 1, _SIDE, _SIDE)

    def ours() -> object:
        return propose(small, grey)[0].above(0.3).suppressed(NMS)

    @torch.no_grad()
    def theirs() -> object:
        return large([grey[0].expand(3, -1, -1)])

    return {"ours": _per_second(ours, 3 * _ROUNDS), "retinanet": _per_second(theirs, 4)}


def _per_second(call: Callable[[], object], rounds: int) -> float:
    """How often it can be called in a second, by the median time."""
    call()
    times = []
    for _ in range(rounds):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return 1 / float(np.median(times))


QUESTIONS: dict[str, Callable[[Cell], dict[str, Any]]] = {
    "grid": _trained,
    "value": _trained,
    "steps": _trained,
    "start": _trained,
    "plain": _trained,
    "after": _after,
    "speed": _speed,
}
