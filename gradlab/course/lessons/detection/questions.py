"""What each run of the experiment is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradlab.course import data, device, models
from gradlab.course.data import Composites
from gradlab.course.lessons.detection.candidates import (
    LEAST,
    Candidates,
    propose,
    suppressed,
)
from gradlab.course.lessons.detection.runs import (
    NMS,
    POOL,
    Cell,
    average_precision,
    good,
    trained_run,
    unseen,
)
from gradlab.course.lessons.detection.scores import Ranked, ranked

CUTS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Scores below which candidates are left out."""

OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""IoU beyond which NMS leaves a candidate out; at 1 it leaves out nothing."""

SIGMAS = (0.2, 0.5)
"""Of Soft-NMS."""

_HARD = 0.3  # score of a false alarm that is pasted into pictures as a hard negative
_SIDE = 224  # pixels, as in S2
_ROUNDS = 10


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
    seen = data.composites("train", POOL, size=cell["size"], seed=1000 + cell["seed"])
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
    """Pictures a second, one at a time, at 224 pixels: of our detector, and of RetinaNet."""
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

    return {"per_second": [_per_second(ours, 3 * _ROUNDS), _per_second(theirs, 4)]}


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
    "grid": trained_run,
    "value": trained_run,
    "steps": trained_run,
    "start": trained_run,
    "plain": trained_run,
    "retinanet": trained_run,
    "after": _after,
    "speed": _speed,
}
