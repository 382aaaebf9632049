"""The table: what the run's own rule did, and what others would have done."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gradlab.arguments import one_of
from gradlab.clip import ByNorm, Rule
from gradlab.recording import Recording
from gradlab.recording.compared import own
from gradlab.report.below import below

Style = Literal["markdown", "latex"]

_HEAD = (
    "rule",
    "fires at",
    "median coefficient",
    "smallest",
    "smallest cosine",
    "median norm after",
    "largest share",
)


def table(
    recording: Recording,
    rules: Iterable[Rule] | None = None,
    *,
    style: Style = "markdown",
) -> str:
    """A table to paste: what the run's own rule did, and what others would have done.

    A row for each rule: how often it fires; median and smallest coefficient, and smallest cosine,
    of the steps that it clips; median of the norm after, over all steps; and of the steps that it
    clips the layer that spends most of the norm, with its mean share of the squared norm. A line
    below says so where something clipped the gradients before they were recorded, and where a row
    comes from counts of a sample, of how many elements.

    Args:
        recording: of a run with a gradient that is finite and not zero.
        rules: that ``recording.what_if`` takes; None: as ``recording.suggest()`` says.
        style: "markdown" or "latex" (a ``tabular``; no package is needed).

    Raises:
        ValueError: ``style`` is unknown, or ``figure`` would refuse the recording.
        TypeError: a rule is of another kind.

    Note:
        All rows but the first are counterfactuals: with another threshold the run would have gone
        elsewhere.
    """
    one_of("style", style, _WRITERS)
    named: list[tuple[Rule, str]]
    if rules is None:
        named = [(ByNorm(one.max_norm), f" ({one.says})") for one in recording.suggest().each]
    else:
        named = [(rule, "") for rule in rules]
    rows, counted = [_of_the_run(recording)], False
    for rule, says in named:
        would = recording.what_if(rule)
        did = (would.fired, would.coefficient, would.cosine, would.norm_after)
        rows.append((*_row(_label(rule) + says, *did), _spent(recording, would.steps[would.fired])))
        counted |= would.stride > 1
    return _WRITERS[style]([_HEAD, *rows], below(recording, sampled=counted))


def _label(rule: Rule) -> str:
    return f"{rule.label}, {rule.bound_name} = {rule.bound:.3g}"


def _of_the_run(recording: Recording) -> tuple[str, ...]:
    """What was: as recorded, with whatever rule."""
    after = recording.coefficient * recording.total_norm
    known = recording.clip is not None and recording.clip.part == "everything"  # turns nothing
    cosine = np.full(len(recording), 1.0 if known else np.nan)
    rule = own(recording)
    none = "clipped before" if recording.clipped_before else "no clipping"
    label = f"{_label(rule) if rule else recording.clip or none} (the run)"
    row = _row(label, recording.fired, recording.coefficient, cosine, after)
    return *row, _spent(recording, np.flatnonzero(recording.fired))


def _spent(recording: Recording, steps: NDArray[np.int64]) -> str:
    """The layer with the largest mean share of the squared norm at these steps, and that share."""
    shares = np.nan_to_num(recording.shares()[steps])
    known = shares[shares.any(axis=1)]
    if not len(known):
        return "–"
    mean = known.mean(axis=0)
    return f"{recording.layers[int(mean.argmax())]} {mean.max():.0%}"


def _row(
    label: str,
    fired: NDArray[np.bool_],
    coefficient: NDArray[np.float64],
    cosine: NDArray[np.float64],
    after: NDArray[np.float64],
) -> tuple[str, ...]:
    met = np.isfinite(after)
    hit = fired & met
    share = f"{hit.sum():,} of {met.sum():,} ({100 * hit.sum() / max(met.sum(), 1):.3g} %)"
    numbers = [
        np.median(coefficient[hit]) if hit.any() else np.nan,
        coefficient[hit].min(initial=np.inf),
        cosine[hit].min(initial=np.inf),
        np.median(after[met]) if met.any() else np.nan,
    ]
    return label, share, *(f"{x:.3g}" if np.isfinite(x) else "–" for x in numbers)


def _markdown(rows: Sequence[Sequence[str]], below: str) -> str:
    head, *body = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    rule = ["---", *["---:"] * (len(head) - 1)]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *body)]
    return "\n".join([*lines, "", below] if below else lines)


def _latex(rows: Sequence[Sequence[str]], below: str) -> str:
    head, *body = [" & ".join(map(_in_latex, row)) + r" \\" for row in rows]
    columns = "l" + "r" * (len(rows[0]) - 1)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\hline", head, r"\hline", *body, r"\hline"]
    lines += [r"\end{tabular}", *([r"\par " + _in_latex(below)] if below else [])]
    return "\n".join(lines)


def _in_latex(text: str) -> str:
    """The text with LaTeX's special characters escaped, and 1.2e-05 as a power of ten."""
    text = text.translate(_ESCAPES)
    return re.sub(
        r"(?<![\w.])(\d\.?\d*)e([+-]\d+)",
        lambda found: rf"${found[1]} \times 10^{{{int(found[2])}}}$",
        text,
    )


_ESCAPES = str.maketrans(
    {character: rf"\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"–": "--", "×": r"$\times$", "<": r"$<$", ">": r"$>$"}
)
_WRITERS = {"markdown": _markdown, "latex": _latex}
