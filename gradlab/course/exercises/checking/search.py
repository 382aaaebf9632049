"""The search for the smallest input on which a function breaks a law, by Hypothesis.

The seed is fixed and nothing is stored, so one function always gets one answer.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from gradlab.course.exercises.checking.judge import STOPS, Finding, Judge

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Case = tuple[Any, ...]
Cases = Callable[[], "SearchStrategy[Case]"]

CASES = 200
"""How many inputs are tried."""
MORE_CASES = 50
"""How many of them follow the first that breaks a law, in case a more telling law breaks."""
SMALLER_CASES = 500
"""How many calls may be spent on making a counterexample smaller."""
SECONDS = 1.0
"""The time that the function may take for all of them; a slow one is tried on fewer."""


class _Enough(BaseException):
    """Ends a search through all of Hypothesis, which stops for no mere Exception."""


def search(cases: Cases, judge: Judge) -> tuple[Finding | None, int]:
    """The first law that breaks, on the smallest input found, and how many inputs were tried."""
    finding: Finding | None = None
    tried, last = 0, CASES
    for case in _inputs(cases):
        if tried == last or judge.worker.seconds > SECONDS:
            break
        tried += 1
        found = judge(case)
        if found is None:
            continue
        last = min(last, tried + MORE_CASES)
        if finding is None or judge.order.index(found.law) < judge.order.index(finding.law):
            finding = found
        if found.law is STOPS:  # the worker answers no more
            return found, tried
    return finding and _smaller(cases, judge, finding), tried


@cache
def _inputs(cases: Cases) -> tuple[Case, ...]:
    """The inputs of an exercise, drawn once."""
    drawn: list[Case] = []

    def keep(case: Case) -> bool:
        drawn.append(case)
        return False

    _find(cases, keep)
    return tuple(drawn)


def _smaller(cases: Cases, judge: Judge, finding: Finding) -> Finding:
    """The finding on the smallest input that breaks the same law."""
    left = SMALLER_CASES

    def breaks_the_same_law(case: Case) -> bool:
        nonlocal finding, left
        if left == 0 or judge.worker.seconds > SECONDS:
            raise _Enough
        left -= 1
        found = judge(case)
        if found is not None and found.law is STOPS:
            finding = found
            raise _Enough
        if found is None or found.law is not finding.law:
            return False
        finding = found  # Hypothesis tries its smallest input last
        return True

    _find(cases, breaks_the_same_law)
    return finding


def _find(cases: Cases, condition: Callable[[Case], bool]) -> None:
    """Draw inputs until the condition is met, then smaller ones that meet it."""
    from hypothesis import Phase, Verbosity, find, settings
    from hypothesis.errors import HypothesisException

    # none was found, or enough were, or the function changes its mind
    with suppress(HypothesisException, _Enough), _nothing_stored():
        find(
            cases(),
            condition,
            settings=settings(
                max_examples=CASES,
                derandomize=True,
                database=None,
                deadline=None,
                phases=(Phase.generate, Phase.shrink),
                verbosity=Verbosity.quiet,
            ),
            random=Random(0),
        )


@contextmanager
def _nothing_stored() -> Iterator[None]:
    """Hypothesis's notes go to a folder that is thrown away, not into the student's."""
    from hypothesis.configuration import set_hypothesis_home_dir, storage_directory

    place: Any = storage_directory(intent_to_write=False)
    home = getattr(place, "home_directory", place)  # the folder itself, before Hypothesis 6.152
    with tempfile.TemporaryDirectory() as scratch:
        set_hypothesis_home_dir(scratch)
        try:
            yield
        finally:
            set_hypothesis_home_dir(home)
