"""A figure as SVG: what stands still once, and each artist that moves as a fragment of its own."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from PIL import Image

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
_MARKER = re.compile(r'<use xlink:href="(#\w+)" x="([-.\d]+)" y="([-.\d]+)"([^>]*)/> ?')
_APART = 4  # markers to a point, at most: more of them look the same


def still(figure: Figure) -> str:
    """What does not move (artists that are not ``animated``), in points, without its ``<svg>``."""
    with _on_paper(figure):
        return _fragment(figure, figure)


def moving(figure: Figure, artists: Sequence[Artist]) -> list[str]:
    """Each of some artists of the figure, as it is now; empty where it cannot be seen."""
    with _on_paper(figure):
        return [_fragment(figure, each) if each.get_visible() else "" for each in artists]


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


def _fragment(figure: Figure, artist: Artist) -> str:
    """Coordinates to a hundredth of a point, which no screen shows."""
    file, box = io.StringIO(), figure.bbox
    renderer = RendererSVG(box.width, box.height, file, image_dpi=_FINE, metadata=_SAID)
    artist.draw(renderer)
    renderer.finalize()
    bare = _NOISE.sub("", _FRAME.sub("", file.getvalue()))
    short = _PLACES.sub(lambda found: _DIGITS.sub(r"\1", found[0]), bare)
    return _IMAGE.sub(_lighter, _once(_SPACE.sub(" ", short).strip()))


def _lighter(image: re.Match[str]) -> str:
    """An image as JPEG where that halves it: a photograph, and no drawing."""
    png, file = base64.b64decode(image[1]), io.BytesIO()
    opened = Image.open(io.BytesIO(png)).convert("RGBA")
    opened.convert("RGB").save(file, "JPEG", quality=85)
    if 2 * len(file.getvalue()) > len(png) or opened.getextrema()[3] != (255, 255):
        return image[0]
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _once(svg: str) -> str:
    """The fragment without markers that cover others of their look."""
    seen = set()

    def marker(found: re.Match[str]) -> str:
        name, x, y, look = found.groups()
        place = name, round(_APART * float(x)), round(_APART * float(y)), look
        new = place not in seen
        seen.add(place)
        return found[0] if new else ""

    return _MARKER.sub(marker, svg)
