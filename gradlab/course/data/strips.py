"""Strips of handwritten digits that overlap, to be read from left to right."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gradlab.arguments import one_of, whole
from gradlab.course.data import embedded
from gradlab.course.data.scenes import SPLITS, Dice, SceneData

_SIDE = 14  # pixels: MNIST's digits at half their size
_NEAREST, _FARTHEST = 9, 13  # pixels from one digit's left edge to the next one's


def digit_strips(split: str = "train", *, least: int = 2, most: int = 4) -> SceneData:
    """Strips of MNIST digits, half as large, that overlap by 1 to 5 pixels.

    Source: LeCun, Bottou, Bengio & Haffner 1998; that a recurrent network reads such strips without
    being told where a digit stands: Graves, Fernández, Gomez & Schmidhuber 2006.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``: no digit of one is in another. Test
            digits are the course's 1,000; of its 4,000 training digits every fifth validates.
        least: digits on a strip, 0 or more; 0: there are empty strips too.
        most: digits on a strip, ``least`` or more, and 1 at least.

    Returns:
        Pictures (1, 14, 14 + 13 (``most`` - 1), one more where that is odd); a target is the digits
        plus one, and 0 after the last: 0 is the blank of CTC.

    Raises:
        ValueError: an argument is out of range.
        ModuleNotFoundError: the package that holds the digits is not installed.

    >>> pictures, targets = next(digit_strips().batches(3, seed=0))
    >>> pictures.shape, targets.tolist()
    (torch.Size([3, 1, 14, 54]), [[8, 2, 3, 0], [2, 10, 5, 0], [1, 6, 0, 0]])
    """
    one_of("split", split, SPLITS)
    whole("most", most)
    whole("least", least, 0, most)
    images, labels = _digits(split)
    width = _SIDE + _FARTHEST * (most - 1)
    width += width % 2

    def draw(dice: Dice, n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        chosen, lengths = dice.below(len(images), n, most), least + dice.below(most - least + 1, n)
        strides = _NEAREST + dice.below(_FARTHEST - _NEAREST + 1, n, most)
        places = np.cumsum(strides, 1) - strides[:, :1]
        pictures = np.zeros((n, 1, _SIDE, width), np.float32)
        rows = np.arange(n)[:, None, None]
        high, wide = np.arange(_SIDE)[:, None], np.arange(_SIDE)
        for k in range(most):
            there = (k < lengths)[:, None, None]
            spot = rows, 0, high, places[:, k, None, None] + wide
            pictures[spot] = np.maximum(pictures[spot], images[chosen[:, k]] * there)
        targets = np.where(np.arange(most) < lengths[:, None], labels[chosen] + 1, 0)
        return pictures, targets

    return SceneData("strips", split, ("blank", *"0123456789"), (1, _SIDE, width), draw)


@lru_cache(maxsize=3)
def _digits(split: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The split's digits, float32 (n, 14, 14) in [0, 1], and their labels."""
    _, splits = embedded.digits()
    pixels, labels = splits["test" if split == "test" else "train"]
    if split != "test":
        validates = np.arange(len(labels)) % 5 == 4
        kept = validates if split == "validation" else ~validates
        pixels, labels = pixels[kept], labels[kept]
    quarters = pixels.reshape(-1, _SIDE, 2, _SIDE, 2).astype(np.float32)
    return quarters.mean((2, 4)) / 255, labels
