"""matplotlib's drawing of SVG, for a part of a page: short, and quick to be shown."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
from matplotlib import _path
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox, Transform
from numpy.typing import NDArray
from PIL import Image

from gradlab.draw.elements import Elements
from gradlab.draw.strokes import circle, relative

_SAID = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_FINE = 144  # pixels per inch of what is no vector: an image, a map of values
_LONG = 15  # points of a marker that is written once, and used at every place
_APART = 4  # markers to a point, at most: more of them look the same

Clips = dict[Any, Any]
"""What is cut off where, as matplotlib keeps it."""
Places = NDArray[np.float64]


class Fragments:
    """Artists of a figure as SVG, in the figure's dots, to a hundredth of one.

    Args:
        figure: as it stays: its size, and the frames of its axes, beyond which most are cut off.
    """

    def __init__(self, figure: Figure) -> None:
        self._renderer = _Renderer(figure)

    def ground(self, artist: Artist) -> str:
        """An artist, and the frames of the axes, to which other fragments of the page are cut."""
        return self._drawn([artist], self._renderer.frames)

    def of(self, artists: Iterable[Artist]) -> str:
        """Artists from back to front, on a page that has the ``ground``."""
        return self._drawn(artists, {})

    def _drawn(self, artists: Iterable[Artist], frames: Clips) -> str:
        self._renderer.begin()
        for artist in artists:
            artist.draw(self._renderer)
        return self._renderer.written(frames)


_Untyped: Any = RendererSVG  # as it is


class _Renderer(_Untyped):  # type: ignore[misc]
    """Writes few elements: no groups, and the markers of a line as one path."""

    def __init__(self, figure: Figure) -> None:
        size = figure.bbox.width, figure.bbox.height
        super().__init__(*size, io.StringIO(), image_dpi=_FINE, metadata=_SAID)
        self.writer = Elements()
        for axes in figure.axes:
            gc = self.new_gc()
            gc.set_clip_rectangle(axes.bbox)
            self._get_clip_attrs(gc)
        self.frames: Clips = self._clipd

    def begin(self) -> None:
        """What is drawn from now on belongs together."""
        self._clipd = self.frames.copy()
        self._path_collection_id = 0
        self._markers.clear()
        self._hatchd.clear()

    def written(self, frames: Clips) -> str:
        """All that was drawn, with some of the frames."""
        used = [(key, clip) for key, clip in self._clipd.items() if key not in self.frames]
        self._clipd = frames | dict(used)
        self._write_clips()
        self._write_hatches()
        return str(self.writer.taken())

    def draw_text(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """Letters stay letters, whatever ``svg.fonttype`` says."""
        clip = self._get_clip_attrs(gc)
        with self._within("g", **clip) if clip else nullcontext():
            self._draw_text_as_text(gc, x, y, s, prop, angle, ismath, mtext)

    def _make_id(self, type: str, content: object) -> str:
        """The same for the same content, whatever ``svg.hashsalt`` says."""
        return f"{type}{sha256(str(content).encode()).hexdigest()[:8]}"

    def _get_clip_attrs(self, gc: Any) -> Any:
        """To a hundredth of a dot: each layout puts axes of a fixed aspect a bit elsewhere."""
        frame = gc.get_clip_rectangle()
        if frame is not None:
            gc.set_clip_rectangle(
                Bbox.from_bounds(*(round(float(each), 2) for each in frame.bounds))
            )
        return super()._get_clip_attrs(gc)

    def open_group(self, s: str, gid: str | None = None) -> None:
        """None is needed: nobody asks for one."""

    def close_group(self, s: str) -> None:
        """See ``open_group``."""

    def draw_image(
        self, gc: Any, x: float, y: float, im: NDArray[np.uint8], transform: Any = None
    ) -> None:
        """Upside down: matplotlib begins at the foot."""
        height, width = im.shape[:2]
        if transform is not None or not im.size:
            super().draw_image(gc, x, y, im, transform)
            return
        source = _written(width, height, im[::-1].tobytes())
        units = 72 / self.image_dpi
        place = {
            "x": f"{x:.2f}",
            "y": f"{self.height - y - height * units:.2f}",
            "width": f"{width * units:.2f}",
            "height": f"{height * units:.2f}",
        }
        self.writer.element(
            "image", attrib={"xlink:href": source, **place}, **self._get_clip_attrs(gc)
        )

    def draw_quad_mesh(self, gc: Any, master_transform: Transform, *mesh: Any) -> None:
        """As an image: beside each other, cells of their own would show seams."""
        fine = _FINE / 72
        painter = RendererAgg(fine * self.width, fine * self.height, _FINE)
        painter.draw_quad_mesh(painter.new_gc(), master_transform + Affine2D().scale(fine), *mesh)
        pixels = np.asarray(painter.buffer_rgba())
        rows, columns = (np.flatnonzero(pixels[..., 3].any(axis)) for axis in (1, 0))
        if rows.size:
            image = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            up = len(pixels) - 1 - rows[-1]
            self.draw_image(gc, columns[0] / fine, up / fine, image[::-1])

    def draw_markers(
        self,
        gc: Any,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        rgbFace: Any = None,  # noqa: N803 - matplotlib's
    ) -> None:
        """As one path, where it cannot be seen which marker covers which."""
        places = self._seen(trans.transform(path.vertices))
        if not len(places):
            return
        face = None if rgbFace is None or rgbFace[3:] == (0,) else rgbFace
        style, shape = self._get_style_dict(gc, face), marker_trans.transform_path(marker_path)
        fill, edge = style.get("fill", "#000000"), style.get("stroke")
        alike = fill in ("none", edge or fill) and "opacity" not in " ".join(style)
        round_one = marker_path is Path.unit_circle()
        width = 2 * float(np.max(shape.vertices, 0)[0])  # of a round one
        if alike and round_one and face is not None:
            self._dots(places, width + (gc.get_linewidth() if edge else 0), gc, fill)
        elif alike and (round_one or len(shape) <= _LONG):
            strokes = circle(width) if round_one else relative(shape)
            self._at(places, strokes, gc, _css(style))
        else:
            self._copies(places, shape, gc, _css(style))

    def _dots(self, places: Places, width: float, gc: Any, colour: str) -> None:
        """Lines of no length, whose round ends are left."""
        look = f"fill: none; stroke: {colour}; stroke-width: {width:.3g}; stroke-linecap: round"
        self._at(places, "h0", gc, look)

    def _at(self, places: Places, strokes: str, gc: Any, style: str) -> None:
        """The same strokes from each place: what is the same takes little room, compressed."""
        d = "".join(f"M{x:.2f} {self.height - y:.2f}{strokes}" for x, y in places)
        self.writer.element("path", d=d, style=style, **self._get_clip_attrs(gc))

    def _copies(self, places: Places, shape: Path, gc: Any, style: str) -> None:
        d = self._convert_path(shape, Affine2D().scale(1, -1), simplify=False)
        name = self._make_id("m", d)
        if name not in self._markers:
            self._markers[name] = name
            with self._within("defs"):
                self.writer.element("path", id=name, d=d)
        with self._within("g", style=style, **self._get_clip_attrs(gc)):
            for x, y in places:
                at = {"x": f"{x:.2f}", "y": f"{self.height - y:.2f}"}
                self.writer.element("use", attrib={"xlink:href": f"#{name}", **at})

    @contextmanager
    def _within(self, tag: str, **attributes: str) -> Iterator[None]:
        self.writer.start(tag, attributes)
        yield
        self.writer.end(tag)

    def _seen(self, places: Places) -> Places:
        """Those on the page or beside it, the same one only once."""
        size = np.array([self.width, self.height])
        places = places[((places > -size) & (places < 2 * size)).all(1)]
        if len(places) < 2:
            return places
        _, first = np.unique(np.round(_APART * places), axis=0, return_index=True)
        return places[np.sort(first)]

    def _convert_path(
        self,
        path: Path,
        transform: Transform | None = None,
        clip: bool | None = None,
        simplify: bool | None = None,
        sketch: Any = None,
    ) -> str:
        bounds = (0.0, 0.0, self.width, self.height) if clip else None
        letters = [b"M", b"L", b"Q", b"C", b"z"]
        untyped: Any = _path
        written = untyped.convert_to_string(
            path, transform, bounds, simplify, sketch, 2, letters, False
        )
        return str(written.decode("ascii").replace(" \n", "").strip())


def _css(style: dict[str, str]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in style.items())


@lru_cache(256)  # a picture in a panel comes again and again
def _written(width: int, height: int, pixels: bytes) -> str:
    """An image as PNG, or as JPEG where that halves it: a photograph, and no drawing."""
    image, png, jpeg = Image.frombytes("RGBA", (width, height), pixels), io.BytesIO(), io.BytesIO()
    image.save(png, "PNG")
    kind, file = "png", png
    if image.getchannel("A").getextrema() == (255, 255):
        image.convert("RGB").save(jpeg, "JPEG", quality=85)
        if 2 * jpeg.tell() <= png.tell():
            kind, file = "jpeg", jpeg
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
