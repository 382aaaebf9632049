"""What the panel over a recorded grid says of its marked place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradlab.course.grids.grid import Form, Grid
from gradlab.course.grids.live import Trial
from gradlab.course.grids.table import End, Place, Table
from gradlab.course.sweep.records import Row


def in_words(where: str, name: str, table: Table, place: Place, form: Form) -> str:
    """Mean and range of a place's numbers, and what became of the seeds that have none."""
    rows = table.runs.get(place, ())
    if not rows:
        return f"{where}: not run."
    numbers = [form(float(one)) for one in np.sort(table.numbers(place))]
    lost = {end: int(table.count(end)[place]) for end in _ENDS}
    told = [f"{count} of {len(rows)} {_ENDS[end]}" for end, count in lost.items() if count]
    ended = f"; {', '.join(told) or 'none diverged'}.{_clipped(rows)}"
    if not numbers:
        return f"{where}: no {name}{ended}"
    mean = form(float(table.means[place]))
    over = f"mean of {len(numbers)} seed{'s' if len(numbers) > 1 else ''}"
    return f"{where}: {name} {mean} ({numbers[0]} to {numbers[-1]}), {over}{ended}"


_ENDS: dict[End, str] = {
    "diverged": "diverged",
    "failed": "failed for another reason",
    "no number": "ended well without this number",
}


def _clipped(rows: Sequence[Row]) -> str:
    shares = [(row.result or {}).get("clipped") for row in rows]
    known = [share for share in shares if share is not None and np.isfinite(share)]
    return f" Clipped: {np.mean(known):.0%} of the steps." if known else ""


def trained(trials: Sequence[Trial], grid: Grid) -> str:
    """What is known of the newest run that was trained in this place; '' without one."""
    if not trials:
        return ""
    newest = trials[-1]
    parts = [f" Trained here, seed {newest.cell['seed']}: step {newest.step:g}"]
    for called, name in grid.curves.items():
        if values := newest.curve(name)[1]:
            parts.append(f"{called} {grid.curve_form(name)(values[-1])}")
    then = {"training": "it goes on", "diverged": "then it diverged"}
    return f"{', '.join(parts)}; {then.get(newest.state, newest.state)}."
