"""The smoothness panel: on which curve does clipping save steps?"""

from __future__ import annotations

from math import inf

import ipywidgets
import numpy as np

from gradlab.arguments import within
from gradlab.course.lessons.smoothness.descent import (
    START,
    TOLERANCE,
    Walk,
    fastest_rate,
    height,
    largest_rate,
    slope,
    walk,
)
from gradlab.course.lessons.smoothness.picture import draw_curve, draw_distances, draw_steps
from gradlab.draw.style import AFTER, BEFORE, THRESHOLD
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, log_slider, number

MOST_BENT, MOST_STEPS = 2.0, 10_000
SETTINGS = 0.01, 100.0
_X = np.linspace(-1.25 * START, 1.25 * START, 321)


def panel(bend: float = 1.0, *, rate: float = 1.0, max_norm: float = 1.0) -> Smoothness:
    """A panel that bends a curve, and goes down it by gradient descent with and without clipping.

    The curve is ``(cosh(b x) - 1) / b²``: its curvature grows with its slope, by ``bend`` = b.
    Blue: clipped by norm, at the rate and bound of the sliders. Grey: the same rate, not clipped.
    Orange: not clipped, at the rate that takes it down in the fewest steps.

    Source: Zhang, He, Sra & Jadbabaie 2020, "Why gradient clipping accelerates training".

    Args:
        bend: L1 of (L0, L1)-smoothness, where L0 = 1; 0 to 2. At 0 the curve is a parabola.
        rate: learning rate, 0.01 to 100.
        max_norm: the bound, 0.01 to 100.

    Raises:
        ValueError: an argument out of its range.

    Note:
        One dimension, no noise, one start. The unclipped run is given the best constant rate for
        this start, which nobody knows beforehand; the clipped one has what the sliders say.
    """
    within("bend", bend, 0, MOST_BENT)
    within("rate", rate, *SETTINGS)
    within("max_norm", max_norm, *SETTINGS)
    return Smoothness(bend, rate, max_norm)


class Smoothness(Panel):
    """See ``panel``."""

    def __init__(self, bend: float, rate: float, max_norm: float) -> None:
        self.bend = ipywidgets.FloatSlider(
            bend, min=0, max=MOST_BENT, step=0.05, description="bend", layout={"width": "420px"}
        )
        self.rate = log_slider("rate", *SETTINGS, rate)
        self.max_norm = log_slider("max_norm", *SETTINGS, max_norm)
        super().__init__([self.bend, self.rate, self.max_norm], self._picture())

    def _picture(self) -> LivePicture:
        figure, (left, right) = subplots(9.6, 4.2, ncols=2)
        self.curve = draw_curve(left, _X[-1])
        draw_distances(right, MOST_STEPS, START, TOLERANCE)
        looks = ("same rate, not clipped", BEFORE), ("best rate, not clipped", THRESHOLD)
        self.same, self.best = (draw_steps(left, right, *look) for look in looks)
        self.clipped = draw_steps(left, right, "clipped", AFTER)
        right.legend(loc="upper right")
        runs = self.same, self.best, self.clipped
        return LivePicture(figure, [self.curve, *(part for run in runs for part in run.artists)])

    def show(self) -> str:
        """Go down the curve three times."""
        bend, rate, bound = self.bend.value, self.rate.value, self.max_norm.value
        start = float(height(START, bend))
        self.curve.set_data(_X, height(_X, bend) / start)
        fastest = fastest_rate(bend)
        settings = (fastest, inf), (rate, inf), (rate, bound)
        best, same, clipped = (walk(bend, lr, limit, MOST_STEPS) for lr, limit in settings)
        for line, run in ((self.best, best), (self.same, same), (self.clipped, clipped)):
            heights = height(np.clip(run.points, -1e2, 1e2), bend) / start
            line.move(run.points, heights, left=run.left)
        return (
            f"Bend {bend:.2f}: at the start the slope is {number(slope(START, bend))} and the "
            f"curvature {number(float(np.cosh(bend * START)))}; at the bottom they are 0 and 1. "
            f"Without clipping, no rate of {number(largest_rate(bend))} or more converges; the "
            f"fastest one, {number(fastest)}, {_told(best)}. At the rate {number(rate)} without "
            f"clipping it {_told(same)}. Clipped to {number(bound)} it {_told(clipped)}"
            f"{f', {clipped.fired} of them clipped' if clipped.arrived else ''}."
        )


def _told(run: Walk) -> str:
    """How a run ended, in words."""
    if run.left:
        return "goes out farther than it began"
    count = len(run.points) - 1
    steps = f"{count:,} step{'s'[count == 1 :]}"
    return f"arrives after {steps}" if run.arrived else f"has not arrived after {steps}"
