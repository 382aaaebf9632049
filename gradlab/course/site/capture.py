"""In the kernel of a notebook that becomes a page: what each panel shows, at every setting."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import comm
import ipywidgets

from gradlab.course.prediction import CurvePrediction, InTurn
from gradlab.course.site.drawn import drawn
from gradlab.course.site.hand import Hand
from gradlab.course.site.pictures import State, tables, taken
from gradlab.course.site.settings import Choice, chosen
from gradlab.draw.vector import renamed
from gradlab.panels.closing import Closing
from gradlab.panels.panel import Panel
from gradlab.panels.positions import Control

MIME = "application/vnd.gradlab.panel+json"
"""Of an output that is a panel, or several in turn: their numbers on the page."""
_DEFINED = re.compile(r'\bid="([^"]+)"')
_FEW = 40  # settings from which the size of all is guessed


class _Nowhere(comm.DummyComm):
    """Of a widget that no page shows: ipywidgets tells nothing to one that has no kernel."""

    kernel = None


def install(folder: str) -> None:
    """From now on, every panel that this kernel displays is written into a folder."""
    from IPython import get_ipython

    comm.create_comm = _Nowhere
    numbers = itertools.count()

    def bundle(shown: Any, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            parts = shown.parts if isinstance(shown, InTurn) else (shown,)
            written = [_written(part, Path(folder), next(numbers)) for part in parts]
        except Exception as error:  # IPython would go on without it: what is said here ends the run
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            raise
        return {MIME: written, "text/plain": shown.readout}, {}

    shell: Any = get_ipython()
    shell.display_formatter.mimebundle_formatter.for_type(Closing, bundle)


def _written(shown: Any, folder: Path, number: int) -> int:
    """The number, after what is shown has been written into the folder under it."""
    panel = shown if isinstance(shown, Panel) else shown.panel
    asked = shown.asked() if hasattr(shown, "asked") else None
    found = own(captured(panel), f"{folder.name}-{number}") | {"asked": asked}
    (folder / f"{number}.json.gz").write_bytes(_packed(found))
    return number


def captured(panel: Panel) -> dict[str, Any]:
    """Every picture of a panel that a page can show, and what the panel says of it.

    The panel stands as before afterwards.

    Returns:
        ``size``: of the picture, CSS pixels. ``parts``, ``readouts``, ``states``: as ``tables`` has
        them. ``controls``: kind and label of each, and the names of its positions where it is no
        slider. ``scales``: the names of the positions of sliders. ``choices``: for each way in
        which the menus can stand, the start first: ``menus``, their positions; ``sliders``, of each
        its scale and where it starts, or null where it is hidden; ``hidden``, the numbers of hidden
        menus; ``first``, the state with which it begins; in the next one, the last slider is one
        position further. ``start``: the state at the start. ``live``: whether the panel trains.
        ``buttons``: what those say that a page cannot press.
        ``points``: of a curve that the reader draws, else null.

    Raises:
        RuntimeError: the panel raised at a setting; says which.
    """
    points = None
    with panel.picture.unpainted():
        if isinstance(panel, CurvePrediction):
            sliders, points = drawn(panel)
            found = _described(sliders, [Choice((), tuple(sliders))], [taken(panel)])
        elif panel.finite:
            found = _at_every_setting(panel)
        else:
            states = {str(step): taken(panel) for step in panel.played()}
            steps = tuple(states)
            slider = Control("slider", "step", steps, steps, len(steps) - 1)
            found = _described([slider], [Choice((), (slider,))], list(states.values()))
    live = not panel.finite and points is None
    buttons = [] if live or points else list(_buttons(panel, panel.reset_button))
    about = {"size": panel.picture.size, "live": live, "buttons": buttons, "points": points}
    return found | about


def own(found: dict[str, Any], name: str) -> dict[str, Any]:
    """A captured panel whose fragments name their parts as no other panel's do.

    Else what a fragment looks up by its name would be that of the first panel on the page that has
    it; and where this one is hidden, it is as if there were none.
    """

    def named(fragment: str, layer: int) -> str:
        here = set(_DEFINED.findall(fragment))  # what is not comes with the still parts
        return renamed(fragment, lambda old: f"{name}-{layer if old in here else 0}-{old}")

    parts = [[named(each, k) for each in table] for k, table in enumerate(found["parts"])]
    points = found["points"]
    if points:
        points = {**points, "curve": named(points["curve"], len(parts))}
    return {**found, "parts": parts, "points": points}


def _buttons(widget: Any, but: ipywidgets.Button) -> Iterator[str]:
    """What the buttons in a widget say, which a page cannot press."""
    if isinstance(widget, ipywidgets.Button) and widget is not but:
        yield widget.description
    for child in getattr(widget, "children", ()):
        yield from _buttons(child, but)


def _at_every_setting(panel: Panel) -> dict[str, Any]:
    """As many settings as the panel's budgets for a page allow."""
    hand = Hand(panel)
    known: dict[tuple[Any, ...], State | None] = {}

    def shown(most: float) -> dict[str, Any]:
        kept = chosen(hand.choices, most)
        for choice in kept:
            _look(hand, choice, panel, known)
        states = [known[choice.menus, at] for choice in kept for at in _settings(choice)]
        return _described(hand.controls, kept, states)

    few = shown(_FEW)
    alone = [table for table in few["parts"] if len(table) == 1]
    once = len(_packed({"parts": alone}))  # what stands still does not grow with settings
    more = (len(_packed(few)) - once) / len(few["states"])
    found = shown(min(panel.page_settings, (panel.page_bytes - once) / more))
    hand.back()
    return found


def _look(
    hand: Hand, choice: Choice, panel: Panel, known: dict[tuple[Any, ...], State | None]
) -> None:
    """Take the panel at those settings of a choice that are not known yet."""
    missing = [at for at in _settings(choice) if (choice.menus, at) not in known]
    try:
        at: tuple[Any, ...] = ()
        if missing:
            hand.choose(choice.menus)
        for at in missing:
            known[choice.menus, at] = taken(panel) if hand.slide(choice, at) else None
    except Exception as error:
        where = hand.said(choice, at)
        raise RuntimeError(f"{type(panel).__name__} raises at {where}: {error!r}") from error


def _settings(choice: Choice) -> Iterator[tuple[Any, ...]]:
    """The values of the visible sliders, the last one changing first."""
    return itertools.product(*(slider.values for _, slider in choice.visible))


def _described(
    controls: Sequence[Control], choices: Sequence[Choice], states: Sequence[State | None]
) -> dict[str, Any]:
    scales: dict[tuple[str, ...], int] = {}
    described, first = [], 0
    for choice in choices:
        sliders = [
            slider and (scales.setdefault(slider.names, len(scales)), slider.start)
            for slider in choice.sliders
        ]
        menus = {"menus": choice.menus, "hidden": choice.hidden}
        described.append({**menus, "sliders": sliders, "first": first})
        first += len(choice)
    start = 0
    for _, slider in choices[0].visible:
        start = start * len(slider) + slider.start
    return {
        "start": min(start, len(states) - 1),  # the only one of a curve
        "controls": [
            {"kind": c.kind, "label": c.label, "names": () if c.kind == "slider" else c.names}
            for c in controls
        ],
        "scales": list(scales),
        "choices": described,
        **tables(states),
    }


def _packed(found: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(found, separators=(",", ":")).encode(), mtime=0)
