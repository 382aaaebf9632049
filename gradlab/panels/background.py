"""Work that goes on by itself, in the background, and stops when it should."""

from __future__ import annotations

import atexit
import time
import weakref
from collections.abc import Callable
from threading import Event, Lock, Thread, current_thread
from typing import Protocol

from gradlab.panels import kernel

_PIECE = 0.05  # seconds of a pause, after which an interrupt is noticed: that wakes nothing


class Work(Protocol):
    """What goes on in the background."""

    def turn(self) -> float | None:
        """Go on a little, a fraction of a second; seconds to the next turn, None: it is done."""

    def rest(self, error: Exception | None) -> None:
        """Called after the last turn, whatever ended it; an error is one that a turn raised."""


class Background:
    """Takes turns in a thread of its own until they end or it is told to stop.

    It stops when its work is gone, and when the kernel is interrupted or shut down. What a turn
    raises ends it, and is reported as of any thread: with its traceback, on stderr.

    Args:
        work: held weakly.
    """

    def __init__(self, work: Work) -> None:
        self._work: Callable[[], Work | None] = weakref.ref(work)
        self._name = f"gradlab {type(work).__name__}"
        self._lock = Lock()
        self._thread: Thread | None = None
        self._wanted = False
        self._woken = Event()
        self._starts = 0
        _ALL[id(self)] = self
        kernel.on_interrupt(_cut_short)

    @property
    def going(self) -> bool:
        """Whether there are turns to come."""
        return self._wanted

    def start(self) -> None:
        """Begin; where it goes on already, go on. It waits for nothing."""
        with self._lock:
            self._starts += 1
            if not self._wanted:
                self._wanted = True
                self._thread = Thread(
                    target=self._go_on, args=(self._thread,), name=self._name, daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Wait for the turn that is being taken, and take no more."""
        self._wanted = False
        self._woken.set()
        if self._thread is not None and self._thread is not current_thread():
            self._thread.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work is done or stopped, that many seconds at most; whether it is."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def close(self) -> None:
        """Stop for good; nobody is told."""
        self._work = lambda: None
        self.stop()

    def _go_on(self, before: Thread | None) -> None:
        if before is not None:  # it was told to stop, and may be in its last turn
            before.join()
        self._woken.clear()
        error = None
        try:
            while self._wanted and (work := self._work()) is not None:
                starts, pause = self._starts, work.turn()
                del work  # between two turns nothing holds it
                if pause is None:
                    self._end(starts)
                else:
                    self._sleep(pause)
        except Exception as raised:
            error = raised
            raise
        finally:
            self._wanted = False
            if (work := self._work()) is not None:
                work.rest(error)

    def _end(self, starts: int) -> None:
        """The work is done, unless it was started once more during the last turn."""
        with self._lock:
            self._wanted = self._wanted and starts != self._starts

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._wanted and (left := end - time.monotonic()) > 0:
            self._woken.wait(min(left, _PIECE))


class Player(Background):
    """Plays something for the eye: one at a time.

    It stops when another player starts or is made, too: where the page does not tell which cell
    runs, a cell that is run again makes a new panel, and nobody could pause the old one.
    """

    def __init__(self, work: Work) -> None:
        _stop_all(Player)
        super().__init__(work)

    def start(self) -> None:
        """Begin, and stop every other player; where it plays already, go on."""
        if not self.going:
            _stop_all(Player)
        super().start()


# One that is read whole in one go: a signal handler must not meet another thread's change.
_ALL: weakref.WeakValueDictionary[int, Background] = weakref.WeakValueDictionary()


def _every() -> list[Background]:
    return [each for ref in _ALL.valuerefs() if (each := ref()) is not None]


def _stop_all(kind: type[Background]) -> None:
    for each in _every():
        if isinstance(each, kind):
            each.stop()


@atexit.register
def _end() -> None:
    """Wait for every last turn: a thread inside torch would crash an interpreter that goes down."""
    for each in _every():
        each.close()


def _cut_short() -> None:
    """Take no more turns, but wait for nothing: in a signal handler one must not."""
    for each in _every():
        each._wanted = False
