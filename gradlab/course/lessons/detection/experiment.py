"""Who needs clipping to learn to detect, what accumulating does, and what happens after training.

The parts, each with five seeds:

- ``"grid"``: learning rate × clip threshold, with SGD and AdamW, with a warm-up and without, and
  with steps of one or of four micro-batches, over the same number of pictures;
- ``"value"``: the same, clipped by value as S4 does it;
- ``"steps"``: four micro-batches a step over the same number of *steps*: four times the pictures;
- ``"start"``: a backbone that has learned to name patches of photographs, left to learn or frozen;
- ``"plain"``: without group normalisation;
- ``"after"``: one good detector, and all that can be asked of its candidates;
- ``"speed"``: pictures a second at 224 pixels, of this detector and of a large one;
- ``"retinanet"``, with the budget "gpu" alone: torchvision's RetinaNet at 224 pixels in the same
  loop, clipped and not, with a backbone from scratch, and with ImageNet's weights, left to learn or
  frozen, where their file is in torch's hub folder.

With the budget "gpu", the grid and RetinaNet learn from photographs of WIDER FACE at 224 pixels,
where ``data.available`` finds them: such cells name their ``"data"``; all others learn from
composites. Nothing is downloaded: what is on disk decides which cells there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradlab.arguments import one_of
from gradlab.course.lessons.detection.photographs import WIDER, on_disk
from gradlab.course.lessons.detection.questions import QUESTIONS
from gradlab.course.lessons.detection.retinanet import starts
from gradlab.course.sweep import Experiment

RATES = {"SGD": (0.003, 0.01, 0.03, 0.1), "AdamW": (0.001, 0.003, 0.01, 0.03)}
THRESHOLDS = (None, 10.0, 1.0, 0.1)
CLIP_VALUE = 0.1  # S4's
MICRO = 4  # micro-batches of a step, where gradients are accumulated

_SEEDS = {"ci": 1, "cpu": 5, "gpu": 10}
_SIZES = {"ci": 48, "cpu": 64, "gpu": 96}
_LARGE = 224  # pixels, of photographs and for RetinaNet
_RUNS = {"ci": (4, 4, 8), "cpu": (8, 240, 8), "gpu": (16, 1000, 8)}
_GOOD = {"ci": (4, 4, 8), "cpu": (12, 800, 16), "gpu": (32, 4000, 32)}
"""Width, steps and batch size; of the good detector, too."""


def cells(budget: str) -> list[dict[str, Any]]:
    """The runs: for each seed, every question.

    Args:
        budget: "ci", "cpu" or "gpu"; with "gpu" larger pictures, a wider network and more seeds,
            photographs where they are on disk, and RetinaNet.
    """
    one_of("budget", budget, _SEEDS)
    common = {"size": _SIZES[budget], **_named(_RUNS[budget])}
    common |= {"optimizer": "AdamW", "lr": 0.01, "max_norm": 1.0, "clip_value": None}
    common |= {"warmup": 0, "accumulate": 1, "start": "scratch", "norm": True}
    good = [{"part": part, **_named(_GOOD[budget])} for part in ("after", "speed")]
    asked = [*_grid(), *_others(), *good]
    if budget == "gpu":
        photographs = {"data": WIDER, "size": _LARGE} if on_disk() else {}
        asked = [one | photographs if one["part"] == "grid" else one for one in asked]
        asked += [one | photographs for one in _retinanet()]
    return [{"seed": seed} | common | one for seed in range(_SEEDS[budget]) for one in asked]


def _named(numbers: tuple[int, int, int]) -> dict[str, Any]:
    return dict(zip(("width", "steps", "batch_size"), numbers, strict=True))


def _grid() -> list[dict[str, Any]]:
    """Thresholds 10 and 0.1 are tried with plain SGD alone, where they matter most."""
    found = []
    for optimizer, rates in RATES.items():
        for warmup, accumulate in ((0, 1), (24, 1), (0, MICRO)):
            full = optimizer == "SGD" and not warmup and accumulate == 1
            found += [
                {"part": "grid", "optimizer": optimizer, "lr": lr, "max_norm": max_norm}
                | {"warmup": warmup, "accumulate": accumulate}
                for lr in rates
                for max_norm in (THRESHOLDS if full else (None, 1.0) if accumulate == 1 else (1.0,))
            ]
    return found


def _others() -> list[dict[str, Any]]:
    value = [
        {"part": "value", "optimizer": optimizer, "lr": lr, "max_norm": None}
        | {"clip_value": CLIP_VALUE}
        for optimizer, rates in RATES.items()
        for lr in rates
    ]
    steps = [
        {"part": "steps", "optimizer": optimizer, "lr": lr, "accumulate": MICRO}
        for optimizer, lr in (("SGD", 0.1), ("AdamW", 0.01))
    ]
    start = [{"part": "start", "start": start} for start in ("pretrained", "frozen")]
    plain = [
        {"part": "plain", "norm": False, "optimizer": "SGD", "lr": lr, "max_norm": max_norm}
        for lr in (0.01, 0.1)
        for max_norm in (None, 1.0)
    ]
    return [*value, *steps, *start, *plain]


def _retinanet() -> list[dict[str, Any]]:
    """The recipe of torchvision: SGD, rate 0.01, 16 pictures a step (here in two micro-batches)."""
    common = {"part": "retinanet", "size": _LARGE, "optimizer": "SGD", "lr": 0.01}
    common |= {"warmup": 24, "accumulate": 2}
    return [
        common | {"start": start, "max_norm": max_norm}
        for start in starts()
        for max_norm in (None, 1.0)
    ]


def measure(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What one cell measured.

    Args:
        cell: one of ``cells``.
    """
    return QUESTIONS[cell["part"]](cell)


EXPERIMENT = Experiment(
    "detection",
    "Detectors: what clipping and accumulating do to training, and thresholds after it",
    cells,
    measure,
)
