"""What a hand can do with a panel's controls: each way in which they can stand together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import prod
from typing import Any

from traitlets import TraitError

from gradlab.course.site.settings import Choice
from gradlab.panels.panel import Panel
from gradlab.panels.positions import Control, control

_CHOICES = 64  # ways in which menus stand together, at most


class Hand:
    """Moves the controls of a panel.

    Attributes:
        controls: as they stand at the start.
        choices: every way in which the menus can stand, the start first, with the sliders then. A
            menu that the panel hides stays where it is; of very many menus the last ones do.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        found = [(each, made) for each in panel.page_controls if (made := self._control(each))]
        self.controls = [made for _, made in found]
        self._menus = [(widget, made) for widget, made in found if made.kind != "slider"]
        self._sliders = [(widget, made) for widget, made in found if made.kind == "slider"]
        self._start = tuple(menu.start for _, menu in self._menus)
        combined = sorted(itertools.product(*self._ranges()), key=lambda at: at != self._start)
        self.choices = [choice for menus in combined if (choice := self._choice(menus))]
        self.back()

    def choose(self, menus: Sequence[int]) -> bool:
        """Put the menus somewhere; whether they stay there."""
        places = [control.values[k] for (_, control), k in zip(self._menus, menus, strict=True)]
        return _move([menu for menu, _ in self._menus], places)

    def slide(self, choice: Choice, values: Sequence[Any]) -> bool:
        """Move the visible sliders of a choice; whether they stay there."""
        with self._panel.together():
            moved = _move([self._sliders[k][0] for k, _ in choice.visible], values)
        self._panel.settle()
        return moved

    def back(self) -> None:
        """Put everything back to the start."""
        both = [*self._menus, *self._sliders]
        _move([widget for widget, _ in both], [made.values[made.start] for _, made in both])
        self._panel.settle()

    def said(self, choice: Choice, values: Sequence[Any]) -> str:
        """A setting in words."""
        menus = zip(self._menus, choice.menus, strict=True)
        said = [f"{menu.label} {menu.names[k]}" for (_, menu), k in menus]
        for (_, slider), value in zip(choice.visible, values, strict=False):
            said.append(f"{slider.label} {value}")
        return ", ".join(said)

    def _control(self, widget: Any) -> Control | None:
        """The widget as a control, at the values that the panel has for a page."""
        made, values = control(widget), self._panel.page_values.get(widget)
        return made.only(values) if made and values else made

    def _ranges(self) -> list[range]:
        ranges = [range(len(menu)) for _, menu in self._menus]
        while prod(map(len, ranges)) > _CHOICES:
            last = max(k for k, each in enumerate(ranges) if len(each) > 1)
            ranges[last] = range(self._start[last], self._start[last] + 1)
        return ranges

    def _choice(self, menus: tuple[int, ...]) -> Choice | None:
        if not self.choose(menus):
            return None
        hidden = tuple(k for k, (menu, _) in enumerate(self._menus) if _hides(menu))
        if any(menus[k] != self._start[k] for k in hidden):
            return None
        sliders = (None if _hides(slider) else self._control(slider) for slider, _ in self._sliders)
        return Choice(menus, tuple(sliders), hidden)


def _hides(widget: Any) -> bool:
    return bool(widget.layout.display == "none")


def _move(widgets: Sequence[Any], values: Sequence[Any]) -> bool:
    for widget, value in zip(widgets, values, strict=True):
        try:
            if widget.value != value:
                widget.value = value
        except TraitError:  # what it offers depends on the others
            return False
    return all(widget.value == value for widget, value in zip(widgets, values, strict=True))
