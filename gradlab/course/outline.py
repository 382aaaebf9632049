"""What a notebook of the course says of itself: its question, its time, what it teaches."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from gradlab.course.notebooks import checks

_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_PROMISE = re.compile(
    r"\bIn about ([\w -]+?)(?: \([^)]*\))? you will be able to\n\n((?:(?:- |  ).+\n)+)\n"
)
_NEEDS = re.compile(r"\bYou need (.+?)\.\s", re.DOTALL)
_PARTS = {"a quarter": 15, "a half": 30, "an hour": 60}
_TENS = {"ten": 10, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60}
_TENS |= {"seventy": 70, "eighty": 80, "ninety": 90}
_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")


@dataclass(frozen=True)
class Outline:
    """A notebook in short.

    Args:
        name: of its file, without ``.ipynb``.
        title: its question.
        minutes: how long it takes a reader, about; 0 where it does not say.
        needs: what to know first.
        objectives: what one can do afterwards.
        exercises: the names of those that it checks, in their order.
        predictions: how many it asks for.
    """

    name: str
    title: str
    minutes: int
    needs: str
    objectives: tuple[str, ...]
    exercises: tuple[str, ...]
    predictions: int

    @classmethod
    def of(cls, path: Path) -> Outline:
        """What stands in the notebook in a file."""
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = _joined(cells, "markdown")
        code = _joined(cells, "code")
        title, promise, needs = (found.search(prose) for found in (_TITLE, _PROMISE, _NEEDS))
        return cls(
            name=path.stem,
            title=title[1].strip() if title else path.stem,
            minutes=_minutes(promise[1]) if promise else 0,
            needs=_line(needs[1]) if needs else "",
            objectives=tuple(map(_line, promise[2][2:].split("\n- "))) if promise else (),
            exercises=tuple(checks(code)),
            predictions=len(re.findall(r"^predict\w*\(", code, re.MULTILINE)),
        )


def _joined(cells: list[dict[str, str]], kind: str) -> str:
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == kind) + "\n\n"


def _line(text: str) -> str:
    """Text on one line, its links as plain words."""
    return " ".join(_LINK.sub(r"\1", text).split())


def _minutes(words: str) -> int:
    """``"an hour and a quarter"`` or ``"thirty-five minutes"`` as a number; 0 for other words."""
    if "hour" in words:
        return sum(_PARTS.get(part, 0) for part in words.split(" and "))
    tens, _, five = words.removesuffix(" minutes").partition("-")
    return _TENS.get(tens, 0) + 5 * (five == "five")
