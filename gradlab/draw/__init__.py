"""Pictures from plain data: artists on given axes, nothing computed, nothing opened.

Every ``draw_*`` function takes axes and numbers and returns the artists that a panel may move
afterwards. One style sheet and one set of colours, safe for the colour-blind, serve all pictures.
"""

from gradlab.draw.cliff import Cut, Path, draw_cut, draw_fall, draw_path, draw_surface
from gradlab.draw.gradients import Magnitudes, Norms, draw_magnitudes, draw_norms
from gradlab.draw.growth import Curve, draw_curve, draw_growth, draw_key, draw_law
from gradlab.draw.per_sample import Bias, Samples, draw_bias, draw_samples
from gradlab.draw.plane import (
    Angle,
    Arrow,
    Compass,
    draw_angle,
    draw_arrow,
    draw_compass,
    draw_plane,
)
from gradlab.draw.recorded import (
    LEAST_COEFFICIENT,
    Coefficients,
    Compared,
    Firing,
    Layers,
    draw_coefficients,
    draw_compared,
    draw_firing,
    draw_layers,
)
from gradlab.draw.rules import LEAST_KEPT, Kept, Turn, draw_kept, draw_turn
from gradlab.draw.runs import Trace, draw_race, draw_trace
from gradlab.draw.style import (
    AFTER,
    BEFORE,
    CYCLE,
    THRESHOLD,
    Marker,
    decades,
    draw_legend,
    draw_marker,
    shorten,
    style,
)

__all__ = [
    "AFTER",
    "BEFORE",
    "CYCLE",
    "LEAST_COEFFICIENT",
    "LEAST_KEPT",
    "THRESHOLD",
    "Angle",
    "Arrow",
    "Bias",
    "Coefficients",
    "Compared",
    "Compass",
    "Curve",
    "Cut",
    "Firing",
    "Kept",
    "Layers",
    "Magnitudes",
    "Marker",
    "Norms",
    "Path",
    "Samples",
    "Trace",
    "Turn",
    "decades",
    "draw_angle",
    "draw_arrow",
    "draw_bias",
    "draw_coefficients",
    "draw_compared",
    "draw_compass",
    "draw_curve",
    "draw_cut",
    "draw_fall",
    "draw_firing",
    "draw_growth",
    "draw_kept",
    "draw_key",
    "draw_law",
    "draw_layers",
    "draw_legend",
    "draw_magnitudes",
    "draw_marker",
    "draw_norms",
    "draw_path",
    "draw_plane",
    "draw_race",
    "draw_samples",
    "draw_surface",
    "draw_trace",
    "draw_turn",
    "shorten",
    "style",
]
