"""The depth panel: what do many layers, one after the other, make of a gradient?"""

from __future__ import annotations

from functools import cache

import ipywidgets
import numpy as np
import torch
from torch import nn

from gradlab.arguments import whole, within
from gradlab.course import models
from gradlab.course.lessons.growth.depth import LayerGradients, Norm, expected, measured
from gradlab.course.lessons.growth.picture import draw_curve, draw_growth, draw_key, draw_law
from gradlab.course.lessons.growth.words import edges
from gradlab.course.models.deep import Activation
from gradlab.draw.style import CYCLE
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number

DEEPEST, HIGHEST_GAIN = 64, 5.0
WIDTH = BATCH = 64
# A drop-down shows the value None as nothing chosen.
NORMS: dict[str, Norm] = {"none": None, "layer": "layer", "batch": "batch"}
# Of a plain chain: at this gain a layer passes a gradient on as long as it came, on average.
CRITICAL = {"linear": 1.0, "relu": 2**0.5, "tanh": 1.0}


def depth_panel(
    depth: int = 50,
    *,
    gain: float = 1.2,
    activation: Activation = "relu",
    residual: bool = False,
    norm: Norm = None,
    seed: int = 0,
) -> Depth:
    """A panel that sends a gradient back through a deep network and shows its norm in every layer.

    Blue: the gradient that arrives at a layer's output. Orange: that of the layer's weight. Dots
    are measured by autograd on ``models.mlp``, 64 wide, batch of 64, at every move; dashes are what
    ``depth.expected`` predicts. The loss hands every network the same gradient, of norm 1,
    at its last layer.

    Source: Glorot & Bengio 2010, sections 4.2.1 and 4.2.2; He et al. 2015, section 2.2.

    Args:
        depth: number of layers to start with, 1 to 64.
        gain: weights have standard deviation ``gain / sqrt(fan_in)``; 0 to 5, dimensionless. Moving
            it rescales the same weights.
        activation, residual, norm: as for ``models.mlp``.
        seed: of the weights, the batch and the gradient at the output.

    Raises:
        ValueError: depth or gain outside its range; an unknown activation or norm.

    Note:
        It shows a network as it was drawn, before any training, and one draw of it: another seed
        lies elsewhere, typically below the prediction, which is a mean. The gradient at the last
        layer is set to 1 here; a real loss would add a factor of its own.
    """
    whole("depth", depth, 1, DEEPEST)
    within("gain", gain, 0, HIGHEST_GAIN)
    return Depth(depth, gain, activation, residual, norm, seed)


class Depth(Panel):
    """See ``depth_panel``."""

    page_settings = 450

    def __init__(
        self,
        depth: int,
        gain: float,
        activation: Activation,
        residual: bool,
        norm: Norm,
        seed: int,
    ) -> None:
        self._seed = seed
        random = torch.Generator().manual_seed(seed)
        self._inputs = torch.randn(BATCH, WIDTH, generator=random)
        self._upstream = torch.randn(BATCH, WIDTH, generator=random)
        self._upstream /= self._upstream.norm()
        self._drawn = cache(self._draw)
        self._drawn(activation, residual, norm)  # which refuses what it does not know

        wide = {"layout": {"width": "330px"}}
        self.depth = ipywidgets.IntSlider(depth, 1, DEEPEST, description="depth", **wide)
        self.gain = ipywidgets.FloatSlider(
            gain, min=0, max=HIGHEST_GAIN, step=0.02, description="gain", **wide
        )
        self.activation = ipywidgets.Dropdown(
            options=["linear", "relu", "tanh", "gelu"], value=activation, description="activation"
        )
        self.norm = ipywidgets.Dropdown(
            options=list(NORMS), value=norm or "none", description="norm"
        )
        self.residual = ipywidgets.Checkbox(residual, description="residual connections")
        controls = [self.gain, self.depth, self.activation, self.norm, self.residual]
        super().__init__(controls, self._picture())

    def _picture(self) -> LivePicture:
        figure, (axes,) = subplots(9, 4.2)
        draw_growth(axes, DEEPEST, "layer (1 is next to the input)", "norm of the gradient")
        blue, orange = CYCLE[:2]
        self.arriving = draw_curve(axes, "arriving at the layer", blue, "o")
        self.arriving_law = draw_law(axes, "predicted", blue)
        self.weights = draw_curve(axes, "of the layer's weight", orange, "s")
        self.weights_law = draw_law(axes, "predicted", orange)
        draw_key(axes, columns=4)
        axes.text(DEEPEST, 1.2, "at the critical gain", color="#777777", fontsize=8, ha="right")
        laws = self.arriving_law, self.weights_law
        return LivePicture(figure, [*laws, *self.arriving.artists, *self.weights.artists])

    def _draw(
        self, activation: Activation, residual: bool, norm: Norm
    ) -> tuple[nn.Sequential, list[torch.Tensor], list[torch.Tensor]]:
        """A network of the deepest kind, its weights, and these as drawn.

        Its first layers are any shallower one.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            network = models.mlp(
                DEEPEST, WIDTH, activation=activation, residual=residual, norm=norm
            )
        weights: list[torch.Tensor] = [
            layer.get_parameter("linear.weight") for layer in network[1:]
        ]
        return network, weights, [weight.detach().clone() for weight in weights]

    def show(self) -> str:
        """Run the network of that depth and gain forward and backward."""
        activation, residual, norm = (
            self.activation.value,
            self.residual.value,
            NORMS[self.norm.value],
        )
        network, weights, drawn = self._drawn(activation, residual, norm)
        depth, gain = self.depth.value, self.gain.value
        with torch.no_grad():
            torch._foreach_copy_(weights[:depth], torch._foreach_mul(drawn[:depth], gain))
        found = measured(network[: depth + 1], self._inputs, self._upstream)
        mean = expected(
            depth, gain=gain, activation=activation, residual=residual, norm=norm, width=WIDTH
        )
        layers = np.arange(1, depth + 1)
        self.arriving.move(layers, found.arriving)
        self.arriving_law.set_data(layers, mean.arriving)
        self.weights.move(layers, found.weights)
        self.weights_law.set_data(layers, mean.weights)
        said = "".join([", residual" * residual, f", {norm} norm" if norm else ""])
        critical = None if said else CRITICAL.get(activation)
        beside = f" (critical: {number(critical)})" if critical else ""
        what = f"depth {depth}, gain {number(gain)}{beside}, {activation}{said}"
        return f"{what}: {_in_words(found, mean)}{edges([*found.arriving, *found.weights])}"


def _in_words(found: LayerGradients, mean: LayerGradients) -> str:
    first, last = found.weights[[0, -1]]
    if len(found.arriving) == 1:
        return f"one layer, nothing to multiply. Its weight's gradient has norm {number(first)}."
    arriving, predicted = found.arriving, f"predicted factor per layer {number(mean.factor)}"
    zero, lost = np.count_nonzero(arriving == 0), np.count_nonzero(~np.isfinite(arriving))
    if lost:
        return f"the gradient has overflowed in {lost} of {len(arriving)} layers ({predicted})."
    if zero:
        return f"the gradient is exactly zero in {zero} of {len(arriving)} layers ({predicted})."
    return (
        f"the gradient that arrives at the first layer is {number(arriving[0])} times the last "
        f"layer's; each layer multiplies it by {number(found.factor)} "
        f"(predicted {number(mean.factor)}). "
        f"Norm of the weights' gradients: first layer {number(first)}, last layer {number(last)}."
    )
