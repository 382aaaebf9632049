"""Boxes on a picture, precision against recall, and what a cut does to both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.figure import StyledAxes, blank_figure
from gradlab.draw.style import AFTER, BEFORE, CYCLE, THRESHOLD, Marker, decades, draw_marker

_NAMED = 12  # boxes that have their score written beside them
_RIGHT, _WRONG, _TRUE, _GONE = "#56B4E9", THRESHOLD, "#FFFFFF", "#F0E442"


def beside(width: float, height: float, ratio: float) -> tuple[Figure, list[Axes]]:
    """A figure with one tall axes on the left, ``ratio`` times as wide as two on the right."""
    figure = blank_figure(width, height)
    axes = figure.subplot_mosaic(
        [["left", "top"], ["left", "low"]],
        width_ratios=(ratio, 1),
        subplot_kw={"axes_class": StyledAxes},
    )
    return figure, [axes[name] for name in ("left", "top", "low")]


@dataclass(frozen=True)
class View:
    """The artists of ``draw_view``: a picture, boxes of four kinds, and scores beside them."""

    picture: AxesImage
    true: Line2D
    gone: Line2D
    right: Line2D
    wrong: Line2D
    scores: tuple[Text, ...]

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.picture, self.gone, self.wrong, self.right, self.true, *self.scores

    def move(
        self,
        picture: NDArray[np.float64],
        true: ArrayLike,
        found: NDArray[np.float64],
        scores: Sequence[float],
        right: NDArray[np.bool_],
        gone: ArrayLike = (),
    ) -> None:
        """Show another picture (h, w) in [0, 1] and other boxes, (n, 4) each, in its pixels.

        Args:
            picture: grey.
            true: around the objects.
            found: that the detector says.
            scores: of those, (n,).
            right: which of those are right, (n,) bool.
            gone: that were suppressed or cut.
        """
        if not np.array_equal(np.asarray(self.picture.get_array()), picture):  # slow to draw
            self.picture.set_data(picture)
        height, width = picture.shape
        size = np.array((width, height, width, height))
        kinds = (
            (self.true, true),
            (self.gone, gone),
            (self.right, found[right]),
            (self.wrong, found[~right]),
        )
        for line, boxes in kinds:
            line.set_data(*outlines(np.reshape(boxes, (-1, 4)) / size))
        corners = found[:_NAMED] / size
        for k, text in enumerate(self.scores):
            text.set_visible(k < len(corners))
            if k < len(corners):
                x, y = corners[k, 0], corners[k, 1]
                text.set_position((np.clip(x, 0, 0.93), np.clip(y, 0.05, 1)))
                text.set_text(f"{scores[k]:.2f}")
                box: Any = text.get_bbox_patch()
                box.set_facecolor(_RIGHT if right[k] else _WRONG)


def outlines(boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The outlines of boxes (n, 4) as one line; NaN parts them."""
    left, top, right, low = boxes.T
    gap = np.full_like(left, np.nan)
    x = np.stack((left, right, right, left, left, gap), 1)
    y = np.stack((top, top, low, low, top, gap), 1)
    return x.ravel(), y.ravel()


def draw_view(axes: Axes) -> View:
    """Draw an empty place for a picture with boxes, and say what their colours mean."""
    axes.set_axis_off()
    picture = axes.imshow(
        np.zeros((2, 2)), "gray", vmin=0, vmax=1, extent=(0, 1, 1, 0), interpolation="nearest"
    )
    kinds = [
        ("face", _TRUE, 1.2, "--"),
        ("left out", _GONE, 1.0, "-"),
        ("found", _RIGHT, 2.2, "-"),
        ("false alarm", _WRONG, 2.2, "-"),
    ]
    lines = [
        axes.plot([], [], color=color, linewidth=width, linestyle=style, label=name)[0]
        for name, color, width, style in kinds
    ]
    axes.set(xlim=(0, 1), ylim=(1.08, 0))  # the legend has its place below the picture
    legend = axes.legend(loc="lower center", ncols=4, handlelength=1.4, columnspacing=1.2)
    legend.set_in_layout(False)
    legend.get_lines()[0].set_color("#888888")  # white on white
    box = {"edgecolor": "none", "linewidth": 1, "boxstyle": "square,pad=0.1"}
    place: Any = {"va": "bottom", "ha": "left", "visible": False}
    scores = tuple(
        axes.text(0, 0, "", fontsize=8, color="black", bbox=box, **place) for _ in range(_NAMED)
    )
    true, gone, right, wrong = lines
    return View(picture, true, gone, right, wrong, scores)


@dataclass(frozen=True)
class Curve:
    """The artists of ``draw_curve``: what a cut keeps, what it takes away, and where it cuts."""

    kept: Line2D
    lost: Line2D
    point: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.lost, self.kept, self.point

    def move(self, recall: ArrayLike, precision: ArrayLike, count: int) -> None:
        """Show another curve, (n,) each; its first ``count`` points are kept."""
        x, y = np.append(0.0, np.asarray(recall)), np.append(1.0, np.asarray(precision))
        self.kept.set_data(x[: count + 1], y[: count + 1])
        self.lost.set_data(x[count:], y[count:])
        self.point.set_data([x[count]], [y[count]])


def draw_curve(axes: Axes) -> Curve:
    """Draw empty axes for precision against recall."""
    axes.set(xlim=(-0.02, 1.03), ylim=(-0.02, 1.05), xlabel="recall", ylabel="precision")
    (lost,) = axes.plot([], [], color=BEFORE, linewidth=1.2, label="cut away")
    (kept,) = axes.plot([], [], color=AFTER, linewidth=2, label="kept")
    (point,) = axes.plot([0], [1], "o", color=THRESHOLD, markersize=8, clip_on=False, label="here")
    axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 0.98), borderaxespad=0)
    return Curve(kept, lost, point)


@dataclass(frozen=True)
class Cuts:
    """The artists of ``draw_cuts``: AP and F1 against the cut, and the marker of the cut."""

    ap: Line2D
    f1: Line2D
    marker: Marker

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.ap, self.f1, *self.marker.artists

    def move(self, cuts: ArrayLike, ap: ArrayLike, f1: ArrayLike, cut: float) -> None:
        """Show other curves over the cuts, (n,) each, and the cut that is made."""
        self.ap.set_data(cuts, ap)
        self.f1.set_data(cuts, f1)
        self.marker.move(cut, f"score ≥ {cut:g}")


def draw_cuts(axes: Axes) -> Cuts:
    """Draw empty axes for what a score threshold does to AP and F1."""
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.05), xlabel="score threshold", ylabel="AP50, F1")
    (ap,) = axes.plot([], [], color=AFTER, label="AP50")
    (f1,) = axes.plot([], [], color=CYCLE[2], linestyle="--", label="F1")
    axes.legend(loc="lower center")
    return Cuts(ap, f1, draw_marker(axes))


@dataclass(frozen=True)
class Norms:
    """The artists of ``draw_norms``: a curve for each part of the network, and the threshold."""

    parts: tuple[Line2D, ...]
    threshold: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return *self.parts, self.threshold

    def move(self, norms: NDArray[np.float64], max_norm: float | None) -> None:
        """Show norms (steps, parts), and the threshold; None: none."""
        low, high = self.threshold.axes.get_ylim()  # type: ignore[union-attr]
        for line, values in zip(self.parts, np.clip(norms, low, high).T, strict=True):
            line.set_data(np.arange(1, len(values) + 1), values)
        self.threshold.set_visible(max_norm is not None)
        if max_norm is not None:
            self.threshold.set_ydata([max_norm, max_norm])


def draw_norms(axes: Axes, parts: Sequence[str], steps: int) -> Norms:
    """Draw empty axes for the gradient norm of each part of a network."""
    axes.set(xlim=(0, steps), yscale="log", ylim=(1e-2, 1e3), xlabel="step")
    axes.set_ylabel("gradient norm")
    decades(axes)
    lines = [
        axes.plot([], [], color=color, linewidth=1.2, label=part)[0]
        for part, color in zip(parts, CYCLE[0:1] + CYCLE[2:4], strict=True)
    ]
    (threshold,) = axes.plot([0, steps], [1, 1], color=THRESHOLD, linewidth=1.6, label="max_norm")
    axes.legend(loc="upper right", ncols=2)
    return Norms(tuple(lines), threshold)


@dataclass(frozen=True)
class Progress:
    """The artists of ``draw_progress``: AP on the way, of this run and of the one before."""

    now: Line2D
    before: Line2D

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that a panel may move."""
        return self.before, self.now

    def move(self, now: ArrayLike, before: ArrayLike) -> None:
        """Show other curves, each (n, 2): step and AP."""
        for line, curve in ((self.now, now), (self.before, before)):
            line.set_data(*np.reshape(curve, (-1, 2)).T)


def draw_progress(axes: Axes, steps: int) -> Progress:
    """Draw empty axes for average precision while a detector trains."""
    axes.set(xlim=(0, steps), ylim=(0, 1.02), ylabel="AP50, test pictures")
    (before,) = axes.plot([], [], color=BEFORE, linewidth=1.5, label="the run before")
    (now,) = axes.plot([], [], color=AFTER, marker="o", markersize=4, label="this run")
    axes.legend(loc="upper left")
    return Progress(now, before)
