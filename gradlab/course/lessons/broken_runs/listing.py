"""A broken script beside the mended one, as HTML, with the lines that differ marked."""

from __future__ import annotations

import difflib
import html

from gradlab.course.lessons.broken_runs.faults import Fault
from gradlab.course.lessons.broken_runs.running import source

_COLOURS = {"-": "#FBE3D6", "+": "#DDEBF7", " ": "transparent"}
_PRE = "line-height: 1.35; font-size: 12px; margin: 0; white-space: pre"


def difference(fault: Fault) -> str:
    """The script with the fault, as text: ``-`` before the wrong lines, ``+`` before the right."""
    broken, right = (source(fault.script, edits).splitlines() for edits in (fault.edits, ()))
    lines = difflib.ndiff(broken, right)
    return "\n".join(line.rstrip() for line in lines if not line.startswith("?"))


def marked(fault: Fault) -> str:
    """The same as HTML: colours beside the signs."""
    rows = (
        f'<span style="display: block; background: {_COLOURS[line[:1] or " "]}">'
        f"{html.escape(line) or ' '}</span>"
        for line in difference(fault).splitlines()
    )
    return f'<pre style="{_PRE}">{"".join(rows)}</pre>'
