"""What an exercise is, and what checking an answer says."""

import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gradlab.course.exercises.checking.judge import (
    TAKES,
    WRITTEN,
    Finding,
    Judge,
    Law,
    is_unwritten,
)
from gradlab.course.exercises.checking.search import search
from gradlab.course.exercises.checking.values import ABSOLUTE, RELATIVE, form
from gradlab.course.exercises.checking.watch import watched

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

WIDTH = 96
"""Longer lines of text are broken, as a notebook does not."""


def wrap(text: str) -> str:
    """Text in lines of limited length."""
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False)


class Text(str):
    """Text that a notebook shows as it reads, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Code(Text):
    """Python source that a notebook shows in colour."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


class Grade(StrEnum):
    """What a check can come to."""

    NOT_WRITTEN = "not written yet"
    BROKEN = "not yet right"
    HOLDS = "all laws hold"


@dataclass(frozen=True, repr=False)
class Result:
    """What a check found; its repr is the message to the student.

    Args:
        exercise: the exercise's name.
        laws: what was checked.
        tried: how many inputs were generated, 0 if the function was not called or did not stop.
        finding: the first law that breaks, with what shows it on the smallest input found; None
            where all laws hold.
    """

    exercise: str
    laws: tuple[Law, ...]
    tried: int
    finding: Finding | None

    @property
    def grade(self) -> Grade:
        """What the check came to."""
        if self.finding is None:
            return Grade.HOLDS
        return Grade.NOT_WRITTEN if self.finding.law is WRITTEN else Grade.BROKEN

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if self.finding is None:
            yield f"{self.exercise}: {self.grade}, on {self.tried} generated inputs. It"
            yield from (f"  - {law.name}" for law in self.laws)
            yield f"Numbers are compared to {RELATIVE:g} of their size, or {ABSOLUTE:g} near zero."
        elif self.finding.law is WRITTEN:
            yield f"{self.exercise}: {self.grade}. Replace the dots, then check again."
            yield f"A first hint: exercises.{self.exercise}.hint()"
        else:
            yield f"{self.exercise}: {self.grade}. A right function {self.finding.law.name}."
            yield from (f"  {label:<10}{text}" for label, text in self.finding.rows)
            yield wrap(f"Idea: {self.finding.law.idea}")


@dataclass(frozen=True, repr=False, eq=False)
class Exercise:
    """A function to write, with everything that belongs to it.

    Args:
        task: what the function is to return, for its docstring.
        lines: about how many lines a solution takes.
        spec: the definition as slow and obvious Python; the oracle.
        answer: a solution in torch's words; its name is the exercise's.
        cases: makes the strategy of argument tuples.
        laws: what every right function obeys, the most telling first.
        hints: from an idea to nearly the code.
        mistakes: typical wrong answers, each with the law that catches it.
    """

    task: str
    lines: int
    spec: Callable[..., Any]
    answer: Callable[..., Any]
    cases: Callable[[], "SearchStrategy[tuple[Any, ...]]"]
    laws: tuple[Law, ...]
    hints: tuple[str, ...]
    mistakes: Mapping[Callable[..., Any], Law]
    _asked: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def name(self) -> str:
        """The name of the function to write."""
        return self.answer.__name__

    @property
    def signature(self) -> str:
        """The call to write a function for."""
        return f"{self.name}({', '.join(inspect.signature(self.answer).parameters)})"

    @property
    def stub(self) -> Code:
        """The cell that a notebook starts from."""
        head = f"def {self.name}{inspect.signature(self.answer)}:"
        if len(head) > WIDTH:
            head = head.replace("(", "(\n    ", 1).replace(") ->", "\n) ->", 1)
        task = wrap(f'"""{self.task}"""').replace("\n  ", "\n    ")
        lines = f"about {self.lines} line{'s' if self.lines > 1 else ''}"
        return Code(f"{head}\n    {task}\n    ...  # {lines}")

    def __repr__(self) -> str:
        return wrap(f"{self.signature}: {self.task}")

    def hint(self, tier: int | None = None) -> Text:
        """The next hint, or the one asked for; they go from an idea to nearly the code.

        Args:
            tier: 1 for the first hint; None for the one after the last that was shown.

        Raises:
            ValueError: if `tier` is not the number of a hint.
        """
        count = len(self.hints)
        if tier is None:
            tier = min(next(self._asked), count)
        elif tier not in range(1, count + 1):
            raise ValueError(f"tier must be from 1 to {count}, got {tier!r}")
        more = "" if tier < count else f" After this one: exercises.{self.name}.solution()"
        return Text(wrap(f"Hint {tier} of {count}: {self.hints[tier - 1]}{more}"))

    def solution(self) -> Code:
        """The source code of a solution."""
        return Code(inspect.getsource(self.answer).rstrip())

    def check(self, function: Callable[..., Any]) -> Result:
        """What the laws of the exercise say about a function, within about two seconds.

        A few hundred inputs are generated, always the same; where a law breaks, the result shows
        the smallest input found. Whatever the function does (raise, loop, change its input), a
        result comes back, and the process is left as it was.

        Args:
            function: what the student wrote, with the arguments of the stub.

        Returns:
            The grade, with its evidence; shown, it is the message to the student.

        Example:
            >>> from gradlab.course import exercises
            >>> exercises.clip_by_value.check(lambda gradient, clip_value: gradient).grade
            <Grade.BROKEN: 'not yet right'>

        Raises:
            ModuleNotFoundError: if Hypothesis, which generates the inputs, is not installed.
        """
        if find_spec("hypothesis") is None:
            raise ModuleNotFoundError("check needs the package hypothesis: pip install hypothesis")
        with watched() as worker:
            judge = Judge(self.name, function, self.spec, self.laws, worker)
            misuse = self._misuse(function)
            finding, tried = (misuse, 0) if misuse else search(self.cases, judge)
        if worker.thread.is_alive() and finding is not None:
            rest = ("note", "it still runs in the background: restart the kernel to end it")
            finding = replace(finding, rows=(*finding.rows, rest))
        return Result(self.name, judge.laws, tried, finding)

    def _misuse(self, function: Any) -> Finding | None:
        """What can be said without calling the function."""
        expected = ("expected", self.signature)
        if not callable(function):
            advice = f"{form(function)}: pass the function itself, without brackets"
            return Finding(TAKES, (expected, ("got", advice)))
        with suppress(ValueError):  # a builtin may not say what it takes
            signature = inspect.signature(function)
            try:
                signature.bind(*inspect.signature(self.answer).parameters)
            except TypeError:
                name = getattr(function, "__name__", form(function))
                got = f"{name}({', '.join(signature.parameters)})"
                return Finding(TAKES, (expected, ("got", got)))
        return Finding(WRITTEN) if is_unwritten(function) else None
