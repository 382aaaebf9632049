"""The gradients of many layers at many steps as a map of colours, a column of pixels each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.figure import dress
from gradlab.draw.style import THRESHOLD, abbreviated, legible

COLUMNS = 500
"""The most columns that a picture tells apart; of more steps, several share one."""

_NO_GRADIENT = "#E6E6E6"


@dataclass(frozen=True)
class Layers:
    """The artists of ``draw_layers``."""

    norms: AxesImage
    clipped: AxesImage
    bar: Colorbar

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return (self.clipped,)

    def measure(self, values: ArrayLike, what: str) -> None:
        """Show another quantity, (n, layers), named ``what``; the picture must be redrawn."""
        cells = columns(values, np.fmax).T
        held = np.isfinite(cells) & (cells > 0)
        low, high = (cells[held].min(), cells[held].max()) if held.any() else (1.0, 10.0)
        high = high if high > low else 10 * low
        shown = np.where(cells == 0, low / 10, np.where(np.isinf(cells), 10 * high, cells))
        self.norms.set(data=shown, norm=LogNorm(low, high))
        dress(self.bar.ax)
        self.bar.ax.grid(False)
        legible(self.bar.ax.xaxis)  # another norm has brought its own ticks
        self.bar.set_label(what, loc="center")

    def move(self, clipped: ArrayLike | None) -> None:
        """Cover the cells that are clipped, (n, layers) of booleans; None: no cell of its own."""
        self.clipped.set_visible(clipped is not None)
        if clipped is not None:
            self.clipped.set_data(_covered(marks(clipped)))


def draw_layers(
    axes: Axes,
    names: Sequence[str],
    values: ArrayLike,
    what: str = "norm of the layer's gradient",
) -> Layers:
    """Draw a norm or a ratio of each layer at each step as a colour, on a logarithmic scale.

    Where there are more steps than ``COLUMNS``, each column shows the largest of several: a spike
    never vanishes. Grey: no gradient. White: exactly zero. Black: infinite or NaN.

    Args:
        axes: empty axes; the first name is on top.
        names: of the layers.
        values: (n, layers); NaN where a layer had no gradient, inf where it was not finite.
        what: the name of the quantity.
    """
    steps, layers = np.shape(values)
    extent = (-0.5, steps - 0.5, layers - 0.5, -0.5)
    how: Any = {"aspect": "auto", "interpolation": "nearest", "extent": extent}
    colours = mpl.colormaps["viridis"].with_extremes(bad=_NO_GRADIENT, under="white", over="black")
    nothing = np.zeros_like(columns(values, np.fmax))
    image = axes.imshow(nothing.T, cmap=colours, norm=LogNorm(1, 10), **how)
    clipped = axes.imshow(_covered(nothing), **how)
    axes.grid(False)
    label = -(-layers // 20)  # more names are not legible at this height
    axes.set_yticks(
        np.arange(layers)[::label], [abbreviated(n) for n in names[::label]], fontsize=8
    )
    together = _together(steps)
    axes.set_xlabel("step" + f" (each column: the largest of {together})" * (together > 1))
    figure = axes.figure
    assert isinstance(figure, Figure)
    bar = figure.colorbar(image, ax=axes, location="bottom", aspect=60, pad=0.02)
    drawn = Layers(image, clipped, bar)
    drawn.measure(values, what)
    return drawn


def _covered(marks: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The colour of the threshold, as dense as each mark."""
    colour = np.empty((*marks.T.shape, 4))
    colour[..., :3] = to_rgba(THRESHOLD)[:3]
    colour[..., 3] = 0.9 * marks.T
    return (255 * colour).astype(np.uint8)


def columns(rows: ArrayLike, together: np.ufunc) -> NDArray[np.float64]:
    """(n, ...) values become (at most ``COLUMNS``, ...): ``together`` joins those of a column."""
    values = np.asarray(rows, np.float64)
    joined: NDArray[np.float64] = together.reduceat(values, _starts(len(values)))
    return joined


def places(steps: int) -> NDArray[np.float64]:
    """(at most ``COLUMNS``,): the middle of each column, as a step."""
    starts = _starts(steps)
    middles: NDArray[np.float64] = (starts + np.append(starts[1:], steps) - 1) / 2
    return middles


def marks(true: ArrayLike) -> NDArray[np.float64]:
    """How much of each column is true, in [0, 1]; 0.6 at least where any is, to be seen."""
    each = np.diff(_starts(len(np.asarray(true))), append=len(np.asarray(true)))
    share: NDArray[np.float64] = (columns(true, np.add).T / each).T
    return np.where(share > 0, share.clip(min=0.6), 0.0)


def _starts(steps: int) -> NDArray[np.int64]:
    """The first step of each column."""
    return np.arange(0, steps, _together(steps))


def _together(steps: int) -> int:
    """How many steps share a column, 1 or more."""
    return -(-steps // COLUMNS)
