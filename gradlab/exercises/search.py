"""The search for the smallest input on which a function breaks a law, by Hypothesis."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from gradlab.exercises.judge import STOPS, Finding, Judge

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Case = tuple[Any, ...]

CASES = 200
"""How many inputs are tried."""
MORE_CASES = 50
"""How many of them follow the first that breaks a law, in case a more telling law breaks."""
SMALLER_CASES = 500
"""How many more are tried to make a counterexample smaller."""
SECONDS = 1.0
"""The time that the function may take for all of them; a slow one is tried on fewer."""


class _Enough(BaseException):
    """Ends a search through all of Hypothesis, which stops for nothing less."""


@dataclass
class Search:
    """First all inputs, for the first law that breaks; then smaller inputs that break the same.

    The seed is fixed and nothing is stored, so one function always gets one answer.
    """

    cases: "SearchStrategy[Case]"
    judge: Judge
    tried: int = 0
    finding: Finding | None = None
    _left: int = CASES

    def run(self) -> Finding | None:
        """The broken law with the smallest input that was found for it, or None."""
        with _nothing_stored():
            self._find(self._explore)
            if self.finding is not None and self.finding.law is not STOPS:
                self._left = SMALLER_CASES
                self._find(self._shrink)
        return self.finding

    def _find(self, condition: Callable[[Case], bool]) -> None:
        from hypothesis import Phase, Verbosity, find, settings
        from hypothesis.errors import HypothesisException

        # none was found, or enough were, or the function changes its mind
        with suppress(HypothesisException, _Enough):
            find(
                self.cases,
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

    def _explore(self, case: Case) -> bool:
        finding = self._judged(case)
        self.tried += 1
        if finding is not None:
            self._left = min(self._left, MORE_CASES)
            if self.finding is None or self._rank(finding) < self._rank(self.finding):
                self.finding = finding
        return False

    def _shrink(self, case: Case) -> bool:
        finding = self._judged(case)
        if self.finding is None or finding is None or finding.law is not self.finding.law:
            return False
        self.finding = finding  # Hypothesis tries its smallest input last
        return True

    def _rank(self, finding: Finding) -> int:
        return self.judge.order.index(finding.law)

    def _judged(self, case: Case) -> Finding | None:
        if self._left == 0 or self.judge.worker.seconds > SECONDS:
            raise _Enough
        self._left -= 1
        finding = self.judge(case)
        if finding is not None and finding.law is STOPS:  # the worker answers no more
            self.finding = finding
            raise _Enough
        return finding


@contextmanager
def _nothing_stored() -> Iterator[None]:
    """Hypothesis's notes go to a folder that is thrown away, not into the student's."""
    from hypothesis.configuration import set_hypothesis_home_dir, storage_directory

    home = storage_directory(intent_to_write=False).home_directory
    with tempfile.TemporaryDirectory() as scratch:
        set_hypothesis_home_dir(scratch)
        try:
            yield
        finally:
            set_hypothesis_home_dir(home)
