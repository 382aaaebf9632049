"""Three shapes in a small picture: where does one stand, seen from another?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradlab.course.data.scenes import Dice, SceneData

_SIDE, _ROWS, _COLUMNS = 4, 3, 4  # pixels of a place, and places; a shape has three pixels
_SHAPES = np.array([[[1, 1, 1]] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]]], np.float32)


def relations(split: str = "train") -> SceneData:
    """Pictures of a red, a green and a blue shape; where is the red one, seen from the blue one?

    Each is a square or a cross, in a row and a column of places of its own, a pixel off or not. The
    four answers are left or right of it, and above or below; the green one does not matter.

    Source: in the manner of Sort-of-CLEVR, Santoro et al. 2017, "A simple neural network module
    for relational reasoning", section 4.3, which has larger pictures and asks in a question.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``: other pictures.

    Returns:
        Pictures (3, 12, 16).

    Raises:
        ValueError: ``split`` is something else.

    >>> pictures, targets = next(relations().batches(4, seed=0))
    >>> pictures.shape, targets.tolist()
    (torch.Size([4, 3, 12, 16]), [1, 3, 0, 2])
    """
    answers = "left, above", "left, below", "right, above", "right, below"
    return SceneData("relations", split, answers, (3, _ROWS * _SIDE, _COLUMNS * _SIDE), _draw)


def _draw(dice: Dice, n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    pictures = np.zeros((n, 3, _ROWS * _SIDE, _COLUMNS * _SIDE), np.float32)
    top, left = (_apart(dice, n, places) for places in (_ROWS, _COLUMNS))
    kinds = dice.below(2, n, 3)
    for colour in range(3):
        high = top[:, colour, None, None] + np.arange(3)[:, None]
        wide = left[:, colour, None, None] + np.arange(3)
        rows = np.arange(n)[:, None, None]
        pictures[rows, colour, high, wide] = _SHAPES[kinds[:, colour]]
    right, below = left[:, 0] > left[:, 2], top[:, 0] > top[:, 2]
    return pictures, 2 * right.astype(np.int64) + below


def _apart(dice: Dice, n: int, places: int) -> NDArray[np.int64]:
    """For each of three shapes a place that no other has, in pixels, (n, 3)."""
    order = np.argsort(dice.below(2**40, n, places), axis=1)[:, :3]
    return order * _SIDE + dice.below(2, n, 3)
