"""One thread that draws pictures finer once they rest."""

from __future__ import annotations

import atexit
import threading
from operator import itemgetter
from time import monotonic
from typing import Protocol
from weakref import WeakKeyDictionary

REST = 0.2
"""Seconds without a move."""


class Resting(Protocol):
    """A picture that can be drawn finer."""

    def sharpen(self) -> None:
        """Show it finer, if nothing moves it meanwhile."""


class Sharpener:
    """One thread for all pictures, alive while there is one that has not rested long enough."""

    def __init__(self) -> None:
        self._due: WeakKeyDictionary[Resting, float] = WeakKeyDictionary()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self.over = False

    def later(self, picture: Resting) -> None:
        """Sharpen a picture once it has rested, counted from now."""
        with self._changed:
            self._due[picture] = monotonic() + REST
            if self._thread is None and not self.over:
                self._thread = threading.Thread(target=self._run, name="sharpening", daemon=True)
                self._thread.start()

    def spared(self, picture: Resting) -> bool:
        """Whether a picture waited to be sharpened, and now does no more."""
        with self._changed:
            return self._due.pop(picture, None) is not None

    def _run(self) -> None:
        while (picture := self._rested()) is not None:
            picture.sharpen()
            del picture  # while it waits, the thread holds none

    def _rested(self) -> Resting | None:
        """The next picture that has rested; None, and the end of the thread: there is none."""
        with self._changed:
            # Any picture may go at any moment, and takes its entry along.
            while not self.over and (
                first := min(self._due.items(), key=itemgetter(1), default=None)
            ):
                picture, due = first
                if (left := due - monotonic()) <= 0:
                    del self._due[picture]
                    return picture
                del picture, first
                self._changed.wait(left)
            self._thread = None
            return None

    def end(self) -> None:
        """Wait for the thread: inside matplotlib it would crash an interpreter that goes down."""
        with self._changed:
            self.over, thread = True, self._thread
            self._changed.notify()
        if thread is not None:
            thread.join()


SHARPENER = Sharpener()
atexit.register(SHARPENER.end)
