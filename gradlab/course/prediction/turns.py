"""Questions in turn: what is asked next appears once the one before has been answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self

from gradlab.course.prediction.asking import Asking
from gradlab.course.prediction.question import Prediction
from gradlab.panels.closing import Closing

Part = Asking | Prediction


class InTurn(Closing):
    """Parts, each with a panel and a question, that appear one after another.

    Args:
        makers: make the parts, when their turn comes; the first one at once.
    """

    def __init__(self, makers: Sequence[Callable[[], Part]]) -> None:
        self._makers = makers
        first = makers[0]()
        self.picture = first.picture
        super().__init__([first])
        self._follow(first)

    @property
    def shown(self) -> tuple[Part, ...]:
        """The parts that have appeared."""
        return tuple(self.children)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts; those whose turn has not come appear without an answer."""
        while len(self.shown) < len(self._makers):
            self._appear()
        return self.shown

    @property
    def readout(self) -> str:
        """The readouts of the parts that have appeared."""
        return "\n\n".join(part.readout for part in self.shown)

    def put(self, settings: Mapping[str, object]) -> Self:
        """Put the controls of the last part that has appeared, as ``Panel.put`` does."""
        self.shown[-1].put(settings)
        return self

    def _appear(self) -> None:
        part = self._makers[len(self.shown)]()
        self.set_trait("children", (*self.shown, part))
        self._follow(part)

    def _follow(self, part: Part) -> None:
        place = len(self.shown)
        if place < len(self._makers):
            part.when_answered(lambda: self._appear() if len(self.shown) == place else None)

    def _stop(self) -> None:
        for part in self.shown:
            part.close()
