"""Photographs of WIDER FACE in the form of composites: grey, with the boxes of their faces."""

from __future__ import annotations

import torch
from torch import Tensor

from gradlab.course import data
from gradlab.course.data import Composites
from gradlab.course.lessons.detection.candidates import GREY
from gradlab.course.models.detectors import STRIDE

WIDER = "wider-face"


def on_disk() -> bool:
    """Whether WIDER FACE is where ``data.available`` looks for it."""
    return any(source.name == WIDER and source.present for source in data.available())


def photographs(split: str, count: int, *, size: int = 224, seed: int = 0) -> Composites:
    """Photographs drawn at random, resized to squares.

    Faces narrower or lower than 8 pixels are left out: several of them would share one place of a
    detector's map.

    Source: Yang, Luo, Loy & Tang 2016, "WIDER FACE: a face detection benchmark".

    Args:
        split: ``"train"``, or ``"test"``: the photographs that WIDER FACE calls val.
        count: photographs; all of them where there are fewer.
        size: their side in pixels.
        seed: of what is drawn.

    Raises:
        FileNotFoundError: WIDER FACE is not on disk.

    Note:
        A face left out counts as background, and a detector that finds it is counted wrong.
    """
    found = data.wider_face({"train": "train", "test": "val"}[split], size=size)
    drawn = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))[:count]
    images, boxes = torch.empty(len(drawn), 1, size, size), []
    for place, number in enumerate(drawn.tolist()):
        coloured, faces = found[number]
        images[place] = torch.einsum("chw,c->hw", coloured, GREY)
        boxes.append(_large_enough(faces))
    return Composites(split, images, tuple(boxes))


def _large_enough(boxes: Tensor) -> Tensor:
    return boxes[(boxes[:, 2:] - boxes[:, :2] >= STRIDE).all(1)]
