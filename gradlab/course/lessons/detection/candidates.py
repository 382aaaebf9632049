"""What a detector proposes: a box and a score for every place of its map; and which stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from gradlab.course.lessons.detection.boxes import checked, soft_nms
from gradlab.course.lessons.detection.losses import middles
from gradlab.course.models.detectors import STRIDE

LEAST = 0.01
"""Candidates below this score are never looked at."""

GREY = torch.tensor((0.299, 0.587, 0.114))
"""How bright red, green and blue look (ITU-R BT.601)."""

_MOST = 100  # candidates of one picture that count, as in COCO


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes that may hold an object, the best first.

    Args:
        boxes: float32 (n, 4), ``x1 y1 x2 y2`` in pixels; n may be 0.
        scores: float32 (n,), from 0 to 1, falling.
    """

    boxes: Tensor
    scores: Tensor

    @classmethod
    def of(cls, boxes: Tensor, scores: Tensor) -> Candidates:
        """Those that score ``LEAST`` or more, sorted.

        Raises:
            ValueError: the shapes do not fit.
        """
        if scores.shape != (len(checked("boxes", boxes)),):
            raise ValueError(f"scores must have shape ({len(boxes)},), got {tuple(scores.shape)}")
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] >= LEAST]
        return cls(boxes[order], scores[order])

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def counted(self) -> Candidates:
        """The 100 best, if there are more: as many as COCO counts of one picture."""
        return Candidates(self.boxes[:_MOST], self.scores[:_MOST])

    def above(self, score: float) -> Candidates:
        """Those that score as much or more."""
        keep = self.scores >= score
        return Candidates(self.boxes[keep], self.scores[keep])

    def suppressed(self, overlap: float) -> Candidates:
        """Those without a better one that overlaps more than so (IoU): NMS; 1 keeps all.

        Cutting at a score before or after gives the same, because only better ones suppress.
        """
        keep = nms(self.boxes, self.scores, overlap)
        return Candidates(self.boxes[keep], self.scores[keep])

    def softened(self, sigma: float = 0.5) -> Candidates:
        """All, with scores lowered where a better one overlaps: Soft-NMS."""
        return Candidates.of(self.boxes, soft_nms(self.boxes, self.scores, sigma))


@torch.no_grad()
def propose(model: nn.Module, images: Tensor) -> list[Candidates]:
    """What a detector proposes in each picture, before anything is suppressed.

    Args:
        model: from ``models.detector``.
        images: (n, c, h, w) in [0, 1]; c is 1, or 3 or 4 (red, green, blue and how opaque), of
            which the brightness is taken. What is left of a side beyond a multiple of 8 is padded.

    Raises:
        ValueError: another number of channels or dimensions, or a side below 8 pixels.
    """
    where = next(model.parameters()).device
    was, _ = model.training, model.eval()
    output = model(standardised(images).to(where)).cpu()
    model.train(was)
    return decode(output)


def decode(output: Tensor) -> list[Candidates]:
    """The candidates of each picture from (n, 5, h, w), a detector's output."""
    at = middles(*output.shape[2:]).reshape(-1, 2)
    numbers = output.flatten(2).mT  # (n, h w, 5)
    scores, sides = numbers[..., 0].sigmoid(), numbers[..., 1:]
    boxes = torch.cat((at - sides[..., :2], at + sides[..., 2:]), -1)
    return [Candidates.of(*one) for one in zip(boxes, scores, strict=True)]


def standardised(images: Tensor) -> Tensor:
    """Pictures as a detector takes them: grey, around 0, padded to multiples of the stride."""
    if images.ndim != 4 or images.shape[1] not in (1, 3, 4) or min(images.shape[2:]) < STRIDE:
        raise ValueError(
            f"images must have shape (n, 1, 3 or 4, {STRIDE} or more, {STRIDE} or more), got "
            f"{tuple(images.shape)}"
        )
    if images.shape[1] > 1:
        images = torch.einsum("nchw,c->nhw", images[:, :3], GREY.to(images))[:, None]
    extra = [-side % STRIDE for side in images.shape[2:]]
    return 4 * torch.nn.functional.pad(images - 0.5, (0, extra[1], 0, extra[0]))


def suppressed(found: Sequence[Candidates], overlap: float) -> list[Candidates]:
    """NMS in each picture."""
    return [one.suppressed(overlap) for one in found]
