"""The ledger: everything that the sources claim, and what the recorded runs say about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from gradlab.arguments import one_of
from gradlab.course.claims.claim import Claim, Verdict, Word
from gradlab.course.claims.shown import Rows, in_markdown, listed, tabled
from gradlab.course.claims.sources import SOURCES, STATEMENTS, Statement
from gradlab.course.sweep import Experiment, recorded
from gradlab.course.sweep.plain import key
from gradlab.course.sweep.records import Records

UNMEASURED = "not measured yet"
WORDS = (*get_args(Word), UNMEASURED)
"""All that an entry can come to."""


@dataclass(frozen=True, repr=False, eq=False)
class Entry:
    """What is known about one statement.

    Args:
        statement: what a source says.
        verdict: what the runs say; None where there is none.
        claim: how it is decided; None where no lesson has said.
        because: why there is no verdict.
        missing: how many runs are not recorded that the claim needs.
    """

    statement: Statement
    verdict: Verdict | None = None
    claim: Claim | None = None
    because: str = ""
    missing: int = 0

    @property
    def word(self) -> str:
        """One of ``WORDS``."""
        return UNMEASURED if self.verdict is None else self.verdict.word

    @property
    def number(self) -> str:
        """The most telling number, with its range over seeds, or why there is none."""
        if self.verdict is None:
            return self.because
        return str(next(iter(self.verdict.evidence), self.verdict.because))

    def __str__(self) -> str:
        return listed(self.rows())

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return tabled(self.rows())

    def rows(self) -> Rows:
        """What there is to say, each with its name."""
        if self.verdict is not None:
            yield from self.verdict.rows()
            if self.missing:
                yield "missing", f"{self.missing} runs that the claim needs are not recorded"
            return
        yield from self.statement.rows()
        if self.claim is not None:
            yield "rule", self.claim.rule
        yield "verdict", self.word
        yield "because", self.because


@dataclass(frozen=True, repr=False, eq=False)
class Ledger:
    """Entries, in the sources' order; shown, it is all of them."""

    entries: tuple[Entry, ...]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: str) -> Entry:
        by_number = {entry.statement.number: entry for entry in self}
        one_of("number", number, by_number)
        return by_number[number]

    def where(self, *, source: str | None = None, word: str | None = None) -> Ledger:
        """The entries of one source, or with one verdict, or both.

        Raises:
            ValueError: there is no such source or verdict.
        """
        one_of("source", source, (*SOURCES, None))
        one_of("word", word, (*WORDS, None))
        chosen = tuple(
            entry
            for entry in self
            if source in (None, entry.statement.source.name) and word in (None, entry.word)
        )
        return replace(self, entries=chosen)

    @property
    def count(self) -> str:
        """How many claims came to what."""
        came = Counter(entry.word for entry in self)
        told = ", ".join(f"{came[word]} {word}" for word in WORDS if word in came)
        return f"{len(self)} claims" + (f": {told}" if told else "")

    def __str__(self) -> str:
        return "\n\n".join([*map(str, self), self.count])

    def __repr__(self) -> str:
        return self.count

    def _repr_markdown_(self) -> str:
        lines = ["| | claim | verdict | first of its numbers |", "|:--|:--|:--|:--|"]
        for entry in self:
            one = entry.statement
            moved = entry.verdict is not None and entry.verdict.sensitive
            word = entry.word + ", sensitive to its cut-off" * moved
            number = one.number.replace("-", "\N{NON-BREAKING HYPHEN}")
            lines.append(in_markdown(number, one.says, word, entry.number))
        return "\n".join(lines)


def ledger(
    claims: Mapping[str, Claim],
    experiments: Mapping[str, Experiment],
    read: Callable[[str], Records] = recorded,
) -> Ledger:
    """The ledger: an entry for every statement of the sources.

    Args:
        claims: by number, as ``lessons.claims()`` gives them.
        experiments: by name, as ``lessons.experiments()`` gives them.
        read: the runs of an experiment, by its name.

    Note:
        Where runs are missing, damaged or of another grid, the entry says so, and has no verdict.
    """
    runs = {
        name: _runs(name, experiments, read) for name in {c.experiment for c in claims.values()}
    }
    return Ledger(tuple(_entry(one, claims.get(one.number), runs) for one in STATEMENTS.values()))


Grid = dict[str, dict[str, Any]]


def _runs(
    name: str, experiments: Mapping[str, Experiment], read: Callable[[str], Records]
) -> tuple[Records, Grid] | str:
    """The recorded runs of an experiment and their grid's cells, or what is wrong with them."""
    if name not in experiments:
        return f"there is no experiment {name!r}"
    try:
        records = read(name)
        grid: Grid = {}
        for budget in {one.budget for one in records.provenance}:
            grid |= experiments[name].grid(budget)
    except (OSError, ValueError) as error:
        return str(error)
    if not len(records):
        return f"no runs of {name!r} are recorded"
    for other in {one.experiment for one in records.provenance} - {name}:
        return f"the records must hold runs of {name!r}, and hold some of {other!r}"
    if strange := sum(key(row.cell) not in grid for row in records):
        return (
            f"{strange} of the {len(records)} recorded runs are of another grid: they are no cells "
            f"of the experiment {name!r} as it is now"
        )
    return records, grid


def _entry(
    one: Statement, claim: Claim | None, runs: Mapping[str, tuple[Records, Grid] | str]
) -> Entry:
    if claim is None:
        return Entry(one, because=f"no lesson measures it yet; {one.experiment!r} is to")
    found = runs[claim.experiment]
    if isinstance(found, str):
        return Entry(one, claim=claim, because=found)
    records, grid = found
    try:
        verdict = claim.verdict(records)
    except ValueError as error:  # where runs of one kind are recorded and those beside them are not
        return Entry(one, claim=claim, because=f"the rule cannot read these runs: {error}")
    needed = sum(map(claim.uses, grid.values()))
    return Entry(one, verdict, claim, missing=needed - len(verdict.records))
