"""What is shown on a page and goes with it: panels are closed once nobody can reach them.

Jupyter keeps every widget until somebody closes it, and IPython everything that a cell has shown.
A cell that is run again would leave its old panel behind, with its picture and its data.
"""

from __future__ import annotations

import base64
import gc
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import ipywidgets

from gradlab.panels import kernel


class Closing(ipywidgets.VBox):
    """A column of widgets that is closed as a whole, and then holds nothing any more.

    In a kernel this happens by itself, when a cell is run, to what no name holds and that nobody
    sees: its own cell has been run again, or its output was cleared or its cell deleted before. A
    name holds it by itself, in a list, tuple, set or dict, or inside another widget.

    Args:
        children: from top to bottom. One that is ``Closing`` itself is not closed with this one.
    """

    _was_seen: bool
    _made: kernel.Run | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls, *args, **kwargs)
        self._changing, self._closed = RLock(), False
        self._made, self._was_seen = kernel.running(), False
        self._bare = {*vars(self), "_bare"}
        return self

    def __init__(self, children: Sequence[Any]) -> None:
        super().__init__(children)
        self._view_count = 0  # from now on the page says how many views there are
        self.observe(self._viewed, names="_view_count")
        with _CLOSING:
            _OPEN.add(self)
        kernel.around_cells(_close_lost)

    @property
    @abstractmethod
    def readout(self) -> str:
        """What it shows, in words."""

    @property
    @abstractmethod
    def png(self) -> bytes:
        """Its picture as it is now, as the bytes of a PNG file."""

    @property
    def closed(self) -> bool:
        """Whether it is gone from the page, and from memory."""
        return bool(self._closed)

    def close(self) -> None:
        """Leave the page, and let go of picture and data."""
        if self.closed or self.comm is None:  # or it never came to be
            return
        self._stop()
        with self._changing:
            self._closed = True
            for widget in (*_family(self), self):
                widget.unobserve_all()
                ipywidgets.Widget.close(widget)
            for name in set(vars(self)) - self._bare:
                delattr(self, name)
            self.children = ()

    def _stop(self) -> None:
        """Called before it is closed: end what goes on in the background."""

    def _viewed(self, change: Any) -> None:
        self._was_seen = self._was_seen or change.new > 0

    def _lost(self, now: kernel.Run | None) -> bool:
        """Whether its views are gone, or its cell has been run again."""
        made = self._made
        again = made and now and made.cell == now.cell and made.request != now.request
        return bool(again) or (self._was_seen and not self._view_count)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        if self.closed:
            return {"text/plain": self._gone}
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        png = base64.b64encode(self.png).decode()
        return bundle | {"text/plain": self.readout, "image/png": png}

    @property
    def _gone(self) -> str:
        return (
            f"This {type(self).__name__} is closed: its output was cleared, its cell was deleted "
            "or run again, or close() was called. Run its cell again for a new one."
        )

    if not TYPE_CHECKING:  # it would hide misspelt names

        def __getattr__(self, name: str) -> Any:
            gone = vars(self).get("_closed")
            raise AttributeError(self._gone if gone else f"{type(self).__name__} has no {name!r}")


_OPEN: WeakSet[Closing] = WeakSet()
_CLOSING = RLock()


def _close_lost() -> None:
    now = kernel.running()
    with _CLOSING:
        lost = [each for each in _OPEN if not each.closed and each._lost(now)]
        held = {id(w) for value in kernel.named() for w in _inside(value)} if lost else set()
        gone = [each for each in lost if id(each) not in held]
        for each in gone:
            each.close()
    if gone:
        # A figure is full of cycles. Python would collect ten of them at once, 10 MB each; this
        # takes 0.2 s, and drawing a new panel more.
        gc.collect()


def _inside(value: Any) -> Iterator[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
        for child in getattr(value, "children", ()):
            yield from _inside(child)


def _family(widget: Any) -> Iterator[Any]:
    """All widgets that a widget is made of."""
    parts = getattr(widget, "layout", None), getattr(widget, "style", None)
    for part in (*getattr(widget, "children", ()), *parts):
        if isinstance(part, ipywidgets.Widget) and not isinstance(part, Closing):
            yield part
            yield from _family(part)
