"""A curve that the reader of a page draws: where its points can stand, and the true one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from matplotlib.colors import to_hex

from gradlab.course.prediction import CurvePrediction
from gradlab.draw.vector import place
from gradlab.panels.panel import number
from gradlab.panels.positions import Control, control


def drawn(panel: CurvePrediction) -> tuple[list[Control], dict[str, Any]]:
    """The sliders of a curve, and what a page draws it with, in the units of fragments of SVG.

    Returns:
        ``first``: the point where every curve begins. ``across``: of each other point. ``up``: of
        each position of a slider, and ``heights``: what it says. ``truth``: at the points.
        ``colour``: of the reader's curve. ``curve``: the true one, as SVG.
    """
    found = [control(height) for height in panel.heights]
    sliders = [replace(each, names=tuple(map(number, each.values))) for each in found if each]
    line, truth, heights = panel.drawn, panel.truth, sliders[0].values
    panel.curve.set_visible(True)
    curve = panel.picture.layers[-1]
    panel.curve.set_visible(False)
    return sliders, {
        "first": place(line, 0, truth[0]),
        "across": [place(line, x, truth[0])[0] for x in panel.places],
        "up": [place(line, 0, height)[1] for height in heights],
        "heights": heights,
        "truth": truth[panel.places].tolist(),
        "colour": to_hex(line.get_color()),
        "curve": curve,
    }
