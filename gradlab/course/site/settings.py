"""Which settings of a panel's controls a page shows: all of the main sliders', fewer of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from gradlab.panels.positions import Control

_MAIN, _OTHER = 9, 3  # positions that a slider keeps at least
_WEIGHT = 12  # how many times more positions a main slider keeps


@dataclass(frozen=True)
class Choice:
    """One way in which the menus of a panel can stand together, and its sliders then.

    Args:
        menus: the position of each menu and switch.
        sliders: each slider as it stands then; None: the panel hides it.
        hidden: the menus that the panel hides, by their numbers.
    """

    menus: tuple[int, ...]
    sliders: tuple[Control | None, ...]
    hidden: tuple[int, ...] = ()

    @property
    def visible(self) -> list[tuple[int, Control]]:
        """Its sliders that can be seen, with their numbers."""
        return [(k, slider) for k, slider in enumerate(self.sliders) if slider is not None]

    def __len__(self) -> int:
        """Settings that it has."""
        return prod(len(slider) for _, slider in self.visible)


def chosen(choices: Sequence[Choice], most: float) -> list[Choice]:
    """The choices, with sliders of so few positions that there are about ``most`` settings.

    The first slider of each choice, its main one, keeps most; one that is the same in several
    choices has the same positions in all. If there are still too many, the last menus stay where
    they are at the start, which is the first choice, then other sliders do, and the main one keeps
    its ends only.
    What a smaller ``most`` keeps, a larger one does, too.
    """
    kept = list(choices)
    while sum(map(len, kept)) > most:
        sliders = {slider: k for choice in kept for k, slider in choice.visible}
        main = {choice.visible[0][1] for choice in kept if choice.visible}
        widest = max(sliders, key=lambda each: _spare(each, each in main), default=None)
        moving = [k for k in range(len(kept[0].menus)) if len({c.menus[k] for c in kept}) > 1]
        if widest is not None and _spare(widest, widest in main):
            kept = [_replaced(choice, widest, widest.thinned()) for choice in kept]
        elif moving:
            last = moving[-1]
            kept = [choice for choice in kept if choice.menus[last] == kept[0].menus[last]]
        elif longer := [s for s in sliders if s.thinned() != s or (s not in main and len(s) > 1)]:
            one = min(longer, key=lambda each: each in main)
            kept = [
                _replaced(choice, one, one.thinned() if one in main else one.fixed())
                for choice in kept
            ]
        else:
            break
    return kept


def _spare(slider: Control, main: bool) -> float:
    """How much a slider has to give; 0 for one that must stay as it is."""
    least, weight = (_MAIN, _WEIGHT) if main else (_OTHER, 1)
    spare = len(slider) > least and len(slider.thinned()) < len(slider)
    return len(slider) / weight if spare else 0


def _replaced(choice: Choice, old: Control, new: Control) -> Choice:
    return replace(choice, sliders=tuple(new if each == old else each for each in choice.sliders))
