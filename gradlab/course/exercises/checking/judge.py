"""One call of a student's function, judged: which law does it break, and what shows it?"""

import dis
import inspect
import linecache
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any

from gradlab.course.exercises.checking.values import (
    MisfitError,
    agree,
    copied,
    fitted,
    show,
    tensors,
    unchanged,
)
from gradlab.course.exercises.checking.watch import CALL_SECONDS, Overdue, Worker


@dataclass(frozen=True)
class Law:
    """What every right function obeys.

    Args:
        name: what a right function does, as in "it ...".
        idea: one sentence on why it is so.
        holds: called with the arguments and then the answer, which already has the right form; None
            where the judge itself decides.
    """

    name: str
    idea: str
    holds: Callable[..., bool] | None = None


TAKES = Law("takes the arguments of the exercise", "The first line of the stub shows them.")
WRITTEN = Law("is written", "Replace the dots.")
STOPS = Law(f"answers within {CALL_SECONDS:g} s", "Does every loop come closer to its end?")
ANSWERS = Law("answers every input", "An exception here would end a training run.")
UNTOUCHED = Law(
    "leaves its arguments as they were",
    "The caller still needs them, so build new tensors. Methods that end in an underscore, `+=` "
    "and `tensor[...] =` change the old ones.",
)
IN_PLACE = Law(
    "changes the tensors that it is given",
    "The optimizer reads those very tensors. `gradient.mul_(2)` changes one; "
    "`gradient = gradient * 2` only gives a new one its name.",
)
FORM = Law(
    "gives an answer of the right form", "Type, length, shape and dtype are part of the answer."
)
AGREES = Law("agrees with the definition", "The definition, worked out slowly, says otherwise.")


@dataclass(frozen=True)
class Finding:
    """A broken law, with (label, text) rows that show it."""

    law: Law
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Judge:
    """Says which law a function breaks on a case.

    A name that ends in an underscore means in place: the answer is then the pair of what the
    function returns and what has become of its first argument.
    """

    name: str
    function: Callable[..., Any]
    spec: Callable[..., Any]
    own_laws: tuple[Law, ...]
    worker: Worker

    @cached_property
    def in_place(self) -> bool:
        """Whether the exercise is to change its first argument."""
        return self.name.endswith("_")

    @cached_property
    def laws(self) -> tuple[Law, ...]:
        """What a right function obeys: the laws of every exercise, and its own."""
        argument = IN_PLACE if self.in_place else UNTOUCHED
        return (ANSWERS, argument, FORM, *self.own_laws, AGREES)

    @cached_property
    def order(self) -> tuple[Law, ...]:
        """All laws, the first to be told of first."""
        return (WRITTEN, STOPS, *self.laws)

    def __call__(self, case: tuple[Any, ...]) -> Finding | None:
        """The first law that breaks, or None."""
        reference, given = copied(case), copied(case)
        expected = self._outcome(self.spec(*reference), reference)
        kept = copied(given, keep_tensors=True)  # a list may lose its tensors during the call

        def finding(law: Law, *rows: tuple[str, str]) -> Finding:
            about = (("given", self.call_text(case)), ("expected", self._shown(expected)))
            printed = self.worker.printed.getvalue().strip()
            return Finding(law, (*about, *rows, *((("printed", cut(printed)),) if printed else ())))

        try:
            answer, error = self.worker.call(self.function, given)
        except Overdue:
            return finding(STOPS, ("got", "no answer"))
        if isinstance(error, NotImplementedError) and self._says_so_itself():
            return finding(WRITTEN)
        if error is not None:
            return finding(ANSWERS, ("raised", message(error)), *self._line(error))
        outcome = self._outcome(answer, kept)
        try:
            if any(
                part is ... for part in (answer if isinstance(answer, list | tuple) else [answer])
            ):
                return finding(WRITTEN)
            if not self.in_place and not (unchanged(case, given) and unchanged(case, kept)):
                return finding(UNTOUCHED, ("became", self.call_text(kept)))
            if self._shows_in_place(case, reference) and unchanged(case, kept):
                return finding(IN_PLACE, ("got", self._shown(outcome)))
            outcome = fitted(expected, outcome)
            for law in self.own_laws:
                if law.holds is not None and not law.holds(*case, outcome):
                    return finding(law, ("got", self._shown(outcome)))
            if agree(expected, outcome):
                return None
            return finding(AGREES, ("got", self._shown(outcome)))
        except MisfitError as misfit:
            return finding(FORM, ("got", self._shown(outcome)), ("form", str(misfit)))
        except Exception as odd:  # an answer that cannot even be compared
            return finding(FORM, ("got", f"what cannot be compared: {message(odd)}"))

    def _shows_in_place(self, case: tuple[Any, ...], reference: tuple[Any, ...]) -> bool:
        """Whether a change must be seen: of several tensors, a wrong rule may spare every one."""
        alone = self.in_place and len(list(tensors(case[0]))) == 1
        return alone and not unchanged(case, reference)

    def _outcome(self, answer: Any, arguments: tuple[Any, ...]) -> Any:
        return (answer, arguments[0]) if self.in_place else answer

    def _shown(self, outcome: Any) -> str:
        if not self.in_place:
            return show(outcome)
        return f"{show(outcome[0])}, and {show(outcome[1])} in place"

    def call_text(self, arguments: tuple[Any, ...]) -> str:
        """A call as one would type it."""
        return f"{self.name}({', '.join(show(argument) for argument in arguments)})"

    def _says_so_itself(self) -> bool:
        """Whether a NotImplementedError is the student's own; torch raises some too."""
        code = code_of(self.function)
        return code is not None and "NotImplementedError" in code.co_names

    def _line(self, error: BaseException) -> tuple[tuple[str, str], ...]:
        """The last line in the student's own file that an exception passed."""
        code = code_of(self.function)
        here = [
            (frame.f_code.co_filename, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if code is not None and frame.f_code.co_filename == code.co_filename
        ]
        return tuple((f"line {at[1]}", linecache.getline(*at).strip()) for at in here[-1:])


def is_unwritten(function: Callable[..., Any]) -> bool:
    """Whether a function's body is empty: `...`, `pass` or a docstring alone."""
    code = code_of(function)
    if code is None or code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname not in {"RESUME", "NOP"}]
    does_nothing = {"LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return all(step.opname in does_nothing and step.argval is None for step in steps)


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """The bytecode of a function, None for builtins and other callables."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code if isinstance(code, CodeType) else None


def message(error: BaseException) -> str:
    """An exception in one line, without addresses in memory, which differ from run to run."""
    text = traceback.format_exception_only(error)[-1].strip()
    return cut(re.sub(r"0x[0-9a-f]+", "0x...", text))


def cut(text: str, limit: int = 200) -> str:
    """Text in one line of limited length."""
    line = " / ".join(text.splitlines())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
