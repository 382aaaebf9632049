"""Figures and axes that carry the house's look themselves.

matplotlib takes what nobody has said from its global ``rcParams``, when an artist is made and in
part when it is drawn. These belong to the reader: a picture here says everything itself, so that
it neither reads nor writes them. What is left to them has no other place to be said, and says how
finely matplotlib draws and lays out: ``path.simplify``, ``path.snap``, ``agg.path.chunksize``, the
hinting of text, ``mathtext.default``, ``lines.scale_dashes`` and ``axes.autolimit_mode``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, NullLocator, ScalarFormatter

DOTS = 100
"""Pixels per inch of a picture on a screen, at a scale of 1."""

_FONT: Any = {"fontfamily": "DejaVu Sans", "fontstyle": "normal", "fontvariant": "normal"}
_LETTERS: Any = {"fontstretch": "normal", "math_fontfamily": "dejavusans"}
_TEXT: Any = {"fontsize": 10, "fontweight": "normal", "color": "black"}
_TITLE: Any = {"loc": "left", "pad": 6, "y": 1.0, **_TEXT, "fontsize": 11}
_LINE: Any = {
    "linewidth": 2,
    "markersize": 6,
    "markeredgewidth": 1,
    "markeredgecolor": "auto",
    "markerfacecolor": "auto",
    "fillstyle": "full",
}
_SOLID: Any = {"linestyle": "-", "marker": "None"}
_ENDS: Any = {
    "solid_capstyle": "projecting",
    "solid_joinstyle": "round",
    "dash_capstyle": "butt",
    "dash_joinstyle": "round",
}
_DASHES: Any = {"--": (0, (3.7, 1.6)), ":": (0, (1, 1.65))}
_LEGEND: Any = {
    "frameon": False,
    "labelcolor": "black",
    "numpoints": 1,
    "markerscale": 1,
    "borderpad": 0.4,
    "labelspacing": 0.5,
    "handlelength": 2,
    "handleheight": 0.7,
    "handletextpad": 0.8,
    "borderaxespad": 0.5,
    "columnspacing": 2,
}
_BARS: Any = {"edgecolor": "none", "linewidth": 1}
_IMAGE: Any = {
    "aspect": "equal",
    "origin": "upper",
    "interpolation": "antialiased",
    "resample": True,
}
_CONTOUR: Any = {"algorithm": "mpl2014", "corner_mask": True, "linestyles": "solid"}
_SIDES = ("top", "right", "left", "bottom")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TICKS: Any = {
    "direction": "out",
    "color": "#555555",
    "labelcolor": "#222222",
    "labelsize": 9,
    "labelfontfamily": "DejaVu Sans",
    "grid_color": "#E6E6E6",
    "grid_linestyle": "-",
    "grid_linewidth": 0.8,
    "grid_alpha": 1,
    "grid_antialiased": True,
    **{side: side in ("left", "bottom") for side in _SIDES},
    **{f"label{side}": side in ("left", "bottom") for side in _SIDES},
}


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, outside pyplot's books; its axes belong into ``StyledAxes``."""
    figure = Figure((width, height), dpi=DOTS, facecolor="white", edgecolor="white", frameon=True)
    places = {
        "left": 0.125,
        "right": 0.9,
        "bottom": 0.11,
        "top": 0.88,
        "wspace": 0.2,
        "hspace": 0.2,
    }
    figure.subplotpars.update(**places)
    pads: Any = {"w_pad": 0.04167, "h_pad": 0.04167, "wspace": 0.02, "hspace": 0.02}
    figure.set_layout_engine(ConstrainedLayoutEngine(**pads))
    return figure


class StyledAxes(Axes):
    """Axes that look as the house's do, and whose artists do where nothing else is asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)
        for side, spine in self.spines.items():
            spine.set_visible(side in ("left", "bottom"))

    def plot(self, *args: Any, **kwargs: Any) -> list[Line2D]:
        """As always; a line is 2 points wide."""
        # A format, the third argument, says the style of the line and the marker.
        style = {} if len(args) > 2 else _SOLID
        asked = args[2] if len(args) > 2 else kwargs.get("linestyle")
        lines = super().plot(*args, **(_LINE | style | kwargs))
        return [_dashed(line, asked) for line in lines]

    def axhline(self, *args: Any, **kwargs: Any) -> Line2D:
        """As always; a line is 2 points wide."""
        line = super().axhline(*args, **(_LINE | _SOLID | kwargs))
        return _dashed(line, kwargs.get("linestyle"))

    def axvline(self, *args: Any, **kwargs: Any) -> Line2D:
        """As always; a line is 2 points wide."""
        line = super().axvline(*args, **(_LINE | _SOLID | kwargs))
        return _dashed(line, kwargs.get("linestyle"))

    def barh(self, *args: Any, **kwargs: Any) -> Any:
        """As always; bars have no edge."""
        return super().barh(*args, **(_BARS | kwargs))

    def imshow(self, *args: Any, **kwargs: Any) -> Any:
        """As always."""
        return super().imshow(*args, **(_IMAGE | kwargs))

    def contour(self, *args: Any, **kwargs: Any) -> Any:
        """As always."""
        return super().contour(*args, **(_CONTOUR | kwargs))

    def text(self, *args: Any, **kwargs: Any) -> Text:
        """As always; 10 points and black."""
        return super().text(*args, **(_FONT | _TEXT | kwargs))

    def annotate(self, *args: Any, **kwargs: Any) -> Any:
        """As always; 10 points and black."""
        return super().annotate(*args, **(_FONT | _TEXT | kwargs))

    def set_title(self, label: str, *args: Any, **kwargs: Any) -> Text:
        """As always; on the left, 11 points."""
        return super().set_title(label, *args, **(_TITLE | kwargs))

    def set_xlabel(self, xlabel: str, *args: Any, **kwargs: Any) -> Text:
        """As always; in the middle."""
        return super().set_xlabel(xlabel, *args, **({"loc": "center"} | kwargs))

    def set_ylabel(self, ylabel: str, *args: Any, **kwargs: Any) -> Text:
        """As always; in the middle."""
        return super().set_ylabel(ylabel, *args, **({"loc": "center"} | kwargs))

    def legend(self, *args: Any, **kwargs: Any) -> Legend:
        """As always; 9 points, without a frame."""
        return super().legend(*args, **(legend_look() | kwargs))


def sample(label: str, color: str, **look: Any) -> Line2D:
    """A line for a legend alone."""
    return Line2D([], [], label=label, color=color, **(_LINE | _SOLID | look))


def font(size: float) -> FontProperties:
    """The house's font, for what takes its font from no text."""
    plain: Any = dict.fromkeys(("weight", "style", "variant", "stretch"), "normal")
    return FontProperties(family="DejaVu Sans", size=size, **plain)


def legend_look() -> dict[str, Any]:
    """What a legend has to be told."""
    return {**_LEGEND, "prop": font(9)}


def dress(axes: Axes) -> None:
    """Give axes, and all ticks that they will ever have, the look of the house."""
    axes.set(facecolor="white", axisbelow=True)
    for spine in axes.spines.values():
        spine.set(edgecolor="#555555", linewidth=0.8)
    axes.tick_params(which="major", length=3.5, width=0.8, pad=3.5, **_TICKS)
    axes.tick_params(which="minor", length=2, width=0.6, pad=3.4, **_TICKS)
    axes.grid(False, which="minor")
    axes.grid(True, which="major")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_Numbers())
        axis.set_minor_locator(NullLocator())
        axis.label.set(**_TEXT)
        axis.labelpad = 4
    # All later ticks are copies of the first.
    for tick in (*axes.xaxis.get_major_ticks(1), *axes.xaxis.get_minor_ticks(1)):
        tick.label1.set(fontweight="normal", horizontalalignment="center")
    for tick in (*axes.yaxis.get_major_ticks(1), *axes.yaxis.get_minor_ticks(1)):
        tick.label1.set(fontweight="normal", verticalalignment="center_baseline")


def settle(whole: Artist) -> None:
    """Say of every artist in a figure, or in a part of it, what is the same for all of them."""
    for artist in [part for child in whole.findobj(Artist) for part in parts(child)]:
        artist.set_sketch_params(None)
        artist.set_path_effects([])
        if hasattr(artist, "set_antialiased"):
            artist.set_antialiased(True)
        if isinstance(artist, Text):
            artist.update(_FONT | _LETTERS | {"usetex": False, "parse_math": True})
        elif isinstance(artist, Line2D):
            artist.set(**_ENDS)


def parts(artist: Artist) -> list[Artist]:
    """The artist, and those of its parts that matplotlib does not count among its children."""
    box = artist.get_bbox_patch() if isinstance(artist, Text) else None
    arrow = artist.arrow_patch if isinstance(artist, Annotation) else None
    return [artist, *(part for part in (box, arrow) if part is not None)]


def _dashed(line: Line2D, asked: Any) -> Line2D:
    """The line; where a name for dashes was asked for, they get lengths."""
    for name, lengths in _DASHES.items():
        if name in str(asked):
            line.set_linestyle(lengths)
    return line


class _Numbers(ScalarFormatter):
    """Plain numbers, as many digits as tell the ticks apart."""

    def __init__(self) -> None:
        super().__init__(useOffset=False, useMathText=False, useLocale=False)
        self.set_powerlimits((-5, 6))
        self._usetex = False  # an argument only from matplotlib 3.10 on

    @staticmethod
    def fix_minus(s: str) -> str:
        """The text with a true minus sign."""
        return s.replace("-", "\N{MINUS SIGN}")


def powers_of_ten() -> FuncFormatter:
    """A formatter of ticks at powers of ten; as a formula, each would take ten times as long."""
    return FuncFormatter(lambda x, _: "10" + str(round(np.log10(x))).translate(_RAISED))
