"""A reader at work: its gradients as maps over training, and what it says column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import ArrayLike

from gradlab.draw.figure import dress, powers_of_ten
from gradlab.draw.style import AFTER, THRESHOLD, abbreviated, axes_of

NORMS = (1e-6, 1e2)
"""The ends of the scale of norms; what is beyond has the colour of the end."""
# From light to dark in one hue: the order is seen by every kind of colour vision.
_SCALE = LinearSegmentedColormap.from_list("depth", ("#F2F7FB", "#56B4E9", AFTER, "#00304D"))


@dataclass(frozen=True)
class Heat:
    """The artists of ``draw_heat``."""

    image: AxesImage
    now: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return (self.now,)

    def fill(self, steps: ArrayLike, norms: ArrayLike) -> None:
        """Show other norms, (n, rows), after these steps, (n,); the picture must be redrawn.

        Where they are not finite, the map is white.
        """
        seen, values = np.asarray(steps, float), np.asarray(norms, float)
        shown = np.where(np.isfinite(values), np.clip(values, *NORMS), np.nan)
        apart = float(seen[1] - seen[0]) if len(seen) > 1 else 1.0
        ends = seen[0] - apart / 2, seen[-1] + apart / 2
        self.image.set_data(shown.T)
        self.image.set_extent((*ends, values.shape[1] - 0.5, -0.5))
        axes_of(self.image).set(xlim=ends, ylim=(values.shape[1] - 0.5, -0.5))

    def move(self, step: float) -> None:
        """Mark another step."""
        self.now.set_xdata([step, step])


def draw_heat(axes: Axes, what: str, rows: str) -> Heat:
    """Draw an empty map of norms, training steps to the right; ``fill`` it, then ``move`` its mark.

    Args:
        axes: empty axes.
        what: the title.
        rows: what stands above one another.
    """
    axes.grid(False)
    look: Any = {"norm": LogNorm(*NORMS), "aspect": "auto", "interpolation": "nearest"}
    image = axes.imshow(np.full((1, 1), np.nan), _SCALE, **look)
    axes.set(xlabel="training step", ylabel=rows)
    axes.set_title(what)
    return Heat(image, axes.axvline(0, color=THRESHOLD, linewidth=1.8))


def draw_scale(axes: Axes, heat: Heat) -> None:
    """Draw the scale of norms beside a map."""
    assert axes.figure is not None
    bar = axes.figure.colorbar(heat.image, cax=axes, format=powers_of_ten())
    dress(axes)
    axes.grid(False)
    bar.update_ticks()
    bar.outline.set(edgecolor="black", linewidth=0.8)
    bar.set_label("norm", loc="center")


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows of a map."""
    axes.set_yticks(range(len(names)), [abbreviated(name) for name in names], fontsize=7)


@dataclass(frozen=True)
class Said:
    """The artists of ``draw_said``."""

    strip: AxesImage
    signs: AxesImage
    words: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.strip, self.signs, self.words

    def move(self, strip: ArrayLike, shares: ArrayLike, words: str) -> None:
        """Show another strip, (h, w), and the probability of each sign, (signs, columns)."""
        pixels = np.asarray(strip)
        if not np.array_equal(np.asarray(self.strip.get_array()), pixels):
            self.strip.set_data(pixels)
        self.signs.set_data(np.asarray(shares))
        self.words.set_text(words)


def draw_said(above: Axes, below: Axes, size: tuple[int, int], signs: Sequence[str]) -> Said:
    """Draw an empty strip, and below it a row for each sign; return what to move.

    Args:
        above, below: empty axes.
        size: height and width of a strip.
        signs: their names, from above.
    """
    height, width = size
    look: Any = {"aspect": "auto", "interpolation": "nearest", "vmin": 0, "vmax": 1}
    place: tuple[float, float, float, float] = (0, width, height, 0)
    strip = above.imshow(np.zeros(size), "gray_r", extent=place, **look)
    above.set_axis_off()
    below.grid(False)
    place = (0, width, len(signs) - 0.5, -0.5)
    said = below.imshow(np.zeros((len(signs), width)), _SCALE, extent=place, **look)
    below.set_yticks(range(len(signs)), signs)
    below.set(xlabel="column", ylabel="sign")
    below.set_title("how likely each sign is at each column (– is the blank)")
    words = above.text(0, 1.06, "", transform=above.transAxes, fontsize=11, va="bottom")
    above.set_title(" ")  # room for the words
    return Said(strip, said, words)
