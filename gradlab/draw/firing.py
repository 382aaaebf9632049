"""How often each threshold fires, and how hard: both over the share of the steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import ArrayLike

from gradlab.draw.style import AFTER, BEFORE, THRESHOLD, axes_of, decades, legible

LEAST_COEFFICIENT = 1e-3
_SHARES = (0, 25, 50, 75, 100)


@dataclass(frozen=True)
class Firing:
    """The artists of ``draw_firing``."""

    curve: Line2D
    measured: Line2D
    line: Line2D
    share: Line2D
    here: Line2D
    names: Text
    label: Text

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.measured, self.line, self.share, self.here, self.label

    def measure(
        self, thresholds: ArrayLike, shares: ArrayLike, bound: str, span: tuple[float, float]
    ) -> None:
        """Show how often each threshold fires; the picture must be redrawn.

        Args:
            thresholds: (n,) falling.
            shares: (n,) of the steps, in [0, 1].
            bound: the name of the threshold.
            span: the ends of the vertical axis, positive.
        """
        self._scale(bound, span, "log", apart=False)
        self.curve.set_data(100 * np.asarray(shares, np.float64), np.asarray(thresholds))
        self.measured.set_data([], [])

    def measure_apart(self, bound: str, span: tuple[float, float], scale: str) -> None:
        """Make room for a threshold that has another unit than ``draw_course``; then redraw.

        How often it fires is not known before it is tried: ``points`` shows that.

        Args:
            bound: its name.
            span: the ends of the vertical axis.
            scale: ``"log"`` or ``"linear"``.
        """
        self._scale(bound, span, scale, apart=True)
        self.curve.set_data([], [])

    def points(self, thresholds: ArrayLike, shares: ArrayLike) -> None:
        """Show how often some thresholds fire, (n,) each; a share is NaN where it is not known."""
        known = np.isfinite(shares)
        self.measured.set_data(100 * np.asarray(shares)[known], np.asarray(thresholds)[known])

    def _scale(self, bound: str, span: tuple[float, float], scale: str, *, apart: bool) -> None:
        axes = axes_of(self.curve)
        if axes.get_yscale() != scale:
            axes.set_yscale(scale)
        axes.set_ylim(span)
        if scale == "log":
            legible(axes.yaxis)
        axes.tick_params(labelleft=apart)
        self.names.set_text(f"{bound}\nfires at")

    def move(self, threshold: float, share: float, label: str) -> None:
        """Stress the point of the curve at a threshold and the share that it clips.

        Args:
            threshold: on the vertical axis.
            share: in [0, 1].
            label: both as text, a line each.
        """
        bottom = axes_of(self.line).get_ylim()[0]
        self.line.set_ydata([threshold, threshold])
        self.share.set_data([100 * share] * 2, [bottom, threshold])
        self.here.set_data([100 * share], [threshold])
        self.label.set_text(label)


def draw_firing(axes: Axes) -> Firing:
    """Draw the axes for the share of the steps that each threshold clips, the threshold upwards.

    They belong beside those of ``draw_course``, with the same span.
    """
    axes.set(yscale="log", xlim=(-2, 102))
    axes.set_xticks(_SHARES)
    axes.tick_params(labelleft=False, labelbottom=False)
    (curve,) = axes.plot([], [], color="#444444", linewidth=1.4, drawstyle="steps-post")
    (measured,) = axes.plot([], [], ".-", color="#444444", linewidth=1.4, markersize=3)
    line = axes.axhline(1, color=THRESHOLD, linewidth=1.4)
    (share,) = axes.plot([], [], ":", color=THRESHOLD, linewidth=1.4)
    here = axes.plot([], [], "o", color=THRESHOLD, markersize=7, clip_on=False, in_layout=False)[0]
    # Text is slow to draw: what stays stands still.
    names = axes.set_title("two\nlines", fontsize=10, color=THRESHOLD)
    label = axes.text(
        0.63, 1, "", fontsize=10, color=THRESHOLD, va="baseline", transform=names.get_transform()
    )
    return Firing(curve, measured, line, share, here, names, label)


@dataclass(frozen=True)
class Coefficients:
    """The artists of ``draw_coefficients``."""

    curve: Line2D
    share: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.curve, self.share

    def move(self, coefficients: ArrayLike, share: float) -> None:
        """Show other coefficients, (n,), the smallest first, and the share that is below 1.

        What is below ``LEAST_COEFFICIENT`` lies on the lower edge; NaN is left out.
        """
        values = np.asarray(coefficients, np.float64)
        y = np.sort(values[~np.isnan(values)]).clip(min=LEAST_COEFFICIENT)
        self.curve.set_data(100 * (np.arange(len(y)) + 0.5) / max(len(y), 1), y)
        self.share.set_xdata([100 * share] * 2)


def draw_coefficients(axes: Axes) -> Coefficients:
    """Draw the axes for the coefficients of all steps, in order of size."""
    axes.set(xlim=(-2, 102), yscale="log", ylim=(LEAST_COEFFICIENT / 1.3, 1.3))
    axes.set_xticks(_SHARES)
    axes.set(xlabel="share of the steps (%)")
    axes.set_title("norm after / before")
    axes.axhline(1, color=BEFORE, linewidth=1)
    (curve,) = axes.plot([], [], color=AFTER)
    share = axes.axvline(0, color=THRESHOLD, linewidth=1.4, linestyle=":")
    decades(axes)
    return Coefficients(curve, share)
