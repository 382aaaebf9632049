"""Which settings of a panel's controls a page shows: all of the main slider's, fewer of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import ipywidgets
import numpy as np

_MAIN, _OTHER = 21, 3  # positions that a slider keeps at least
_SLIDERS = ipywidgets.FloatLogSlider, ipywidgets.FloatSlider, ipywidgets.IntSlider
_WEIGHT = 12  # how many times more positions the main slider keeps


@dataclass(frozen=True)
class Control:
    """A control of a panel, as a page shows it.

    Args:
        kind: ``"slider"``, ``"menu"`` or ``"switch"``.
        label: what stands beside it.
        names: of its positions, in words.
        values: that the widget takes there.
        start: the position where it stands, counted from 0.
    """

    kind: str
    label: str
    names: tuple[str, ...]
    values: tuple[Any, ...]
    start: int

    def __len__(self) -> int:
        return len(self.values)

    def at(self, positions: Sequence[int]) -> Control:
        """The same with these positions only; the start must be among them."""
        return replace(
            self,
            names=tuple(self.names[k] for k in positions),
            values=tuple(self.values[k] for k in positions),
            start=list(positions).index(self.start),
        )

    def thinned(self) -> Control:
        """About half as many positions: both ends, the start, and every second from there."""
        last = len(self) - 1
        return self.at(sorted({0, *range(self.start % 2, last, 2), self.start, last}))

    def fixed(self) -> Control:
        """The same with the start only."""
        return self.at([self.start])


def control(widget: Any) -> Control | None:
    """A widget as a control of a page; None for one that no list of positions describes."""
    label = widget.description
    if isinstance(widget, ipywidgets.widget_selection._Selection):
        names = tuple(map(str, widget._options_labels))
        values = tuple(widget._options_values)
        kind = "slider" if isinstance(widget, ipywidgets.SelectionSlider) else "menu"
        return Control(kind, label, names, values, values.index(widget.value))
    if isinstance(widget, ipywidgets.Checkbox | ipywidgets.ToggleButton):
        return Control("switch", label, ("off", "on"), (False, True), int(widget.value))
    if isinstance(widget, _SLIDERS):
        return _slider(widget)
    return None


def _slider(widget: Any) -> Control:
    count = round((widget.max - widget.min) / widget.step) + 1
    places = [widget.min + widget.step * k for k in range(count)]
    if isinstance(widget, ipywidgets.FloatLogSlider):
        values = [widget.base**place for place in places]
    else:
        values = places
    start = int(np.argmin([abs(value - widget.value) for value in values]))
    values[start] = widget.value  # to the last bit
    form = widget.readout_format
    names = tuple(format(value, form.removeprefix("~")) for value in values)
    return Control("slider", widget.description, names, tuple(values), start)


def chosen(controls: Sequence[Control], most: int) -> list[Control]:
    """The controls with so few positions that there are at most about ``most`` settings.

    Menus and switches keep all, and so does the main slider (the one with the most positions) as
    long as others can be thinned. If the menus alone are too many, the last ones stay at the start.
    """
    kept = list(controls)
    sliders = [k for k, each in enumerate(kept) if each.kind == "slider"]
    main = max(sliders, key=lambda k: len(kept[k]), default=None)

    def width(k: int) -> float:
        """How much a slider has to give; 0 for one that must stay as it is."""
        least, weight = (_MAIN, _WEIGHT) if k == main else (_OTHER, 1)
        spare = len(kept[k]) > least and len(kept[k].thinned()) < len(kept[k])
        return len(kept[k]) / weight if spare else 0

    while prod(map(len, kept)) > most:
        widest = max(sliders, key=width, default=None)
        menus = [k for k, each in enumerate(kept) if each.kind != "slider" and len(each) > 1]
        if widest is not None and width(widest):
            kept[widest] = kept[widest].thinned()
        elif menus:
            kept[menus[-1]] = kept[menus[-1]].fixed()
        else:
            break
    return kept
