"""A claim, the rule that decides it, and the verdict that the rule computes from recorded runs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from gradlab.arguments import one_of
from gradlab.course.claims.seeds import TooFewSeeds, over_seeds
from gradlab.course.sweep.provenance import Provenance
from gradlab.course.sweep.records import Records

Word = Literal["holds", "fails", "depends", "not testable"]


@dataclass(frozen=True, repr=False)
class Verdict:
    """What recorded runs say about a claim; shown, it says which and why.

    Args:
        word: the verdict.
        because: the numbers that it rests on, with their spread over seeds; for ``"depends"`` also
            on what.
        claim: which; ``Claim.verdict`` fills it in.
        provenance: of the runs; likewise.
    """

    word: Word
    because: str
    claim: Claim | None = None
    provenance: tuple[Provenance, ...] = ()

    def __post_init__(self) -> None:
        one_of("word", self.word, get_args(Word))

    def __str__(self) -> str:
        rows = list(self._rows())
        width = max(len(name) for name, _ in rows) + 2
        return "\n".join(
            textwrap.fill(f"{name:{width}}{text}", 96, subsequent_indent=" " * width)
            for name, text in rows
        )

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        lines = [f"| {name} | {text.replace('|', chr(92) + '|')} |" for name, text in self._rows()]
        return "\n".join([lines[0], "|:--|:--|", *lines[1:]])

    def _rows(self) -> Iterator[tuple[str, str]]:
        if self.claim is not None:
            yield self.claim.number, self.claim.says
            yield "rule", self.claim.rule
        yield "verdict", self.word
        yield "because", self.because
        for one in self.provenance:
            yield "measured on", f"{one.machine.hardware}; torch {one.machine.torch}"
            yield "again", one.command


@dataclass(frozen=True)
class Claim:
    """What a source claims, and how it is decided; written down before the runs were made.

    Args:
        number: as in ``"S1-1"``: source, claim.
        says: the claim, in one sentence.
        rule: the deciding rule in words: what is compared, in every one of how many seeds, by how
            much at least.
        experiment: the name of the experiment whose records decide.
        decide: the rule as a function of these records. Its verdict is computed; ``TooFewSeeds``
            may pass through it.
    """

    number: str
    says: str
    rule: str
    experiment: str
    decide: Callable[[Records], Verdict]

    def verdict(self, records: Records) -> Verdict:
        """What the records say; ``"not testable"`` where they hold fewer than five seeds."""
        try:
            over_seeds(records.axis("seed") if len(records) else [])
            found = self.decide(records)
        except TooFewSeeds as error:
            found = Verdict("not testable", str(error))
        return replace(found, claim=self, provenance=records.provenance)
