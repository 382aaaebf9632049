"""Every picture of the house, quickly made: what each panel draws, and always the same."""

import makers
import numpy as np

from gradlab.course.lessons.features.curves import draw_lengths
from gradlab.course.lessons.features.picture import draw_back, draw_glyphs, draw_price
from gradlab.panels.live import LivePicture, subplots


def _recorded():
    panel = makers.PANELS["recorded"]()
    panel.clip.value = "by value"  # drawn anew, with another legend
    return panel


def _steer():
    panel = makers.PANELS["steer"]()
    panel.step(21)  # beyond the first axes: drawn anew
    return panel


class _Lengths:
    """The picture of the panel of lengths, which measures times, with times of its own."""

    def __init__(self):
        figure, (lengths, plane, back, price) = subplots(9, 6, nrows=2, ncols=2)
        curves, points = draw_lengths(lengths, (2, 4, 8)), draw_glyphs(plane)
        drawn, bars = draw_back(back, np.eye(8)[None].repeat(3, 0)), draw_price(price, ("a", "b"))
        parts = (curves, points, drawn, bars)
        self.picture = LivePicture(figure, [a for part in parts for a in part.artists])
        with self.picture.moving():
            curves.move([2, 4, 8], [0.3, 0.5, 0.9], [0.2, 0.6, 1.0], 1)
            points.move(np.arange(20).reshape(10, 2) / 5 - 2, np.arange(10))
            drawn.move(np.eye(8)[None].repeat(3, 0), "123", [True, False, True])
            bars.move([0.1, 0.2], [0.5, 3])


PANELS = makers.PANELS | {"lengths": _Lengths, "recorded": _recorded, "steer": _steer}
