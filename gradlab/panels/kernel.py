"""The Jupyter kernel that panels run in: which cell runs, what names hold, and its interrupts.

All that is asked of ipykernel beyond its documented interface is asked here. A kernel that lacks a
name that is used here gets on without the feature, and outside of a kernel nothing happens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from signal import SIGINT, getsignal, signal
from threading import current_thread, main_thread
from typing import Any, NamedTuple

from IPython import get_ipython

HOOKS = "pre_handler_hook", "post_handler_hook"
_RESULTS = re.compile(r"_+\d*|_oh|Out")  # the names by which IPython keeps what cells have shown


class Run(NamedTuple):
    """One run of one cell."""

    cell: str
    request: str


def running() -> Run | None:
    """The cell that runs, if the page says which it is: JupyterLab and VS Code do."""
    get_parent = getattr(_kernel(), "get_parent", None)
    request = get_parent("shell") if get_parent else {}
    cell = request.get("metadata", {}).get("cellId")
    return Run(cell, request["header"]["msg_id"]) if cell else None


def around_cells(call: Callable[[], None]) -> None:
    """Have it called before and after each cell, from the next on."""
    if _kernel() is not None:
        _register(get_ipython(), call, "pre_run_cell", "post_run_cell")


def named() -> Iterator[Any]:
    """What the user's names hold, and what is in their lists, tuples, sets and dicts."""
    for name, value in list(get_ipython().user_ns.items()):
        if not _RESULTS.fullmatch(name):
            yield value
            if isinstance(value, dict):
                yield from list(value.values())
            elif isinstance(value, list | tuple | set):
                yield from list(value)


def on_interrupt(call: Callable[[], None]) -> None:
    """Have it called whenever the kernel is interrupted, in a signal handler: it may not wait.

    A kernel puts another signal handler in place around each message, and around each cell that
    awaits. Each of them is preceded by this call.
    """
    if (kernel := _kernel()) is not None:
        _listen_always(kernel, call)


@cache  # once
def _listen_always(kernel: Any, call: Callable[[], None]) -> None:
    for name in HOOKS:
        if hook := getattr(kernel, name, None):
            setattr(kernel, name, partial(_listen_after, hook, call))
    _register(get_ipython(), partial(_listen, call), "pre_run_cell")
    _listen(call)


@cache  # once
def _register(shell: Any, call: Callable[[], None], *events: str) -> None:
    for event in events:
        shell.events.register(event, lambda _: call())


def _listen_after(hook: Callable[[], None], call: Callable[[], None]) -> None:
    try:
        hook()
    except KeyboardInterrupt:  # between the hook's handler and the one that follows
        call()
    _listen(call)


def _listen(call: Callable[[], None]) -> None:
    """Put the call before the present signal handler."""
    if current_thread() is main_thread() and not isinstance(getsignal(SIGINT), _Preceded):
        signal(SIGINT, _Preceded(call, getsignal(SIGINT)))


@dataclass(frozen=True)
class _Preceded:
    call: Callable[[], None]
    handler: Any

    def __call__(self, *signal: Any) -> None:
        self.call()
        if callable(self.handler):
            self.handler(*signal)


def _kernel() -> Any:
    return getattr(get_ipython(), "kernel", None)
