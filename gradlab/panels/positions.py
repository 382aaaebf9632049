"""A control of a panel as a list of positions, each with the name that the panel shows for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import ipywidgets
import numpy as np

from gradlab.arguments import one_of

_SLIDERS = ipywidgets.FloatLogSlider, ipywidgets.FloatSlider, ipywidgets.IntSlider


@dataclass(frozen=True)
class Control:
    """A control of a panel, as it stands now.

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

    def place(self, wanted: object) -> int:
        """The position of a name; of a slider also that nearest to a number.

        Raises:
            ValueError: there is none.
        """
        if str(wanted) in self.names:
            return self.names.index(str(wanted))
        shown = np.array([_number(name) for name in self.names])
        if self.kind != "slider" or np.isnan(shown).all():
            one_of(self.label, wanted, self.names)
        low, high = np.nanmin(shown), np.nanmax(shown)
        if not (isinstance(wanted, Real) and low <= float(wanted) <= high):
            others = [repr(name) for name in self.names if np.isnan(_number(name))]
            allowed = " or ".join([f"a number from {low:g} to {high:g}", *others])
            raise ValueError(f"{self.label} must be {allowed}, got {wanted!r}")
        return int(np.nanargmin(np.abs(shown - float(wanted))))

    def thinned(self) -> Control:
        """About half as many positions: both ends, the start, and every second from there."""
        last = len(self) - 1
        return self._at(sorted({0, *range(self.start % 2, last, 2), self.start, last}))

    def only(self, values: Iterable[float]) -> Control:
        """The positions of a slider that are nearest to some values, and its start."""
        near = (int(np.argmin([abs(own - value) for own in self.values])) for value in values)
        return self._at(sorted({self.start, *near}))

    def fixed(self) -> Control:
        """The start only."""
        return self._at([self.start])

    def _at(self, kept: Sequence[int]) -> Control:
        return replace(
            self,
            names=tuple(self.names[k] for k in kept),
            values=tuple(self.values[k] for k in kept),
            start=list(kept).index(self.start),
        )


def control(widget: Any) -> Control | None:
    """A widget as a control; None for one that no list of positions describes."""
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


def labelled(widgets: Iterable[Any]) -> dict[str, Any]:
    """Those that are controls, by label: first the menus, since what sliders offer depends on them.

    Of two with one label, it is the one that can be seen.
    """
    found = [(widget, made) for widget in widgets if (made := control(widget))]
    found.sort(key=lambda each: (each[1].kind == "slider", each[0].layout.display != "none"))
    return {made.label: widget for widget, made in found}


def move(widget: Any, wanted: object) -> None:
    """Put a control to a position, as ``Control.place`` finds it.

    Raises:
        ValueError: it has no such position.
    """
    now = control(widget)
    assert now is not None
    widget.value = now.values[now.place(wanted)]


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


def _number(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return np.nan
