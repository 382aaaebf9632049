"""The geometry panel: where in the plane does clipping move a gradient, and does it turn it?"""

from __future__ import annotations

from math import inf

import ipywidgets
import numpy as np

from gradlab.arguments import one_of, within
from gradlab.clip import ByNorm, ByValue
from gradlab.course.lessons.plane.picture import draw_angle, draw_arrow, draw_compass, draw_plane
from gradlab.course.lessons.plane.vectors import Floats, circle, clipped, degrees_between
from gradlab.draw.style import AFTER, BEFORE, CYCLE, draw_legend
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number

REACH, LONGEST, SMALLEST, LARGEST = 5.0, 5.0, 0.1, 6.0
NORM_TYPES = (1.0, 2.0, 3.0, inf)
BY_VALUE, BY_NORM = AFTER, CYCLE[2]
_DIRECTIONS = np.arange(-180.0, 181.0)


def panel(
    gradient: tuple[float, float] = (4.0, 1.5), *, threshold: float = 2.0, norm_type: float = 2.0
) -> Geometry:
    """A panel that clips a gradient of two elements by value and by norm, and draws all three.

    By value it ends in a box, by norm in a ball; both rules are ``clip.ByValue`` and
    ``clip.ByNorm`` themselves, with one threshold. The curve at the right is the angle between the
    gradient before and after clipping by value, for every direction of a gradient of this length.

    Args:
        gradient: its two elements at first, of 2-norm 0 to 5; rounded to the sliders' grid.
        threshold: ``clip_value`` and ``max_norm`` at first, 0.1 to 6.
        norm_type: the p of the norm at first: 1, 2, 3 or ``inf``.

    Raises:
        ValueError: an argument out of its range.

    Note:
        In the plane, clipping by value turns a gradient by less than 45 degrees. In n dimensions
        the limit is ``arccos(1 / sqrt(n))``, close to a right angle.
    """
    if np.shape(gradient) != (2,) or not np.hypot(*gradient) <= LONGEST:
        raise ValueError(f"gradient must be two numbers of 2-norm up to 5, got {gradient!r}")
    within("threshold", threshold, SMALLEST, LARGEST)
    one_of("norm_type", norm_type, NORM_TYPES)
    return Geometry(gradient, threshold, norm_type)


class Geometry(Panel):
    """See ``panel``."""

    def __init__(self, gradient: tuple[float, float], threshold: float, norm_type: float) -> None:
        direction = round(_direction(np.asarray(gradient)))
        length = round(float(np.hypot(*gradient)) / 0.05) * 0.05
        self.threshold = ipywidgets.FloatSlider(
            threshold, min=SMALLEST, max=LARGEST, step=0.05, description="threshold", **_WIDE
        )
        self.norm_type = ipywidgets.SelectionSlider(
            options=[(f"{p:g}", p) for p in NORM_TYPES],
            value=float(norm_type),
            description="norm_type",
            **_WIDE,
        )
        self.direction = ipywidgets.IntSlider(
            direction, min=-180, max=180, description="direction", **_WIDE
        )
        self.length = ipywidgets.FloatSlider(
            length, min=0, max=LONGEST, step=0.05, description="length", **_WIDE
        )
        controls = [self.threshold, self.norm_type, self.direction, self.length]
        super().__init__(controls, self._picture())

    def _picture(self) -> LivePicture:
        figure, (plane, turns) = subplots(9, 4.6, ncols=2, width_ratios=(5, 4))
        draw_plane(plane, REACH)
        self.before = draw_arrow(plane, "gradient", BEFORE, width=0.02)
        self.by_norm = draw_arrow(plane, "clipped by norm", BY_NORM, width=0.012)
        self.by_value = draw_arrow(plane, "clipped by value", BY_VALUE, width=0.007)
        self.angle = draw_angle(plane, BY_VALUE)
        draw_legend(plane, "lower left")
        self.compass = draw_compass(turns, _DIRECTIONS, BY_VALUE, BY_NORM)
        moved = self.before, self.by_norm, self.by_value, self.angle, self.compass
        return LivePicture(figure, [artist for some in moved for artist in some.artists])

    def show(self) -> str:
        """Clip the gradient on the sliders by both rules."""
        threshold, norm_type = self.threshold.value, self.norm_type.value
        value_rule, norm_rule = ByValue(threshold), ByNorm(threshold, norm_type)
        gradient = _vectors(self.length.value, self.direction.value)
        by_value, by_norm = clipped(value_rule, gradient), clipped(norm_rule, gradient)
        turned, kept = (float(degrees_between(gradient, g)) for g in (by_value, by_norm))

        self.before.move(gradient)
        self.by_value.move(by_value, circle(threshold, inf).T)
        self.by_norm.move(by_norm, circle(threshold, norm_type).T)
        ends = [_direction(gradient), _direction(by_value)]
        length = float(np.hypot(*by_value))
        arc = _vectors(0.6 * length, np.linspace(ends[0], ends[1], 31))
        place = _vectors(length + 0.6, ends[1])
        self.angle.move(arc.T, place, f"{turned:.1f}°" if turned >= 0.05 else "")

        around = _vectors(self.length.value, _DIRECTIONS)
        turns = degrees_between(around, clipped(value_rule, around))
        self.compass.move(turns, self.direction.value, turned, kept)
        if not self.length.value:
            return "The gradient is zero: there is nothing to clip, and no direction to lose."
        order = f"{norm_type:g}-norm"
        return (
            f"Gradient {_pair(gradient)}, threshold {number(threshold)}. "
            f"By value: {_pair(by_value)}, length {_length(by_value)}, "
            f"turned by {turned:.1f}°. "
            f"By {order} (it is {number(float(np.linalg.norm(gradient, norm_type)))}): "
            f"{_pair(by_norm)}, length {_length(by_norm)}, turned by {kept:.1f}°."
        )


_WIDE = {"layout": {"width": "420px"}, "style": {"description_width": "90px"}}


def _vectors(length: float, degrees: float | Floats) -> Floats:
    """Vectors of one length in each direction, (..., 2)."""
    angles = np.radians(degrees)
    return length * np.stack([np.cos(angles), np.sin(angles)], -1)


def _direction(vector: Floats) -> float:
    return float(np.degrees(np.arctan2(vector[1], vector[0])))


def _pair(vector: Floats) -> str:
    return f"({vector[0]:.2f}, {vector[1]:.2f})"


def _length(vector: Floats) -> str:
    return number(float(np.hypot(*vector)))
