"""A figure as SVG: what stands still once, and each artist that moves as a fragment of its own."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.text import Annotation
from matplotlib.transforms import IdentityTransform, Transform
from PIL import Image

from gradlab.draw.figure import parts

POINTS = 72
"""Units per inch of the fragments' coordinates."""
_HOW: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gradlab",
}  # letters stay letters
_SAID = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_FINE = 144  # pixels per inch of what is no vector: an image, a map of values
_FRAME = re.compile(r"^.*?<svg [^>]*>|</svg>\s*$", re.DOTALL)
_NOISE = re.compile(
    r"<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->|(?<=<g) id=\"[^\"]*\"", re.DOTALL
)
_PLACES = re.compile(r' (?:d|x|y)="[^"]*"')  # and never a number in words
_DIGITS = re.compile(r"(\.\d\d)\d+")
_IMAGE = re.compile(r"data:image/png;base64,([^\"]+)")
_SPACE = re.compile(r"\s+")
_APART = 4  # markers to a point, at most: more of them look the same


def still(figure: Figure) -> str:
    """What does not move (artists that are not ``animated``), in points, without its ``<svg>``."""
    with _on_paper(figure):
        return _fragment(figure, figure)


def moving(figure: Figure, artists: Sequence[Artist], known: dict[Artist, str]) -> list[str]:
    """Each of some artists of the figure, as it is now; empty where it cannot be seen.

    Args:
        figure: that they belong to.
        artists: from back to front.
        known: the fragments of an earlier call, which has this one draw less. Nothing else may have
            drawn the artists since, for matplotlib forgets with each drawing what was changed.
    """
    with _on_paper(figure):
        for each in artists:
            if each.get_visible() and (each not in known or _changed(each)):
                known[each] = _fragment(figure, each)
    return [known[each] if each.get_visible() else "" for each in artists]


def place(artist: Artist, x: float, y: float) -> tuple[float, float]:
    """Where a point of the data of an artist's axes stands, in the units of the fragments."""
    assert artist.axes is not None
    figure = artist.axes.figure
    across, up = artist.axes.transData.transform((x, y)) * POINTS / figure.dpi
    return round(float(across), 2), round(float(figure.bbox.height * POINTS / figure.dpi - up), 2)


@contextmanager
def _on_paper(figure: Figure) -> Iterator[None]:
    dots = figure.get_dpi()
    with matplotlib.rc_context(_HOW):
        figure.set_dpi(POINTS)
        try:
            yield
        finally:
            figure.set_dpi(dots)


def _changed(artist: Artist) -> bool:
    """Whether it may look otherwise than when it was drawn last."""
    if isinstance(artist, Annotation):  # its ``xy`` is a plain attribute
        return True
    return any(part.stale for child in artist.findobj(Artist) for part in parts(child))


def _fragment(figure: Figure, artist: Artist) -> str:
    """Coordinates to a hundredth of a point, which no screen shows."""
    file, box = io.StringIO(), figure.bbox
    untyped: Any = _Renderer
    renderer = untyped(box.width, box.height, file, image_dpi=_FINE, metadata=_SAID)
    artist.draw(renderer)
    renderer.finalize()
    bare = _NOISE.sub("", _FRAME.sub("", file.getvalue()))
    short = _PLACES.sub(lambda found: _DIGITS.sub(r"\1", found[0]), bare)
    return _IMAGE.sub(_lighter, _SPACE.sub(" ", short).strip())


def _lighter(image: re.Match[str]) -> str:
    """An image as JPEG where that halves it: a photograph, and no drawing."""
    png, file = base64.b64decode(image[1]), io.BytesIO()
    opened = Image.open(io.BytesIO(png)).convert("RGBA")
    opened.convert("RGB").save(file, "JPEG", quality=85)
    if 2 * len(file.getvalue()) > len(png) or opened.getchannel("A").getextrema() != (255, 255):
        return image[0]
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


class _Renderer(RendererSVG):
    """Draws of the markers of a line that cover each other one only."""

    def draw_markers(
        self,
        gc: Any,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        rgbFace: Any = None,  # noqa: N803 - matplotlib's
    ) -> None:
        places = trans.transform(path.vertices)
        _, first = np.unique(np.round(_APART * places), axis=0, return_index=True)
        few = Path(places[np.sort(first)])
        untyped: Any = super()
        untyped.draw_markers(gc, marker_path, marker_trans, few, IdentityTransform(), rgbFace)
