"""How good a detector is: which candidates are right, precision, recall, F1, average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gradlab.course.lessons.detection.boxes import iou
from gradlab.course.lessons.detection.candidates import Candidates

_RECALLS = np.linspace(0, 1, 101)  # at which precision is read


@dataclass(frozen=True, eq=False)
class Ranked:
    """Candidates of all pictures, the best first, and whether each is right.

    Args:
        scores: float64 (n,), falling.
        right: bool (n,): it is the first that found its object.
        objects: that there are, 0 or more.
    """

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    objects: int

    def count(self, score: float) -> int:
        """Candidates that score as much or more, rounded as their scores are: to float32."""
        return int(np.searchsorted(-self.scores, -float(np.float32(score)), side="right"))

    @property
    def precision(self) -> NDArray[np.float64]:
        """Right ones among the k best, k = 1 ... n, as a fraction."""
        return np.cumsum(self.right) / np.arange(1, len(self.right) + 1)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Objects found by the k best, as a fraction; 0 where there are none."""
        return np.cumsum(self.right) / max(self.objects, 1)

    def at(self, score: float) -> tuple[float, float, float]:
        r"""Precision, recall and F1 of the candidates that score as much or more.

        .. math:: F_1 = 2 P R / (P + R)

        Precision is 1 where no candidate is left: nothing wrong was said.
        """
        found = self.count(score)
        hits = int(self.right[:found].sum())
        precision, recall = hits / found if found else 1.0, hits / max(self.objects, 1)
        return precision, recall, 2 * hits / max(found + self.objects, 1)

    def average_precision(self, score: float = 0.0) -> float:
        """Precision, averaged over 101 recalls, if candidates below the score are left out.

        For each recall the best precision counts that is reached there or beyond, 0 where none is.
        So a cut at a score takes away the tail of the curve and can never raise the average.

        Source: Everingham et al. 2010, "The PASCAL visual object classes challenge", section 4.2;
        101 recalls as in COCO (Lin et al. 2014).
        """
        if not self.objects:
            return float("nan")
        found = self.count(score)
        envelope = np.maximum.accumulate(self.precision[:found][::-1])[::-1]
        place = np.searchsorted(self.recall[:found], _RECALLS, side="left")
        return float(np.append(envelope, 0.0)[place].mean())


def ranked(found: Sequence[Candidates], truth: Sequence[Tensor], overlap: float = 0.5) -> Ranked:
    """Which candidates are right: each object goes to the best one that overlaps it enough.

    Candidates choose in the order of their scores, each the free object that it overlaps most.
    A second box on the same object is wrong.

    Source: Lin et al. 2014, "Microsoft COCO", as its evaluator does it; 100 a picture count.

    Args:
        found: of each picture, after suppression.
        truth: the boxes of each picture, (k, 4); k may be 0.
        overlap: IoU that makes a box right, in (0, 1].

    Raises:
        ValueError: there are more of one than of the other.
    """
    if len(found) != len(truth):
        raise ValueError(f"truth must hold {len(found)} pictures, got {len(truth)}")
    counted = [one.counted for one in found]
    scores = [one.scores.numpy().astype(np.float64) for one in counted]
    right = [_right(one, boxes, overlap) for one, boxes in zip(counted, truth, strict=True)]
    joined = np.concatenate([*scores, np.empty(0)])
    order = np.argsort(-joined, kind="stable")
    flags = np.concatenate([*right, np.empty(0, bool)])[order]
    return Ranked(joined[order], flags, sum(map(len, truth)))


def _right(found: Candidates, truth: Tensor, overlap: float) -> NDArray[np.bool_]:
    overlaps = iou(found.boxes.double(), truth.double()).numpy()
    right = np.zeros(len(overlaps), bool)
    for place, row in enumerate(overlaps):
        if len(row) and row.max() >= overlap:
            right[place] = True
            overlaps[:, row.argmax()] = -1.0
    return right
