"""Reading without being told where a sign stands: CTC's loss, and what a network then reads."""

from __future__ import annotations

from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor

BLANK = 0


def ctc(outputs: Tensor, targets: Tensor) -> Tensor:
    """Minus the log of the probability of a target, over all ways to spread its signs.

    Each column says a sign or the blank; a sign said in several columns in a row counts once, so
    that two equal signs need a blank between them. The loss adds up all columns' answers that come
    to the target, is divided by the target's length, and averaged over the batch.

    Source: Graves, Fernández, Gomez & Schmidhuber 2006, "Connectionist temporal classification".

    Args:
        outputs: logits (batch, classes, length); class 0 is the blank.
        targets: int64 (batch, most), signs from 1 on, then zeros; all zeros: nothing is to be read.

    Raises:
        ValueError: a target needs more columns than there are: it would be infinite.

    Note:
        A network that says the blank everywhere has a loss that looks calm: look at what it reads.

    >>> float(ctc(torch.zeros(1, 3, 2), torch.tensor([[1]])).exp())  # 3 of 9 ways: 1-, -1, 11
    3.0
    """
    batch, _, length = outputs.shape
    lengths = (targets > BLANK).sum(1)
    repeated = ((targets[:, 1:] == targets[:, :-1]) & (targets[:, 1:] > BLANK)).sum(1)
    if (needed := int((lengths + repeated).max())) > length:
        raise ValueError(
            f"outputs must have {needed} columns or more for these targets, got {length}"
        )
    logs = outputs.movedim(-1, 0).log_softmax(-1)
    return F.ctc_loss(logs, targets, torch.full((batch,), length), lengths, blank=BLANK)


def read(outputs: Tensor) -> list[list[int]]:
    """What a network reads: the likeliest sign of each column, repeats joined, blanks left out.

    Args:
        outputs: logits (batch, classes, length).

    >>> says = torch.tensor([[0, 2, 2, 0, 2, 1]])
    >>> read(F.one_hot(says, 3).movedim(-1, 1).float())
    [[2, 2, 1]]
    """
    return [
        [sign for sign, _ in groupby(row) if sign != BLANK] for row in outputs.argmax(1).tolist()
    ]


def written(targets: Tensor) -> list[list[int]]:
    """Targets (batch, most) as lists, without the zeros behind them."""
    return [[sign for sign in row if sign != BLANK] for row in targets.tolist()]
