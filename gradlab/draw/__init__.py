"""Pictures from plain data: artists on given axes, nothing computed, nothing opened.

Every ``draw_*`` function takes axes and numbers and returns the artists that a panel may move
afterwards. One style sheet and one set of colours, safe for the colour-blind, serve all pictures.
"""

from gradlab.draw.gradients import Magnitudes, Norms, draw_magnitudes, draw_norms
from gradlab.draw.growth import Curve, draw_curve, draw_growth, draw_key, draw_law
from gradlab.draw.style import (
    AFTER,
    BEFORE,
    CYCLE,
    THRESHOLD,
    Marker,
    decades,
    draw_marker,
    shorten,
    style,
)

__all__ = [
    "AFTER",
    "BEFORE",
    "CYCLE",
    "THRESHOLD",
    "Curve",
    "Magnitudes",
    "Marker",
    "Norms",
    "decades",
    "draw_curve",
    "draw_growth",
    "draw_key",
    "draw_law",
    "draw_magnitudes",
    "draw_marker",
    "draw_norms",
    "shorten",
    "style",
]
