"""The strokes of markers, as a path of SVG has them: each from the end of the one before."""

from __future__ import annotations

import numpy as np
from matplotlib.path import Path

_LETTERS = {Path.MOVETO: "m", Path.LINETO: "l", Path.CURVE3: "q", Path.CURVE4: "c"}


def circle(width: float) -> str:
    """The strokes of a circle around where they begin."""
    half = f"a{width / 2:.3g} {width / 2:.3g} 0 1 0"
    return f"m{-width / 2:.3g} 0{half} {width:.3g} 0{half} {-width:.3g} 0z"


def relative(shape: Path) -> str:
    """The strokes of a shape from its origin, upside down, each from the end of the one before."""
    at = begin = np.zeros(2)
    strokes = []
    for flat, code in shape.iter_segments(simplify=False):
        if code == Path.CLOSEPOLY:
            strokes.append("z")
            at = begin
            continue
        steps = np.round(flat.reshape(-1, 2) * (1, -1) - at, 2)
        at = at + steps[-1]
        begin = at if code == Path.MOVETO else begin
        strokes.append(_LETTERS[code] + " ".join(f"{step:g}" for step in steps.ravel()))
    return "".join(strokes)
