"""What you see, what to suspect, and the experiment that tells the suspects apart."""

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
    fault,
)
from gradlab.course.lessons.broken_runs.running import Edits, Run, edited, run

_LOADER, _WATCHED = "    loader =", "    with watch("


@dataclass(frozen=True)
class Experiment:
    """One change, made in both of two broken scripts.

    Args:
        name: what is changed, in words.
        edits: (old, new) pieces of either script's code.
    """

    name: str
    edits: Edits

    def on(self, suspect: str, seed: int) -> Run:
        """The run of a fault's script with the change."""
        one = fault(suspect)
        return run(edited(one.script, (*one.edits, *self.edits)), seed)


@dataclass(frozen=True)
class Row:
    """Two faults that look alike.

    Args:
        seen: in the picture, of both.
        suspects: the names of the two.
        apart: the look that tells them apart.
        experiment: the change that tells them apart.
        cured: the suspect that it cures, and not the other.
    """

    seen: str
    suspects: tuple[str, str]
    apart: str
    experiment: Experiment
    cured: str


def _before(place: str, *lines: str) -> Edits:
    return ((place, "".join(f"    {line}\n" for line in lines) + place),)


_SLOW = Experiment(
    "a learning rate of 0.01", _before(_LOADER, 'optimizer.param_groups[0]["lr"] = 0.01')
)
_SLOWER = Experiment(
    "a tenth of the learning rate",
    _before(_LOADER, "for group in optimizer.param_groups:", '    group["lr"] /= 10'),
)
_DRAWN = Experiment(
    "the weights drawn anew, with He's gain",
    _before(
        _LOADER,
        "for part in model.children():",
        "    if isinstance(part, nn.Linear):",
        '        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")',
    ),
)
_SPARED = Experiment(
    "no weight decay",
    _before(_LOADER, "for group in optimizer.param_groups:", '    group["weight_decay"] = 0.0'),
)
_SHUFFLED = Experiment(
    "batches shuffled",
    _before(_WATCHED, "loader = DataLoader(digits, batch_size=64, shuffle=True)"),
)
_THAWED = Experiment(
    "a gradient asked for in every layer", _before(_LOADER, "model.requires_grad_(True)")
)

ROWS = (
    Row(
        "the loss becomes NaN",
        (RATE, BATCH),
        "The steps before: does the norm rise, or is everything ordinary?",
        _SLOW,
        RATE,
    ),
    Row(
        "the loss rests at ln(classes), hardly anything arrives at the first layers",
        (DEAD, GAIN),
        "The histogram of a first layer: exactly zero, or tiny?",
        _DRAWN,
        GAIN,
    ),
    Row(
        "the loss rests at ln(classes)",
        (APART, GAIN),
        "The norms of the first steps: ordinary and falling, or all weights tiny?",
        _DRAWN,
        GAIN,
    ),
    Row(
        "the loss does not fall, the gradients are tiny",
        (UNSCALED, GAIN),
        "The curve of the norm: the same at every step, or rough? And do the biases fade?",
        _DRAWN,
        GAIN,
    ),
    Row(
        "the norm rises",
        (RATE, PILED),
        "How fast? By powers of ten in a few steps, or smoothly over dozens.",
        _SLOWER,
        RATE,
    ),
    Row(
        "the loss stops too high",
        (SOFTMAX, DECAY),
        "Its lowest value: never below ln(e + classes - 1) - 1? And the norms of the gains.",
        _SPARED,
        DECAY,
    ),
    Row(
        "the test loss stays high",
        (SORTED, APART),
        "Is the loss of a batch sometimes near zero, in a saw? Print the labels of one batch.",
        _SHUFFLED,
        SORTED,
    ),
    Row(
        "a weight never moves",
        (BF16, FROZEN),
        "The left map: a gradient that is not followed, or no gradient (grey)?",
        _THAWED,
        FROZEN,
    ),
    Row(
        "only the gains are odd",
        (DECAY, BF16),
        "The map 'norm of the weight': do the gains fall, or do they never move?",
        _SPARED,
        DECAY,
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
        lines = [
            "| what you see | what to suspect | a look that tells | an experiment that tells |",
            "|---|---|---|---|",
        ]
        for row in ROWS:
            cells = row.seen, "; ".join(row.suspects), row.apart, row.experiment.name
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)
