"""Boxes: how much two of them overlap, and which of many that overlap stay."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_iou


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    r"""Intersection over union of every box with every other: (n, m), in [0, 1].

    .. math:: \text{IoU}(A, B) = |A \cap B| / |A \cup B|

    torchvision's ``box_iou``, except that two boxes without area have 0, not NaN.

    Args:
        boxes: (n, 4), ``x1 y1 x2 y2``; n may be 0.
        others: (m, 4); m may be 0.

    Raises:
        ValueError: one of them has another shape.
    """
    found: Tensor = box_iou(checked("boxes", boxes), checked("others", others))
    return found.nan_to_num(0.0)


def soft_nms(boxes: Tensor, scores: Tensor, sigma: float = 0.5) -> Tensor:
    r"""The scores, lowered where a better box overlaps: nothing is thrown away.

    The best box is taken, all others lose by their overlap with it, and so on with those left:

    .. math:: s_i \leftarrow s_i \exp(-\text{IoU}(b, b_i)^2 / \sigma)

    Source: Bodla, Singh, Chellappa & Davis 2017, "Soft-NMS: improving object detection with one
    line of code", eq. 3.

    Args:
        boxes: (n, 4), ``x1 y1 x2 y2``.
        scores: (n,).
        sigma: dimensionless, above 0; the smaller, the harder.

    Returns:
        (n,): the new scores, in the order of the boxes.

    >>> boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [5, 5, 6, 6]])
    >>> soft_nms(boxes, torch.tensor([0.9, 0.8, 0.7]))
    tensor([0.9000, 0.1083, 0.7000])
    """
    overlaps, left, lowered = iou(boxes, boxes), torch.ones(len(scores)), scores.clone()
    for _ in range(len(scores)):
        best = (lowered * left).argmax()
        left[best] = 0
        factor = torch.exp(-(overlaps[best] ** 2) / sigma)
        lowered = torch.where(left > 0, lowered * factor, lowered)
    return lowered


def checked(name: str, boxes: Tensor) -> Tensor:
    """The boxes, refused where they are none.

    Raises:
        ValueError: the shape is not (n, 4).
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} must have shape (n, 4), got {tuple(boxes.shape)}")
    return boxes
