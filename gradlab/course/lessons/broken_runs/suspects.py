"""What you see, what to suspect, and what tells the suspects apart."""

from __future__ import annotations

from dataclasses import dataclass

from gradlab.course.lessons.broken_runs.faults import (
    APART,
    BATCH,
    BF16,
    DEAD,
    DECAY,
    FROZEN,
    GAIN,
    PILED,
    RATE,
    SOFTMAX,
    SORTED,
    UNSCALED,
)
from gradlab.course.lessons.broken_runs.running import Edits


@dataclass(frozen=True)
class Row:
    """Two faults that look alike.

    Args:
        seen: in the picture, of both.
        suspects: the names of the two.
        apart: the experiment, or the look, that tells them apart.
        edits: of both broken scripts: the experiment. It cures the first suspect, and not the
            second. Empty: a look is enough, since each shows its own sign and not the other's.
    """

    seen: str
    suspects: tuple[str, str]
    apart: str
    edits: Edits = ()


ROWS = (
    Row(
        "the loss becomes NaN",
        (RATE, BATCH),
        "The same seed at a rate of 0.01: the first is cured, the other is NaN at the same step.",
        (("    loader =", '    optimizer.param_groups[0]["lr"] = 0.01\n    loader ='),),
    ),
    Row(
        "the loss rests at ln(classes), hardly anything arrives at the first layers",
        (GAIN, DEAD),
        "The histogram of a first layer: tiny, or exactly zero?",
    ),
    Row(
        "the loss rests at ln(classes)",
        (APART, GAIN),
        "The norms of the first steps: all layers ordinary and falling, or the first layers tiny?",
    ),
    Row(
        "the loss does not fall, the gradients are tiny",
        (UNSCALED, GAIN),
        "Leave the clip out: in the first, the norm is of ordinary size again, times the scale.",
    ),
    Row(
        "the norm rises",
        (RATE, PILED),
        "How fast? By powers of ten in a few steps, or smoothly over dozens.",
    ),
    Row(
        "the loss stops too high",
        (SOFTMAX, DECAY),
        "Its lowest value: never below ln(e + classes - 1) - 1? And the norms of the gains.",
    ),
    Row(
        "the test loss stays high",
        (SORTED, APART),
        "Is the loss of a batch sometimes near zero, in a saw? Print the labels of one batch.",
    ),
    Row(
        "a weight never moves",
        (FROZEN, BF16),
        "The left map: no gradient (grey), or a gradient that is not followed?",
    ),
    Row(
        "only the gains are odd",
        (DECAY, BF16),
        "Without weight decay: the first is cured, in the other the gains still do not move.",
        (("    loader =", '    optimizer.param_groups[1]["weight_decay"] = 0.0\n    loader ='),),
    ),
)


def table() -> Table:
    """The rows, to be shown by a notebook as a table."""
    return Table()


class Table:
    """The rows; a notebook shows them in its own type."""

    def _repr_markdown_(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        head = ["| what you see | what to suspect | what tells them apart |", "|---|---|---|"]
        rows = [f"| {row.seen} | {'; '.join(row.suspects)} | {row.apart} |" for row in ROWS]
        return "\n".join([*head, *rows])
