"""What a panel shows, taken state by state; each fragment and each sentence is kept once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradlab.panels.panel import Panel

State = tuple[str, ...]
"""The layers of a picture as SVG, and the readout in words."""


def taken(panel: Panel) -> State:
    """The panel as it is now."""
    return *panel.picture.layers, panel.readout


def tables(states: Iterable[State | None]) -> dict[str, Any]:
    """States as ``parts``, for each layer all its fragments; ``readouts``; and ``states``: for each
    the numbers of its fragments, then of its readout; null for what the panel cannot show.
    """
    known: list[dict[str, int]] = []
    numbered: list[list[int] | None] = []
    for state in states:
        if state is None:
            numbered.append(None)
            continue
        known = known or [{} for _ in state]
        both = zip(known, state, strict=True)
        numbered.append([table.setdefault(part, len(table)) for table, part in both])
    *parts, readouts = map(list, known)
    return {"parts": parts, "readouts": readouts, "states": numbered}
