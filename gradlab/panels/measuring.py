"""A panel that measures what takes longer than a picture, once its sliders rest."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from gradlab.panels.background import Background
from gradlab.panels.live import LivePicture
from gradlab.panels.panel import Panel

_REST = 0.15  # seconds without a move


class Measuring(Panel):
    """A panel some of whose figures are measured in the background.

    A subclass implements ``measure_next`` and shows what is measured so far.

    Args:
        controls: as for ``Panel``.
        draw: makes the picture, once what the controls ask for at the start is measured.
    """

    page_settings = 120

    def __init__(self, controls: Sequence[Any], draw: Callable[[], LivePicture]) -> None:
        self._rests_at = 0.0
        self.measuring = Background(self)
        for control in controls:
            control.observe(lambda _: self._moved(), names="value")
        while self.measure_next():
            pass
        super().__init__(controls, draw())

    @abstractmethod
    def measure_next(self) -> bool:
        """Measure the first that is missing at this setting, in a few hundredths of a second.

        Returns whether something was missing.
        """

    def settle(self) -> None:
        """Measure at once what would be measured once the sliders rest, and show it."""
        self.measuring.stop()
        if self.measure_next():
            while self.measure_next():
                pass
            self._follow()

    def turn(self) -> float | None:
        """Once the sliders rest, measure something and show it."""
        if (left := self._rests_at - time.monotonic()) > 0:
            return left
        if not self.measure_next():
            return None
        self._follow()
        return 0.0

    def rest(self, error: Exception | None) -> None:
        """Say what went wrong."""
        if error is not None:
            self.fail(error)

    def _stop(self) -> None:
        self.measuring.close()

    def _moved(self) -> None:
        self._rests_at = time.monotonic() + _REST
        self.measuring.start()
