"""A figure as SVG: what stands still once, and each artist that moves as a fragment of its own."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import matplotlib
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure

POINTS = 72
"""Units per inch of the fragments' coordinates."""
_HOW = {"svg.fonttype": "none", "svg.hashsalt": "gradlab"}  # letters stay letters; ids, the same
_SAID = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_FINE = 144  # pixels per inch of what is no vector: an image, a map of values
_FRAME = re.compile(r"^.*?<svg [^>]*>|</svg>\s*$", re.DOTALL)
_NOISE = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->|(?<=<g) id=\"[^\"]*\"", re.DOTALL)
_DIGITS = re.compile(r"(\.\d\d)\d+(?=[\s\"LMQCZ])")
_SPACE = re.compile(r"\s+")


def still(figure: Figure) -> str:
    """What does not move (artists that are not ``animated``), in points, without its ``<svg>``."""
    return _fragment(figure, lambda renderer: figure.draw(renderer))


def moving(figure: Figure, artist: Artist) -> str:
    """One artist of the figure, as it is now; empty where it cannot be seen."""
    return _fragment(figure, lambda renderer: artist.draw(renderer)) if artist.get_visible() else ""


def _fragment(figure: Figure, draw: Callable[[RendererSVG], None]) -> str:
    """Coordinates to a hundredth of a point, which no screen shows."""
    file, dots = io.StringIO(), figure.get_dpi()
    with matplotlib.rc_context(_HOW):
        figure.set_dpi(POINTS)
        try:
            box = figure.bbox
            renderer = RendererSVG(box.width, box.height, file, image_dpi=_FINE, metadata=_SAID)
            draw(renderer)
            renderer.finalize()  # type: ignore[no-untyped-call]
        finally:
            figure.set_dpi(dots)
    bare = _NOISE.sub("", _FRAME.sub("", file.getvalue()))
    return _SPACE.sub(" ", _DIGITS.sub(r"\1", bare)).strip()
