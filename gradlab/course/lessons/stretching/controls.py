"""The stretching panel: what does a product of Jacobians make of a circle of small changes?"""

from __future__ import annotations

from functools import cache

import ipywidgets
import numpy as np

from gradlab.arguments import one_of, whole, within
from gradlab.course.lessons.stretching.jacobians import (
    GAUSSIAN,
    KINDS,
    SHEAR,
    Floats,
    Products,
    exponent,
    products,
)
from gradlab.course.lessons.stretching.picture import draw_ellipse, draw_spread
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, counted, number

DEEPEST, DRAWS = 40, 20
LOWEST_GAIN, HIGHEST_GAIN = 0.5, 2.0


def panel(kind: str = GAUSSIAN, *, gain: float = 1.2, depth: int = 2, draw: int = 10) -> Stretching:
    """A panel that sends a circle of small changes through layers of two units.

    Left the ellipse that the product of their Jacobians makes of the circle. Right its half axes
    after each layer, the singular values of the product, with the larger eigenvalue, the same for
    other draws, the root of the mean square over all draws that there could be, and what the
    Lyapunov exponent says of nearly every one.

    Source: Newman 1986; Saxe, McClelland & Ganguli 2014; Pennington, Schoenholz & Ganguli 2017,
    "Resurrecting the sigmoid in deep learning through dynamical isometry".

    Args:
        kind: of the Jacobians: "Gaussian", "orthogonal" or "one shear, repeated".
        gain: 0.5 to 2, dimensionless; see ``products``.
        depth: number of layers, 0 to 40.
        draw: which draw is shown, 0 to 19.

    Raises:
        ValueError: an argument out of its range.

    Note:
        Two units are few. With n units the draws lie closer together, and the exponent nearer to
        the logarithm of the gain, by about 1 / (2 n).
    """
    one_of("kind", kind, KINDS)
    within("gain", gain, LOWEST_GAIN, HIGHEST_GAIN)
    whole("depth", depth, 0, DEEPEST)
    whole("draw", draw, 0, DRAWS - 1)
    return Stretching(kind, gain, depth, draw)


class Stretching(Panel):
    """See ``panel``."""

    def __init__(self, kind: str, gain: float, depth: int, draw: int) -> None:
        self.kind = ipywidgets.Dropdown(options=KINDS, value=kind, description="Jacobians")
        self.gain = ipywidgets.FloatSlider(
            gain, min=LOWEST_GAIN, max=HIGHEST_GAIN, step=0.02, description="gain", **_WIDE
        )
        self.depth = ipywidgets.IntSlider(depth, 0, DEEPEST, description="layers", **_WIDE)
        self.draw = ipywidgets.IntSlider(draw, 0, DRAWS - 1, description="draw", **_WIDE)
        super().__init__([self.depth, self.gain, self.draw, self.kind], self._picture())

    def _picture(self) -> LivePicture:
        figure, (plane, lengths) = subplots(9.6, 4.7, ncols=2, width_ratios=(5, 6))
        self.ellipse = draw_ellipse(plane)
        self.spread = draw_spread(lengths, DRAWS, DEEPEST)
        return LivePicture(figure, [*self.ellipse.artists, *self.spread.artists])

    def show(self) -> str:
        """Look up the products of this kind; the gain only scales them."""
        kind, gain, depth, draw = (w.value for w in (self.kind, self.gain, self.depth, self.draw))
        found, grown = _at_gain_one(kind), gain ** np.arange(DEEPEST + 1.0)
        rate = exponent(kind, gain=gain)
        half_axes = found.singular * grown[:, None]
        larger = found.eigenvalues[draw, :, 0] * grown
        matrix = found.matrices[draw, depth] * grown[depth]
        self.ellipse.move(matrix)
        self.spread.move(
            half_axes,
            larger,
            chosen=draw,
            mean=_mean(kind) * grown,
            slope=np.exp(rate * np.arange(DEEPEST + 1)),
            depth=depth,
        )
        long, short = half_axes[draw, depth]
        layers = counted(depth, "layer")
        longest, followed = half_axes[:, depth, 0], float(np.hypot(*matrix[:, 0]))
        return (
            f"{kind}, gain {number(gain)}, draw {draw}: after {layers} the circle is an ellipse "
            f"with half axes {number(long)} and {number(short)}; the larger eigenvalue is "
            f"{number(larger[depth])}. The followed change is {number(followed)} long. "
            f"Over {DRAWS} draws the longer half axis is {number(longest.min())} to "
            f"{number(longest.max())}. Lyapunov exponent {rate:+.3f} for each layer: in the "
            f"long run a factor of {number(float(np.exp(rate)))}."
        )


@cache
def _at_gain_one(kind: str) -> Products:
    return products(kind, DEEPEST, draws=DRAWS, seed=1)


@cache
def _mean(kind: str) -> Floats:
    """Root of the mean squared length at gain 1, over directions and, if drawn, over products."""
    if kind != SHEAR:
        return np.ones(DEEPEST + 1)
    squares = np.square(_at_gain_one(kind).singular[0]).sum(-1) / 2
    root: Floats = np.sqrt(squares)
    return root


_WIDE = {"layout": {"width": "360px"}, "style": {"description_width": "70px"}}
