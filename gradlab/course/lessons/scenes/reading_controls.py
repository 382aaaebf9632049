"""The panel on what a reader reads: a strip, what it says at each column, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import ipywidgets
from torch import Tensor

from gradlab.course.lessons.scenes.picture import draw_said
from gradlab.course.lessons.scenes.readers import TASKS
from gradlab.course.lessons.scenes.unaligned import read, written
from gradlab.course.lessons.scenes.watching import Watched
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, percent


def reading_panel(watched: Mapping[str, Watched]) -> ReadingPanel:
    """A panel that shows what readers make of a strip of digits, as they learn.

    Above the strip, below the probability of each digit and of the blank at each column. What is
    read is the likeliest sign of each column, repeats joined and blanks left out.

    Args:
        watched: from ``watch`` with the task "strips", by the name that is to be chosen.

    Raises:
        ValueError: there is none, or one was not watched reading strips.
    """
    if not watched:
        raise ValueError("watched must hold one reader or more, got none")
    for name, one in watched.items():
        if one.cell["task"] != "strips":
            raise ValueError(f"watched must read strips, got {name!r} of {one.cell['task']!r}")
    return ReadingPanel(dict(watched))


class ReadingPanel(Panel):
    """See ``reading_panel``."""

    def __init__(self, watched: dict[str, Watched]) -> None:
        self.watched, self._found = watched, cache(self._look)
        wide = {"width": "420px"}
        self.run = ipywidgets.Dropdown(
            options=list(watched), description="reader", layout={"width": "380px"}
        )
        fewest = min(len(one.pictures) for one in watched.values())
        self.strip = ipywidgets.IntSlider(0, 0, fewest - 1, description="strip", layout=wide)
        self.look = ipywidgets.IntSlider(0, 0, 0, description="look", layout=wide)
        self._reach()
        self.look.value = self.look.max
        super().__init__([self.run, self.strip, self.look], self._picture())

    def _reach(self) -> None:
        """Each reader was looked at as often as it lived to be."""
        self.look.max = len(self.watched[self.run.value].steps) - 1

    def _picture(self) -> LivePicture:
        figure, (above, below) = subplots(9, 4.6, nrows=2, height_ratios=(1, 2.2))
        *_, height, width = next(iter(self.watched.values())).pictures.shape
        _, *digits = TASKS["strips"]("train").classes
        self.said = draw_said(above, below, (height, width), ["–", *digits])
        return LivePicture(figure, self.said.artists)

    def show(self) -> str:
        """Look up what the chosen reader says of the chosen strip."""
        watched = self.watched[self.run.value]
        self._reach()
        place, strip = self.look.value, self.strip.value
        shares, found, told = self._found(self.run.value, place)
        ours, theirs = _digits(found[strip]), _digits(written(watched.targets)[strip])
        self.said.move(
            watched.pictures[strip, 0], shares[strip], f"it says {theirs}; read as: {ours}"
        )
        return (
            f"{self.run.value}, after {watched.steps[place]} steps: strip {strip} says {theirs}; "
            f"it reads {ours}. {told}"
        )

    def _look(self, run: str, place: int) -> tuple[Tensor, list[list[int]], str]:
        """The probabilities of signs, what is read, and how well, in words: of all strips."""
        watched = self.watched[run]
        outputs, right = watched.outputs[place], written(watched.targets)
        found = read(outputs)
        empty = sum(not one for one in found)
        correct = sum(one == other for one, other in zip(found, right, strict=True))
        blank = float((outputs.argmax(1) == 0).float().mean())
        end = f" It diverged at step {watched.diverged}." if watched.diverged else ""
        told = (
            f"Of {len(found)} strips it reads {correct} without an error and nothing at all on "
            f"{empty}; the blank is likeliest at {percent(blank)} of all columns.{end}"
        )
        return outputs.softmax(1), found, told


def _digits(signs: Sequence[int]) -> str:
    return " ".join(str(sign - 1) for sign in signs) or "nothing"
