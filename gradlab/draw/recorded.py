"""A recorded run: what a clip rule compares with its threshold, and what would come of it.

The axes belong together. Left, steps run from left to right; right, the share of the steps. Above,
both have the threshold as their height, so that one line crosses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from gradlab.draw.firing import Coefficients, Firing, draw_coefficients, draw_firing
from gradlab.draw.layers import Layers, columns, draw_layers, marks, places
from gradlab.draw.style import AFTER, BEFORE, THRESHOLD, axes_of, legible
from gradlab.recording import Recording
from gradlab.recording.compared import Compared
from gradlab.recording.counterfactual import WhatIf


@dataclass(frozen=True)
class Course:
    """The artists of ``draw_course``."""

    before: Line2D
    lost: Line2D
    reference: Line2D
    after: Line2D
    fired: Line2D
    line: Line2D
    warm: Rectangle
    name: Text
    key: int

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        return self.after, self.fired, self.line

    def measure(
        self,
        steps: ArrayLike,
        values: ArrayLike,
        what: str,
        span: tuple[float, float],
        reference: ArrayLike | None = None,
        *,
        moves: bool = False,
        warmup: int = 0,
    ) -> None:
        """Show another quantity, (n,), at its steps, (n,); the picture must be redrawn.

        Where several steps share a column, it spans the smallest and the largest of them. What a
        logarithmic axis cannot hold is a cross: on its lower edge for zero, on its upper edge for
        infinity and NaN.

        Args:
            steps: increasing.
            values: what is compared with the threshold.
            what: the name of the quantity.
            span: the ends of the vertical axis, positive.
            reference: the threshold in force when it was recorded; where it moved, (n,).
            moves: whether the threshold is a curve, too, and not the same at all steps.
            warmup: the first steps, which are treated otherwise.
        """
        axes, x, y = axes_of(self.before), np.asarray(steps), np.asarray(values, np.float64)
        axes.set_ylim(span)
        legible(axes.yaxis)
        lost = (y == 0) | ~np.isfinite(y)
        self.lost.set_data(x[lost], np.nan_to_num(y[lost], nan=np.inf).clip(*span))
        held = np.where(lost, np.nan, y)
        joined, held = _joined(x, held)
        self.before.set_data(joined, held)
        self.before.set_marker("." if len(joined) == len(y) and (np.diff(x) > 1).any() else "")
        self._lay(self.reference, np.nan if reference is None else reference)
        self.warm.set(width=warmup, visible=warmup > 0)
        self.name.set_visible(warmup > 0)
        axes.set_ylabel(what)
        shown: list[Artist] = [self.before, self.after, self.fired]
        shown += [self.line] * moves
        shown += [] if reference is None else [self.reference]
        axes.legend(handles=shown, loc="lower left", bbox_to_anchor=(0, 1.06), ncols=self.key,
                    borderaxespad=0, handlelength=1.4, columnspacing=1.4)  # fmt: skip

    def move(self, threshold: ArrayLike, fired: ArrayLike, after: ArrayLike | None = None) -> None:
        """Cut at another threshold, and mark the steps that it changes.

        Args:
            threshold: on the vertical axis; where it moves, (steps,): inf or NaN where there is
                none.
            fired: (steps,) booleans, for all steps. A mark is as high as the share of its column's
                steps, but never too low to be seen.
            after: (steps,): what is left; None: no more than the threshold.
        """
        x, y = self.before.get_data()
        left = (x, np.minimum(y, threshold)) if after is None else _curve(after)
        self.after.set_data(*left)
        self._lay(self.line, threshold)
        high = marks(fired)
        at, high = places(len(np.asarray(fired)))[high > 0], high[high > 0]
        ends = np.stack([np.ones_like(high), 1 + 0.05 * high, np.full_like(high, np.nan)], 1)
        self.fired.set_data(np.repeat(at, 3), ends.ravel())  # NaN parts the marks

    def _lay(self, line: Line2D, threshold: ArrayLike) -> None:
        """Lay a line at a threshold, from end to end, or from step to step where it moves."""
        if np.ndim(threshold):
            line.set_data(*_curve(threshold))
        else:
            line.set_data(axes_of(line).get_xlim(), [float(np.asarray(threshold))] * 2)


def _curve(values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values at all steps as a curve on a logarithmic axis, with gaps at those it cannot hold."""
    y = np.asarray(values, np.float64)
    return _joined(np.arange(len(y)), np.where(np.isfinite(y) & (y > 0), y, np.nan))


def _joined(x: NDArray[Any], y: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Where several steps share a column: its first step, twice, and the ends of what it spans."""
    ends = np.stack([columns(y, np.fmin), columns(y, np.fmax)], 1)
    if len(ends) == len(y):
        return x, y
    return np.repeat(columns(x, np.fmin), 2), ends.ravel()


def draw_course(axes: Axes, steps: int, key: int) -> Course:
    """Draw the axes for a quantity at each step, on which a threshold lies as a line.

    Args:
        axes: empty axes; the vertical one becomes logarithmic.
        steps: how many there are.
        key: columns of the legend, above the axes.
    """
    axes.set(yscale="log", xlim=(-0.5, steps - 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelbottom=False)
    (before,) = axes.plot([], [], color=BEFORE, linewidth=1, label="before")
    (after,) = axes.plot([], [], color=AFTER, linewidth=1, label="after")
    (line,) = axes.plot([], [], color=THRESHOLD, linewidth=1.4, label="threshold")
    (reference,) = axes.plot([], [], color="#444444", linewidth=1.2, linestyle=(0, (4, 3)),
                             label="threshold of the run")  # fmt: skip
    warm = Rectangle((-0.5, 0), 0, 1, transform=axes.get_xaxis_transform(), facecolor="#EFEFEF",
                     edgecolor="none", zorder=0.5)  # fmt: skip
    axes.add_patch(warm)
    name = axes.text(0, 0.02, "warm-up", fontsize=8, color="#555555", va="bottom",
                     transform=axes.get_xaxis_transform())  # fmt: skip
    # Above the axes, where no curve can meet it; the layout shall not ask what has no place yet.
    mark: Any = {"clip_on": False, "zorder": 5, "in_layout": False}
    (fired,) = axes.plot([], [], color=THRESHOLD, linewidth=1, label="clipped steps",
                         transform=axes.get_xaxis_transform(), **mark)  # fmt: skip
    (lost,) = axes.plot([], [], "x", color="black", markersize=6, **mark)
    return Course(before, lost, reference, after, fired, line, warm, name, key)


@dataclass(frozen=True)
class Recorded:
    """The artists of ``draw_recorded``."""

    recording: Recording
    course: Course
    firing: Firing
    layers: Layers
    coefficients: Coefficients

    @property
    def artists(self) -> tuple[Artist, ...]:
        """All that ``move`` moves."""
        parts = (self.course, self.firing, self.layers, self.coefficients)
        return tuple(artist for part in parts for artist in part.artists)

    def measure(
        self, compared: Compared, span: tuple[float, float], reference: float | None = None
    ) -> None:
        """Show what another rule compares with its threshold; the picture must be redrawn.

        Args:
            compared: the quantity.
            span: the thresholds at the ends of its axis, positive.
            reference: the threshold in force when it was recorded.
        """
        self.course.measure(compared.steps, compared.values, compared.what, span, reference)
        self.firing.measure(*compared.shares(), compared.bound, span)

    def follow(
        self,
        compared: Compared,
        low: float,
        warmup: int,
        reference: NDArray[np.float64] | None = None,
    ) -> None:
        """Show what a rule compares with a threshold that moves; the picture must be redrawn.

        Args:
            compared: the norm of everything.
            low: the smallest threshold.
            warmup: the first steps, which the rule treats otherwise.
            reference: (n,): the threshold in force when it was recorded.
        """
        lowest, highest = compared.span
        what = compared.steps, compared.values, compared.what, (min(lowest, low), highest)
        self.course.measure(*what, reference, moves=True, warmup=warmup)

    def move(self, bound: float, label: str, would: WhatIf, *, by_layer: bool) -> None:
        """Show what another bound would have done; ``by_layer``: to which layers alone.

        Where the rule has a threshold that moves, that is a curve among the norms.
        """
        fired = np.zeros(len(self.recording), bool)
        fired[would.steps] = would.fired
        if would.threshold is None:
            self.course.move(bound, fired)
        else:
            self.course.move(would.threshold, fired, would.norm_after)
        self.firing.move(bound, would.fraction, label)
        self.layers.move(would.layer_norm_after < would.layer_norm_before if by_layer else None)
        self.coefficients.move(would.coefficient, would.fraction)


def draw_recorded(axes: Sequence[Axes], recording: Recording, key: int = 4) -> Recorded:
    """Draw a recorded run; return the artists that show what a rule would have done to it.

    Args:
        axes: four empty ones: for what is compared at each step, how often each threshold fires,
            the norm of each layer's gradient, and the coefficients.
        recording: of one step or more.
        key: columns of the legend.
    """
    course, firing, layers, coefficients = axes
    lost = np.isnan(recording.layer_norms) & ~np.isfinite(recording.total_norm)[:, None]
    norms = np.where(lost, np.inf, recording.layer_norms)
    return Recorded(
        recording,
        draw_course(course, len(recording), key),
        draw_firing(firing),
        draw_layers(layers, recording.layers, norms),
        draw_coefficients(coefficients),
    )
