"""Temporal order: two markers, far apart among letters that say nothing; in which order?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradlab.arguments import whole
from gradlab.course.data.scenes import Dice, SceneData

LETTERS = "abcdXY"


def temporal_order(split: str = "train", *, length: int = 50) -> SceneData:
    """Sequences of letters with two markers, X or Y, of which the order is asked.

    One marker stands in the second tenth of a sequence, one in the fifth; all other places hold
    a, b, c or d at random. The four answers are XX, XY, YX and YY: whoever answers at the end has
    to carry the first marker along for some four fifths of the sequence.

    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory", section 5.6, task 6a; Pascanu,
    Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks", section 4.1.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``: other sequences.
        length: letters of a sequence, 10 or more.

    Returns:
        Pictures (1, 6, ``length``): in each column one of six rows is lit. The original has two
        more letters, which mark the start and the end, and lengths from 100 to 110.

    Raises:
        ValueError: an argument is out of range.

    >>> scenes = temporal_order()
    >>> pictures, targets = next(scenes.batches(4, seed=0))
    >>> "".join(LETTERS[row] for row in pictures[0, 0].argmax(0)[:26])
    'dbabdXdbdbaaadbcccabaaadXb'
    >>> scenes.classes[targets[0]]
    'XX'
    """
    whole("length", length, 10)

    def draw(dice: Dice, n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        letters, rows = dice.below(4, n, length), np.arange(n)
        tenth = length // 10
        first, second = dice.below(2, n), dice.below(2, n)
        letters[rows, tenth + dice.below(tenth, n)] = 4 + first
        letters[rows, 4 * tenth + dice.below(tenth, n)] = 4 + second
        pictures = np.eye(6, dtype=np.float32)[letters].swapaxes(1, 2)[:, None]
        return np.ascontiguousarray(pictures), 2 * first + second

    return SceneData("order", split, ("XX", "XY", "YX", "YY"), (1, 6, length), draw)
