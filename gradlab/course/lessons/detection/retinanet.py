"""torchvision's RetinaNet in the place of the small detector: the same loop, the same measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights
from torchvision.models.detection import RetinaNet, retinanet_resnet50_fpn

from gradlab.course.data import Composites
from gradlab.course.lessons.detection.candidates import LEAST, Candidates
from gradlab.course.lessons.detection.training import Batch, shuffled

_WEIGHTS = ResNet50_Weights.IMAGENET1K_V1
_LEARNING = {"scratch": None, "pretrained": 5, "frozen": 0}  # stages; None: there is no choice
_AT_ONCE = 16  # pictures that it is asked about together


def starts() -> tuple[str, ...]:
    """How its backbone can start on this machine, where nothing is ever downloaded.

    ``"scratch"`` always; ``"pretrained"`` on ImageNet and left to learn, or ``"frozen"``, only
    where the file of these weights is in torch's hub folder already.
    """
    return tuple(_LEARNING) if _file().is_file() else ("scratch",)


def _file() -> Path:
    return Path(torch.hub.get_dir(), "checkpoints", Path(_WEIGHTS.url).name)


def retinanet(start: str = "scratch", size: int = 224) -> RetinaNet:
    """RetinaNet for one class: a ResNet-50 with a feature pyramid, and two heads.

    Source: Lin, Goyal, Girshick, He & Dollár 2017, "Focal loss for dense object detection".

    Args:
        start: one of ``starts``. Frozen is the ResNet; the pyramid over it learns.
        size: side of the pictures in pixels; others are resized to it.

    Raises:
        FileNotFoundError: ``start`` is not to be had here.

    Note:
        From scratch, batch normalisation takes its mean from each micro-batch, so accumulating is
        not the same as a large batch; with ImageNet's weights its numbers are constants.
    """
    if start not in starts():
        raise FileNotFoundError(f"start={start!r} needs {_file()}, which is not there")
    return retinanet_resnet50_fpn(
        weights=None,
        weights_backbone=None if start == "scratch" else _WEIGHTS,
        trainable_backbone_layers=_LEARNING[start],
        num_classes=1,
        min_size=size,
        max_size=size,
        score_thresh=LEAST,
    )


def batches(
    composites: Composites, batch_size: int, *, seed: int, where: torch.device | str = "cpu"
) -> Iterator[Batch]:
    """Shuffled batches without end: pictures, and the boxes of each."""
    images, boxes = composites.images.to(where), [some.to(where) for some in composites.boxes]
    for chosen in shuffled(len(boxes), batch_size, seed=seed):
        yield images[chosen], [boxes[place] for place in chosen.tolist()]


def losses(model: nn.Module, micro_batches: Sequence[Batch]) -> Iterator[Tensor]:
    """The losses of torchvision: means over pictures, each divided by its own matched anchors."""
    for images, boxes in micro_batches:
        wanted = [{"boxes": b, "labels": b.new_zeros(len(b), dtype=torch.int64)} for b in boxes]
        both: dict[str, Tensor] = model(_coloured(images), wanted)
        yield torch.stack(list(both.values())).sum() / len(micro_batches)


@torch.no_grad()
def propose(model: RetinaNet, images: Tensor) -> list[Candidates]:
    """What it proposes in each grey picture, after its own NMS at an overlap of 0.5."""
    where = next(model.parameters()).device
    was, _ = model.training, model.eval()
    found = [one for some in images.split(_AT_ONCE) for one in model(_coloured(some.to(where)))]
    model.train(was)
    return [Candidates.of(one["boxes"].cpu(), one["scores"].cpu()) for one in found]


def _coloured(images: Tensor) -> list[Tensor]:
    """Grey pictures as red, green and blue, which are equal."""
    return list(images.expand(-1, 3, -1, -1))
