"""In the kernel of a notebook that becomes a page: what each panel shows, at every setting."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from traitlets import TraitError

from gradlab.course.prediction import Prediction
from gradlab.course.site.settings import Control, chosen, control
from gradlab.panels.closing import Closing
from gradlab.panels.panel import Panel

MIME = "application/vnd.gradlab.panel+json"
"""Of an output that names a file with a panel's states."""
MOST = 600
"""Settings of a panel that a page shows, about."""


def install(folder: str) -> None:
    """From now on, every panel that this kernel displays is written into a folder.

    The output then says where, under ``MIME``: a number, and a prediction's question.
    """
    from IPython import get_ipython

    numbers = itertools.count()

    def bundle(shown: Closing, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        panel = shown.panel if isinstance(shown, Prediction) else shown
        assert isinstance(panel, Panel)
        number = next(numbers)
        states = captured(panel)
        content = json.dumps(states, separators=(",", ":")).encode()
        Path(folder, f"{number}.json.gz").write_bytes(gzip.compress(content, mtime=0))
        asked = shown.asked() if isinstance(shown, Prediction) else None
        return {MIME: {"number": number, "asked": asked}, "text/plain": shown.readout}, {}

    shell: Any = get_ipython()
    shell.display_formatter.mimebundle_formatter.for_type(Closing, bundle)


def captured(panel: Panel, most: int = MOST) -> dict[str, Any]:
    """Every picture of a panel that a page can show, and what the panel says of it.

    The panel stands as before afterwards.

    Returns:
        ``size``: of the picture, CSS pixels. ``controls``: kind, label, names of the positions and
        the start of each. ``parts``: for each layer of the picture all its fragments of SVG.
        ``states``: for each setting (the last control changes first) which fragment of each layer,
        then which readout; null where the panel has no such setting. ``readouts``: in words.
        ``live``: whether there is more to it than controls can show.
    """
    widgets = [(widget, found) for widget in panel.controls if (found := control(widget))]
    kept = chosen([found for _, found in widgets], most) if panel.finite else []
    movable = [widget for widget, _ in widgets]
    tables: list[dict[str, int]] = [{} for _ in panel.picture.layers]
    said: dict[str, int] = {}
    states: list[list[int] | None] = []
    with panel.picture.unpainted():
        for values in itertools.product(*(each.values for each in kept)):
            if not _moved(movable, values):
                states.append(None)
                continue
            panel.settle()
            layers = zip(tables, panel.picture.layers, strict=True)
            state = [table.setdefault(layer, len(table)) for table, layer in layers]
            states.append([*state, said.setdefault(panel.readout, len(said))])
        _moved(movable, [found.values[found.start] for _, found in widgets])
        panel.settle()
    return {
        "size": panel.picture.size,
        "controls": [_described(each) for each in kept],
        "parts": [list(table) for table in tables],
        "states": states,
        "readouts": list(said),
        "live": not panel.finite,
    }


def _moved(widgets: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether the controls can stand so together; menus may change what sliders offer."""
    try:
        for widget, value in zip(widgets, values, strict=True) if values else ():
            if widget.value != value:
                widget.value = value
    except TraitError:
        return False
    return all(w.value == v for w, v in zip(widgets, values, strict=True)) if values else True


def _described(each: Control) -> dict[str, Any]:
    return {"kind": each.kind, "label": each.label, "names": each.names, "start": each.start}
