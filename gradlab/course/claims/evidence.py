"""The numbers that a verdict rests on, ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradlab.course.claims.seeds import Seeds


@dataclass(frozen=True, eq=False)
class Evidence:
    """Numbers of one kind, each over seeds, and what the rule compares them with.

    Args:
        about: what the numbers are; it names the axis of their picture.
        numbers: by name, the most telling first.
        bounds: the values that the rule asks every seed to be above or below.
        spec: the format of one number, as in ``"+.1%"``.
    """

    about: str
    numbers: Mapping[str, Seeds]
    bounds: tuple[float, ...] = ()
    spec: str = "+.1%"

    def __post_init__(self) -> None:
        if not self.numbers:
            raise ValueError("numbers must hold one or more, got none")

    def __str__(self) -> str:
        """The most telling number, with what it is."""
        name, seeds = next(iter(self.numbers.items()))
        return f"{self.about}, {name}: {seeds:{self.spec}}"
