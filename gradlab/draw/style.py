"""What all pictures share: colours, ticks, and the marker of a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from gradlab.draw.figure import powers_of_ten

# Okabe & Ito 2008, "Color Universal Design": told apart by all common kinds of colour vision.
BEFORE = "#9A9A9A"
AFTER = "#0072B2"
THRESHOLD = "#D55E00"
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


@dataclass(frozen=True)
class Marker:
    """A vertical line with a label: the threshold on the axis that it belongs to."""

    line: Line2D
    label: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.line, self.label

    def move(self, x: float | None, label: str = "") -> None:
        """Go to ``x`` and say ``label`` beside it; None: be hidden."""
        for artist in self.artists:
            artist.set_visible(x is not None)
        if x is None:
            return
        self.line.set_xdata([x, x])
        self.label.set_text(f" {label} ")
        self.label.set_x(x)
        axes = self.line.axes
        assert axes is not None
        across = (axes.transData + axes.transAxes.inverted()).transform((x, 1))[0]
        self.label.set_horizontalalignment("right" if across > 0.5 else "left")


def draw_marker(axes: Axes) -> Marker:
    """Draw the line of a threshold, hidden until it is moved; its label is above the axes."""
    axes.set_title(" ")  # room for the label
    line = axes.axvline(axes.get_xlim()[1], color=THRESHOLD, linewidth=1.6, visible=False)
    place = axes.get_xaxis_transform()
    label = axes.text(
        1, 1.01, "", color=THRESHOLD, fontsize=10, va="bottom", transform=place, visible=False
    )
    return Marker(line, label)


def draw_legend(axes: Axes, corner: Literal["lower left", "upper right"]) -> None:
    """Name what has been drawn, in a corner of the axes."""
    axes.legend(loc=corner)


def abbreviated(name: str, width: int = 22) -> str:
    """The name, with its middle left out where it is longer than ``width`` characters."""
    if len(name) <= width:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"


def decades(axes: Axes) -> None:
    """Ticks at powers of ten on logarithmic axes, few enough to be read."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_locator(LogLocator(numticks=8))
            axis.set_major_formatter(powers_of_ten())
            axis.set_minor_formatter(NullFormatter())
            axis.set_minor_locator(LogLocator(subs=[], numticks=8))


def axes_of(artist: Artist) -> Axes:
    """The axes that an artist was drawn on."""
    assert isinstance(artist.axes, Axes)
    return artist.axes


def legible(axis: XAxis | YAxis) -> None:
    """Ticks on a logarithmic axis: at powers of ten, and at 2 and 5 between few of them."""
    low, high = axis.get_view_interval()
    if high / low > 1000:
        decades(axis.axes)
        return
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())
