"""The recurrence panel: what do many steps through the same weights make of a gradient?"""

from __future__ import annotations

import ipywidgets
import numpy as np

from gradlab.arguments import whole, within
from gradlab.course.lessons.growth.picture import draw_curve, draw_growth, draw_key, draw_law
from gradlab.course.lessons.growth.recurrence import CELLS, expected, state_gradients
from gradlab.course.lessons.growth.words import edges
from gradlab.draw.style import BEFORE, CYCLE
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number

LARGEST_RADIUS, LONGEST, LARGEST_BIAS, LARGEST_INPUTS = 2.0, 100, 6.0, 1.0


def recurrence_panel(
    radius: float = 1.1,
    *,
    length: int = 60,
    keep_bias: float = 1.0,
    inputs: float = 0.1,
    seed: int = 0,
) -> Recurrence:
    """A panel that sends a gradient back through time in four recurrent networks, side by side.

    A linear RNN, a tanh RNN, an LSTM and a GRU of 32 units read the same sequences; the loss looks
    at the last step only. The curves are the norm of its gradient in the state after each step, by
    autograd, at every move; ``recurrence.state_gradients`` says what exactly is scaled. The dashes
    are the radius, multiplied once for each step on the way back.

    Source: Pascanu, Mikolov & Bengio 2013, section 2; Hochreiter & Schmidhuber 1997; Cho et al.
    2014.

    Args:
        radius: spectral radius of every recurrent block, 0 to 2, dimensionless.
        length: steps, 1 to 100.
        keep_bias: bias of the LSTM's forget gate and the GRU's update gate, 0 to 6.
        inputs: standard deviation with which the inputs reach each unit, 0 to 1.
        seed: of weights, inputs and the gradient at the last step.

    Raises:
        ValueError: an argument outside its range.

    Note:
        Networks as they were drawn, before any training. An LSTM does not keep a gradient by being
        an LSTM: at ``keep_bias`` 0 its gate lets half of it through at each step. The same radius
        does not mean the same in the four: in the gated ones it scales what goes into the gates.
        Nor does it decide alone: large inputs saturate tanh, and a tanh network of radius 1.5 that
        explodes with small inputs vanishes with large ones.
    """
    within("radius", radius, 0, LARGEST_RADIUS)
    whole("length", length, 1, LONGEST)
    within("keep_bias", keep_bias, 0, LARGEST_BIAS)
    within("inputs", inputs, 0, LARGEST_INPUTS)
    return Recurrence(radius, length, keep_bias, inputs, seed)


class Recurrence(Panel):
    """See ``recurrence_panel``."""

    def __init__(
        self, radius: float, length: int, keep_bias: float, inputs: float, seed: int
    ) -> None:
        self._seed = seed
        wide = {"layout": {"width": "400px"}, "style": {"description_width": "110px"}}
        self.radius = ipywidgets.FloatSlider(
            radius, min=0, max=LARGEST_RADIUS, step=0.01, description="spectral radius", **wide
        )
        self.length = ipywidgets.IntSlider(length, 1, LONGEST, description="steps", **wide)
        self.keep_bias = ipywidgets.FloatSlider(
            keep_bias, min=0, max=LARGEST_BIAS, step=0.1, description="bias of the gate", **wide
        )
        self.inputs = ipywidgets.FloatSlider(
            inputs, min=0, max=LARGEST_INPUTS, step=0.05, description="size of inputs", **wide
        )
        controls = [self.radius, self.length, self.keep_bias, self.inputs]
        super().__init__(controls, self._picture())

    def _picture(self) -> LivePicture:
        figure, (axes,) = subplots(9, 4.2)
        draw_growth(axes, LONGEST, "time step (the loss is at the last)", "norm of the gradient")
        self.law = draw_law(axes, "radius ^ steps back", BEFORE)
        looks = zip(CELLS, CYCLE, "os^v", strict=False)
        self.curves = {name: draw_curve(axes, name, *look) for name, *look in looks}
        draw_key(axes, columns=5)
        moving = [artist for curve in self.curves.values() for artist in curve.artists]
        return LivePicture(figure, [self.law, *moving])

    def show(self) -> str:
        """Run the four networks forward and backward."""
        radius, length, bias = self.radius.value, self.length.value, self.keep_bias.value
        inputs, seed = self.inputs.value, self._seed
        found = {
            name: state_gradients(
                name, radius=radius, length=length, keep_bias=bias, inputs=inputs, seed=seed
            )
            for name in CELLS
        }
        times = np.arange(1, length + 1)
        powers = expected(radius, length)
        self.law.set_data(times, powers)
        for name, norms in found.items():
            self.curves[name].move(times, norms)
        what = (
            f"radius {number(radius)}, {length} step{'s'[length == 1 :]}, "
            f"gate bias {number(bias)}, inputs {number(inputs)}"
        )
        if length == 1:
            return f"{what}: one step, nothing to multiply."
        each = ", ".join(f"{number(norms[0])} ({name})" for name, norms in found.items())
        return (
            f"{what}: the gradient at step 1 is {each} times that at step {length}. "
            f"The radius, multiplied {length - 1} times, is {number(powers[0])}."
            f"{edges(np.concatenate(list(found.values())))}"
        )
