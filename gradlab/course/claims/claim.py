"""A claim, the rule that decides it, and the verdict that the rule computes from recorded runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

from gradlab.arguments import one_of
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import TooFewSeeds, over_seeds
from gradlab.course.claims.shown import Rows, listed, tabled
from gradlab.course.claims.sources import Statement, statement
from gradlab.course.sweep.records import Records

Word = Literal["holds", "fails", "depends", "not testable"]


def word_for(found: Iterable[bool]) -> Word:
    """``"holds"`` if a claim is so in all cases, ``"fails"`` if in none, else ``"depends"``."""
    each = list(found)
    return "holds" if all(each) else "depends" if any(each) else "fails"


@dataclass(frozen=True, repr=False, eq=False)
class Verdict:
    """What recorded runs say about a claim; shown, it says which and why.

    Args:
        word: the verdict.
        because: the numbers that it rests on, with their spread over seeds; for ``"depends"`` also
            on what.
        evidence: the same numbers, to be drawn; the most telling first.
        claim: which; ``Claim.verdict`` fills in this and what follows.
        records: the runs that it was computed from.
        cutoffs: by name, where the rule drew its lines.
    """

    word: Word
    because: str
    evidence: tuple[Evidence, ...] = ()
    claim: Claim | None = None
    records: Records = field(default_factory=lambda: Records((), ()))
    cutoffs: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one_of("word", self.word, get_args(Word))

    def at(self, **cutoffs: float) -> Verdict:
        """The verdict on the same runs with other cut-offs."""
        return self if self.claim is None else self.claim.verdict(self.records, **cutoffs)

    @property
    def again(self) -> str:
        """The command that makes the runs again, in as many processes as they were made in."""
        assert self.claim is not None
        made = [one.command.partition(" --workers ") for one in self.records.provenance[:1]]
        return f"gradlab claims --rerun {self.claim.number}" + "".join(
            how + number for _, how, number in made
        )

    @cached_property
    def nearby(self) -> dict[str, tuple[Word, Word]]:
        """By name of a cut-off, the verdicts at half and at double of it."""
        return {
            name: (
                self.at(**{**self.cutoffs, name: value / 2}).word,
                self.at(**{**self.cutoffs, name: value * 2}).word,
            )
            for name, value in self.cutoffs.items()
        }

    @property
    def sensitive(self) -> bool:
        """Whether half or double of a cut-off would give another verdict."""
        return any(word != self.word for words in self.nearby.values() for word in words)

    def __str__(self) -> str:
        return listed(self.rows())

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return tabled(self.rows())

    def rows(self) -> Rows:
        """What there is to say, each with its name."""
        if self.claim is not None:
            yield from self.claim.statement.rows()
            yield "rule", self.claim.rule
        yield "verdict", self.word
        yield "because", self.because
        if self.cutoffs:
            yield "cut-offs", self._told_of_cutoffs()
        if self.claim is not None and len(self.records):
            yield "runs", f"{_ended(self.records)} of `{self.claim.experiment}`"
        for one in self.records.provenance:
            yield "made on", f"{one.machine.hardware}; torch {one.machine.torch}"
            yield "made by", one.command
        if self.claim is not None:
            yield "again", self.again

    def _told_of_cutoffs(self) -> str:
        told = "; ".join(
            f"{name} {self.cutoffs[name]:g} (at half: {half}, at double: {double})"
            for name, (half, double) in self.nearby.items()
        )
        return f"{told}.{' The verdict is sensitive to where the line is drawn.' * self.sensitive}"


def _ended(records: Records) -> str:
    """How many runs there are, and how those ended that did not end well."""
    ended = Counter(row.status for row in records)
    odd = ", ".join(f"{ended[how]} {how}" for how in ended if how != "done")
    return f"{len(records)} runs" + (f" ({odd})" if odd else "")


@dataclass(frozen=True, eq=False)
class Claim:
    """How a source's claim is decided; written down before the runs were made.

    Args:
        number: of a statement in ``sources``, as in ``"S1-1"``.
        rule: the deciding rule in words: what is compared, in every one of how many seeds, by how
            much at least.
        decide: the rule as a function of records, and of the cut-offs by their names. Its verdict
            is computed; ``TooFewSeeds`` may pass through it.
        cutoffs: the numbers in the rule that somebody else might have chosen otherwise, by name.
        needs: parts of cells. A run belongs to the claim if its cell holds all that one of them
            holds; ``decide`` is given no other.

    Raises:
        ValueError: there is no such statement.
    """

    number: str
    rule: str
    decide: Callable[..., Verdict]
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    needs: tuple[Mapping[str, Any], ...] = ({},)

    def __post_init__(self) -> None:
        statement(self.number)

    @property
    def statement(self) -> Statement:
        """What the source says."""
        return statement(self.number)

    @property
    def says(self) -> str:
        """The claim, in one sentence."""
        return self.statement.says

    @property
    def experiment(self) -> str:
        """The name of the experiment whose runs decide."""
        return self.statement.experiment

    def uses(self, cell: Mapping[str, Any]) -> bool:
        """Whether the run of this cell belongs to the claim."""
        return any(part.items() <= cell.items() for part in self.needs)

    def verdict(self, records: Records, **cutoffs: float) -> Verdict:
        """What the records say; ``"not testable"`` where they hold fewer than five seeds.

        Args:
            records: of the claim's experiment; those runs that it does not need are left out.
            cutoffs: other values, by name.

        Raises:
            ValueError: the rule has no cut-off of such a name.
        """
        for name in cutoffs:
            one_of("a cut-off", name, self.cutoffs)
        drawn = {**self.cutoffs, **cutoffs}
        used = replace(records, rows=tuple(row for row in records if self.uses(row.cell)))
        try:
            over_seeds(used.axis("seed") if len(used) else [])
            found = self.decide(used, **drawn)
        except TooFewSeeds as error:
            found = Verdict("not testable", str(error))
        return replace(found, claim=self, records=used, cutoffs=drawn)
