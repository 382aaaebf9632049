"""``gradlab claims``: what the sources claim, what the runs say, and the same runs again."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gradlab.cli.sweep import add_options, complete, ended
from gradlab.cli.words import fail

if TYPE_CHECKING:
    from gradlab.course.claims.entries import Entry
    from gradlab.course.sweep import Experiment


def add(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    claims = add_parser(
        "claims",
        help="say what the sources claim and what the recorded runs say, or make the runs again",
        description="Print the ledger: for each claim of the five sources its words, the rule that "
        "decides it, the recorded runs, the verdict, and the command that measures it again. With "
        "a number, print that claim. With --rerun, make the runs again that it needs, and print "
        "both verdicts: the exit status is 0 if they are the same, and 1 if not, or if a run met "
        "an error.",
    )
    claims.add_argument("name", nargs="?", metavar="CLAIM", help="its number, as S1-4")
    claims.add_argument(
        "--rerun", action="store_true", help="make the runs again, and compare the verdicts"
    )
    add_options(claims, "that of the recorded runs")


def run(arguments: argparse.Namespace) -> int:
    """Print the ledger, or a claim, or what its runs say when they are made again."""
    options = ("budget", "workers", "scheduler", "resume", "out")
    given = [f"--{name}" for name in options if getattr(arguments, name)]
    if given and not arguments.rerun:
        return fail(f"{given[0]} says how runs are to be made: it goes with --rerun")
    if arguments.rerun and not arguments.name:
        return fail("--rerun needs the number of a claim, as in: gradlab claims --rerun S1-4")

    from gradlab.course import lessons
    from gradlab.course.claims import ledger
    from gradlab.course.claims.sources import STATEMENTS

    if arguments.name not in (None, *STATEMENTS):
        known = ", ".join(STATEMENTS)
        return fail(f"there is no claim {arguments.name!r}, only: {known}")
    experiments = lessons.experiments()
    book = ledger(lessons.claims(), experiments)
    if not arguments.rerun:
        print(book[arguments.name] if arguments.name else book)
        return 0
    entry = book[arguments.name]
    name = entry.statement.experiment
    if entry.claim is None or name not in experiments:
        return fail(f"there are no runs of {arguments.name} to be made: {entry.because}")
    return _rerun(entry, experiments[name], arguments)


def _rerun(entry: "Entry", experiment: "Experiment", arguments: argparse.Namespace) -> int:
    from gradlab.course import device
    from gradlab.course.claims import ledger
    from gradlab.course.claims.shown import listed

    claim = entry.claim
    assert claim is not None
    needed = replace(
        experiment,
        cells=lambda budget: [cell for cell in experiment.cells(budget) if claim.uses(cell)],
    )
    made = [one.budget for one in entry.verdict.records.provenance] if entry.verdict else []
    budget = arguments.budget or next(iter(made), device.budget(None).name)
    records = complete(needed, arguments, budget, f"claims --rerun {claim.number}")
    if isinstance(records, int):
        return records
    again = ledger({claim.number: claim}, {needed.name: needed}, lambda _: records)[claim.number]
    print(listed([(claim.number, claim.says), ("rule", claim.rule)]))
    print(listed([("recorded", _told(entry)), ("again", _told(again))]))
    same = entry.verdict is None or entry.word == again.word
    return ended(records) or int(not same)


def _told(entry: "Entry") -> str:
    because = entry.verdict.because if entry.verdict else entry.because
    return f"{entry.word}: {because}"
