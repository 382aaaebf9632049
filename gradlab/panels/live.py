"""A picture that repaints only what moved, and is sharp when nothing moves.

A new matplotlib figure for each slider position costs ten times a display frame. ``LivePicture``
draws the still parts (axes, ticks, labels, whatever does not move) once, keeps them as pixels,
and on every move draws only the moving artists over them, into one ``ipywidgets.Image``. Screens
of today have two pixels where it has one: so a picture that rests is drawn once more, twice as
fine, by a thread that gives way to the next move.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from PIL import Image

from gradlab.draw import vector
from gradlab.draw.figure import StyledAxes, blank_figure, settle
from gradlab.panels import pixels
from gradlab.panels.sharpening import SHARPENER

_FINE = 2  # times as many pixels each way, at rest


def subplots(width: float, height: float, **grid: Any) -> tuple[Figure, list[Axes]]:
    """A figure in the house's look and its axes, outside pyplot's books: none is left open.

    Args:
        width: inches; one inch is 100 pixels of a page.
        height: inches.
        grid: as for ``Figure.subplots``: ``nrows``, ``ncols``, ``width_ratios`` ...
    """
    figure = blank_figure(width, height)
    axes = figure.subplots(subplot_kw={"axes_class": StyledAxes}, **grid)
    return figure, list(np.ravel(axes))


class LivePicture:
    """A figure in a notebook whose moving artists can follow a slider at the display's rate.

    ``with picture.moving(): line.set_ydata(...)`` changes artists and shows the change. It may be
    called from any thread: JupyterLab runs a slider's callback beside a running cell.

    Args:
        figure: with all its artists; its size is the size of the picture.
        moving: the artists that will change. All others are drawn once, or when ``redraw`` says so.

    Attributes:
        widget: shows the picture.
        size: width and height on the page, in CSS pixels.
    """

    def __init__(self, figure: Figure, moving: Iterable[Artist]) -> None:
        self._lock, self._unpainted = threading.RLock(), False
        self._fragments: vector.Known = {}  # while nothing else draws the artists
        self._stills: list[str] | None = None
        self._waiting: list[None] = []  # one for each thread that wants to move the picture
        self._canvas = FigureCanvasAgg(figure)
        self.size: tuple[int, int] = self._canvas.get_width_height()
        self._moving = sorted(moving, key=lambda artist: artist.get_zorder())
        for artist in self._moving:
            artist.set_animated(True)
        self.widget = ipywidgets.Image(format="jpeg")
        self.widget.layout.width = f"{self.size[0]}px"  # the same with more pixels
        self.widget.layout.max_width = "100%"
        self._draw()

    def redraw(self) -> None:
        """Draw everything anew: after a change to a still artist, such as an axis or a title."""
        with self._held():
            self._stills = None
            if self._seen:
                self._draw()
            for mover in self._moving:  # its axes may have other limits
                self._fragments.pop(mover, None)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Hold the picture while moving artists change, then show it."""
        with self._held():
            yield
            self._repaint()

    @property
    def png(self) -> bytes:
        """The picture as it is now, as the bytes of a PNG file: twice ``size``, in 256 colours."""
        with self._lock:
            return self._stored(self._fine(waiting=()))

    def sharpen(self) -> None:
        """Show the picture twice as fine, if nothing moves it meanwhile."""
        with self._lock, suppress(_GivesWayError):
            self._show_fine(self._fine(self._waiting))

    def _stored(self, fine: Image.Image) -> bytes:
        """A fine picture to keep; if the page waits for it, it need not be drawn again."""
        if SHARPENER.spared(self):
            self._show_fine(fine)
        return pixels.palette_png(fine)

    def _show_fine(self, fine: Image.Image) -> None:
        if self._seen and not SHARPENER.over:
            self.widget.value = pixels.jpeg(fine)

    @property
    def layers(self) -> tuple[str, ...]:
        """The picture as it is now, as fragments of SVG: ``vector.still``, then each mover."""
        with self._lock:
            figure = self._canvas.figure
            if self._stills is None:
                self._stills = vector.still(figure, self._fragments)
            return *self._stills, *vector.moving(figure, self._moving, self._fragments)

    @contextmanager
    def unpainted(self) -> Iterator[None]:
        """Let artists move without a picture of it, as when only ``layers`` are asked for."""
        self._unpainted = True
        try:
            yield  # and not with the lock: what measures in the background moves artists, too
        finally:
            self._unpainted = False
            self.redraw()

    @property
    def _seen(self) -> bool:
        """Whether a page shows it: a kernel that writes static pages has none."""
        comm = self.widget.comm
        told = comm is not None and getattr(comm, "kernel", True) is not None  # as ipywidgets asks
        return told and not self._unpainted

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._waiting.append(None)
        with self._lock:
            self._waiting.pop()
            yield

    def _draw(self) -> None:
        self._fragments.clear()
        settle(self._canvas.figure)
        self._canvas.draw()
        # A constrained layout is settled by the first draw; to run it again would cost each
        # later redraw, and would let the axes wander.
        self._canvas.figure.set_layout_engine("none")
        self._still = self._canvas.copy_from_bbox(self._canvas.figure.bbox)
        self._repaint()

    def _repaint(self) -> None:
        if not self._seen:
            return
        self._fragments.clear()
        self._canvas.restore_region(self._still)
        for artist in self._moving:
            self._canvas.figure.draw_artist(artist)
        self.widget.value = pixels.jpeg(pixels.image(self._canvas.get_renderer()))
        SHARPENER.later(self)

    def _fine(self, waiting: Collection[None]) -> Image.Image:
        """The whole picture, drawn finer and beside what is kept for the next move.

        Matplotlib leaves what draws text in cycles of references, with the frames that called it:
        whatever these name lives on until Python looks for cycles. So nobody names the pixels.
        """
        figure = self._canvas.figure
        dpi, (width, height) = figure.get_dpi(), self.size
        renderer = _GivingWay(_FINE * width, _FINE * height, _FINE * dpi, waiting)
        self._fragments.clear()
        figure.set_dpi(_FINE * dpi)
        try:
            figure.draw(renderer)
            for artist in self._moving:
                artist.draw(renderer)
            return pixels.image(renderer).convert("RGB")
        finally:
            figure.set_dpi(dpi)
            vars(renderer).clear()


class _GivesWayError(Exception):
    """Somebody wants the picture that is being drawn."""


class _GivingWay(RendererAgg):
    """A renderer that stops before the next artist as soon as somebody is ``waiting``."""

    def __init__(self, width: float, height: float, dpi: float, waiting: Collection[None]) -> None:
        self._waiting = waiting
        super().__init__(width, height, dpi)  # type: ignore[no-untyped-call]

    def new_gc(self) -> Any:
        if self._waiting:
            raise _GivesWayError
        return super().new_gc()
