"""What is to be said, row by row: as text, and as a table in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

Rows = Iterator[tuple[str, str]]


def listed(rows: Iterable[tuple[str, str]]) -> str:
    """The rows as text, each with its name before it, in lines of limited length."""
    told = list(rows)
    width = max(len(name) for name, _ in told) + 2
    return "\n".join(
        textwrap.fill(
            f"{name:{width}}{text}", 96, subsequent_indent=" " * width, break_on_hyphens=False
        )
        for name, text in told
    )


def tabled(rows: Iterable[tuple[str, str]]) -> str:
    """The rows as a table; the first is its head."""
    head, *body = (in_markdown(*row) for row in rows)
    return "\n".join([head, "|:--|:--|", *body])


def in_markdown(*texts: str) -> str:
    """The texts as a row of a table."""
    return "| " + " | ".join(text.replace("|", r"\|") for text in texts) + " |"
