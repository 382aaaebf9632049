"""Menus and sliders whose options are the texts of levels."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log
from typing import Any

import ipywidgets
import numpy as np

from gradlab.arguments import one_of
from gradlab.course.grids.grid import label
from gradlab.course.grids.table import Level


def put(control: Any, name: str, level: object) -> None:
    """Set a control to a level by its text; ValueError where it does not offer it."""
    one_of(name, label(level), control.options)
    control.value = label(level)


def nearest(text: str, levels: Sequence[Level]) -> int:
    """The place of the level with the nearest ratio to the one that is written so."""
    if text == label(None):
        return len(levels) - 1
    here = float(text)
    far = [inf if x is None or x <= 0 or here <= 0 else abs(log(x / here)) for x in levels]
    return int(np.argmin(far))


def choice_menu(name: str, options: Sequence[str] = ()) -> Any:
    """A menu of texts."""
    return ipywidgets.Dropdown(
        options=options,
        description=name,
        layout={"width": "300px"},
        style={"description_width": "initial"},
    )


def level_slider(name: str) -> Any:
    """A slider from one recorded level to the next."""
    return ipywidgets.SelectionSlider(
        options=[""],
        description=name,
        layout={"width": "420px"},
        style={"description_width": "initial"},
    )
