"""What a detector is asked for in each place of its map, and how wrong its answer is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

from gradlab.course.models.detectors import STRIDE

_CENTRE = 0.3
"""A place answers for an object if it is this near to its middle, in sides of the box."""


def middles(height: int, width: int) -> Tensor:
    """The middle of every place of a map, (height, width, 2) as ``x y`` in pixels."""
    y, x = (STRIDE * (torch.arange(n) + 0.5) for n in (height, width))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def targets(boxes: Sequence[Tensor], height: int, width: int) -> Tensor:
    """What a detector should answer: ``(n, 5, height, width)``, laid out as its output.

    A place answers for an object if its middle is within 0.3 sides of the middle of the box; for
    several, it answers for the smallest. The place nearest to the middle always does. Elsewhere all
    five numbers are 0.

    Source: Tian et al. 2019, FCOS, section 3.1, with the centre sampling of its later version.

    Args:
        boxes: for each picture (k, 4), ``x1 y1 x2 y2`` in pixels; k may be 0. Boxes without area
            are nobody's target.
        height, width: of the map: the picture's size divided by the stride.
    """
    at = middles(height, width)
    found = torch.zeros(len(boxes), 5, height, width)
    for wanted, picture in zip(found, boxes, strict=True):
        sizes = picture[:, 2:] - picture[:, :2]
        for box in picture[sizes.prod(1).argsort(descending=True)]:  # the smallest comes last
            size, middle = box[2:] - box[:2], (box[:2] + box[2:]) / 2
            if (size <= 0).any():
                continue
            away = ((at - middle).abs() / size).amax(-1)
            here = (away < _CENTRE) | (away == away.min())
            distances = torch.cat((at - box[:2], box[2:] - at), -1)
            wanted[:, here] = torch.cat((torch.ones(*at.shape[:2], 1), distances), -1)[here].T
    return found


def loss(output: Tensor, wanted: Tensor, normaliser: float | None = None) -> Tensor:
    r"""Focal loss of the scores plus GIoU loss of the boxes, for each object's place.

    .. math:: L = \frac{1}{N} \Big( \sum_{\text{places}} \text{focal} +
        \sum_{\text{places with an object}} (1 - \text{GIoU}) \Big)

    Source: Lin et al. 2017, "Focal loss for dense object detection", eq. 5 (alpha 0.25, gamma 2);
    Rezatofighi et al. 2019, "Generalized intersection over union", algorithm 2.

    Args:
        output: (n, 5, h, w) of a detector.
        wanted: the same shape, from ``targets``.
        normaliser: N; None: the places with an object in these pictures, 1 at least.

    Returns:
        0-dim, with a gradient.

    Note:
        With ``normaliser=None`` the mean over micro-batches is not the loss of the whole batch.
    """
    is_object = wanted[:, 0] > 0
    focal = sigmoid_focal_loss(output[:, 0], wanted[:, 0], alpha=0.25, gamma=2, reduction="sum")
    ours, theirs = (x[:, 1:].permute(0, 2, 3, 1)[is_object] for x in (output, wanted))
    boxes = generalized_box_iou_loss(_around(ours), _around(theirs), reduction="sum")
    total: Tensor = focal + boxes
    return total / (max(1, int(is_object.sum())) if normaliser is None else normaliser)


def _around(distances: Tensor) -> Tensor:
    """Boxes around the origin."""
    return torch.cat((-distances[:, :2], distances[:, 2:]), 1)
