"""Something that goes on by itself, in the background, and stops when it should."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol


class Playable(Protocol):
    """What a player plays."""

    def turn(self) -> bool:
        """Go on a little, a fraction of a second; whether there is more."""

    def rest(self) -> None:
        """Called after the last turn, whatever ended the play."""


_PLAYERS: weakref.WeakSet[Player] = weakref.WeakSet()


class Player:
    """Takes turns in a thread of its own until they end or it is told to stop.

    It stops when what it plays is gone, when the kernel is interrupted or shut down, and when
    another player starts or is made: a cell that is run again makes a new panel, and nobody could
    pause the old one.

    Args:
        playable: held weakly.
    """

    def __init__(self, playable: Playable) -> None:
        stop_all()
        self._playable: Callable[[], Playable | None] = weakref.ref(playable)
        self._thread: threading.Thread | None = None
        self._wanted = False
        _PLAYERS.add(self)
        _stop_when_interrupted()

    @property
    def playing(self) -> bool:
        """Whether there are turns to come."""
        return self._wanted

    def play(self) -> None:
        """Begin; where it plays already, go on."""
        if self._wanted:
            return
        stop_all()
        self._wanted = True
        self._thread = threading.Thread(target=self._go_on, name="gradlab", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wait for the turn that is being taken, and take no more."""
        self._wanted = False
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _go_on(self) -> None:
        while self._wanted and (playable := self._playable()) is not None and playable.turn():
            del playable  # between two turns nothing holds it
        self._wanted = False
        if (playable := self._playable()) is not None:
            playable.rest()


def stop_all() -> None:
    """Stop every player, and wait until they have."""
    for player in list(_PLAYERS):
        player.stop()


@atexit.register
def _end() -> None:
    """Wait for every last turn: a thread inside torch would crash an interpreter that goes down."""
    for player in list(_PLAYERS):
        player._playable = lambda: None  # nothing is to be shown any more
        player.stop()


def _cut_short(*_: Any) -> None:
    """Take no more turns, but wait for nothing: in a signal handler one must not."""
    for player in list(_PLAYERS):
        player._wanted = False


def _stop_when_interrupted() -> None:
    """Let an interrupt of the kernel reach the players; elsewhere Ctrl-C ends them as it is."""
    from IPython import get_ipython

    if (shell := get_ipython()) is None:
        return
    shell.events.register("post_run_cell", _after_cell)  # once, however often it is called
    kernel: Any = getattr(shell, "kernel", None)
    # Between two cells ipykernel ignores SIGINT: after each message it puts back the handler that
    # was there before, which it keeps under this name. This is called in a cell.
    before = getattr(kernel, "saved_sigint_handler", None)
    if before is not None and not (isinstance(before, partial) and before.func is _interrupted):
        kernel.saved_sigint_handler = partial(_interrupted, before)


def _after_cell(result: Any) -> None:
    if isinstance(result.error_in_exec, KeyboardInterrupt):
        _cut_short()


def _interrupted(before: Any, *signal: Any) -> None:
    _cut_short()
    if callable(before):
        before(*signal)
