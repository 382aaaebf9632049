"""A picture that repaints only what moved.

A new matplotlib figure for each slider position costs ten times a display frame. ``LivePicture``
draws the still parts (axes, ticks, labels, whatever does not move) once, keeps them as pixels,
and on every move draws only the moving artists over them, into one ``ipywidgets.Image``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gradlab.draw.figure import StyledAxes, blank_figure, settle


def subplots(width: float, height: float, **grid: Any) -> tuple[Figure, list[Axes]]:
    """A figure in the house's look and its axes, outside pyplot's books: none is left open.

    Args:
        width: inches; one inch is 100 pixels.
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
    """

    def __init__(self, figure: Figure, moving: Iterable[Artist]) -> None:
        self._lock = RLock()
        self._canvas = FigureCanvasAgg(figure)
        self._moving = sorted(moving, key=lambda artist: artist.get_zorder())
        for artist in self._moving:
            artist.set_animated(True)
        self.widget = ipywidgets.Image(format="jpeg")
        self.widget.layout.max_width = "100%"
        self.redraw()

    def redraw(self) -> None:
        """Draw everything anew: after a change to a still artist, such as an axis or a title."""
        with self._lock:
            settle(self._canvas.figure)
            self._canvas.draw()
            # A constrained layout is settled by the first draw; to run it again would cost each
            # later redraw, and would let the axes wander.
            self._canvas.figure.set_layout_engine("none")
            self._still = self._canvas.copy_from_bbox(self._canvas.figure.bbox)
            self._repaint()

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Hold the picture while moving artists change, then show it."""
        with self._lock:
            yield
            self._repaint()

    @property
    def png(self) -> bytes:
        """The picture as it is now, as the bytes of a PNG file."""
        with self._lock:
            return _encoded(_image(self._canvas).convert("RGB"), format="PNG")

    def _repaint(self) -> None:
        self._canvas.restore_region(self._still)
        for artist in self._moving:
            self._canvas.figure.draw_artist(artist)
        # On the way to the screen, JPEG: encoded in a sixth of the time of PNG. At this quality,
        # without chroma subsampling, the eye sees no difference.
        image = _image(self._canvas)
        self.widget.value = _encoded(image, format="JPEG", quality=95, subsampling=0)


def _image(canvas: FigureCanvasAgg) -> Image.Image:
    """The canvas as it is, not copied; figures are opaque, so its fourth byte says nothing."""
    size = canvas.get_width_height()
    return Image.frombuffer("RGBX", size, canvas.buffer_rgba(), "raw", "RGBX", 0, 1)


def _encoded(image: Image.Image, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, **how)
    return file.getvalue()
