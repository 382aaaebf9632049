"""A broken script beside the mended one, as HTML, with the lines that differ marked."""

from __future__ import annotations

import difflib
import html

from gradlab.course.lessons.broken_runs.running import Edits, Script, source

_COLOURS = {"-": "#FBE3D6", "+": "#DDEBF7", " ": "transparent"}
_PRE = "line-height: 1.35; font-size: 12px; margin: 0; white-space: pre"


def difference(script: Script, edits: Edits) -> str:
    """A script with edits, as text: ``-`` before the wrong lines, ``+`` before the right."""
    broken, right = (source(script, each).splitlines() for each in (edits, ()))
    lines = difflib.ndiff(broken, right)
    return "\n".join(line.rstrip() for line in lines if not line.startswith("?"))


def marked(script: Script, edits: Edits) -> str:
    """The same as HTML: colours beside the signs."""
    rows = (
        f'<span style="display: block; background: {_COLOURS[line[:1] or " "]}">'
        f"{html.escape(line) or ' '}</span>"
        for line in difference(script, edits).splitlines()
    )
    return f'<pre style="{_PRE}">{"".join(rows)}</pre>'
