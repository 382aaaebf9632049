"""A chain of linear layers, as deep as you like."""

import math
from collections import OrderedDict
from typing import Literal

from torch import nn

from gradlab.arguments import one_of, whole, within
from gradlab.course.models.parts import Residual, chain

Activation = Literal["linear", "relu", "tanh", "gelu"]

_ACTIVATIONS = {"linear": None, "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}
_NORMS = {None: None, "layer": nn.LayerNorm, "batch": nn.BatchNorm1d}


def mlp(
    depth: int,
    width: int = 64,
    *,
    inputs: int | None = None,
    outputs: int | None = None,
    activation: Activation = "relu",
    gain: float = 1.0,
    residual: bool = False,
    norm: Literal["layer", "batch"] | None = None,
) -> nn.Sequential:
    """A chain of ``depth`` linear layers whose gradients grow or shrink by a known law.

    Layer 1 is ``h = W x``; every later layer is ``h = W φ(norm(h))``, so the activation φ stands
    between the layers and not after the last. Biases are zero and weights are normal with standard
    deviation ``gain / sqrt(fan_in)``. Without ``norm``, a random gradient v sent back through one
    layer becomes, in the mean over weights,

        E|φ'(h) · Wᵀv|² = gain² · E[φ'(h)²] · |v|²     (add |v|² with ``residual``)

    whatever the widths. A linear network keeps its gradients at gain 1. ReLU lets half of them
    through, E[φ'²] = 1/2, so its critical gain is sqrt(2).

    Source: He, Zhang, Ren & Sun 2015, "Delving deep into rectifiers", section 2.2.

    Args:
        depth: number of linear layers, 1 or more.
        width: units in each hidden layer, 1 or more.
        inputs: numbers in one example, which is flattened first; ``width`` when left out.
        outputs: numbers in one result; ``width`` when left out.
        activation: ``"linear"`` (none), ``"relu"``, ``"tanh"`` or ``"gelu"``.
        gain: scale of the weights, dimensionless, 0 or more. Under one seed, another gain gives the
            same weights, rescaled.
        residual: add each layer's input to its output, wherever the two have the same size.
        norm: normalise before each activation, by ``"layer"`` or by ``"batch"``.

    Returns:
        A network from shape (batch, inputs), or pictures of that many numbers, to (batch, outputs).

    Raises:
        ValueError: depth, width, inputs or outputs below 1; gain negative or not finite; an
            activation or a norm that is not in the list.

    Note:
        The law is a mean over weights. One network of finite width scatters around it, and in deep
        narrow ones the typical network lies well below the mean, which a few large ones carry.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> x = torch.randn(64, 64, requires_grad=True)
    >>> mlp(50, gain=1.0)(x).sum().backward()
    >>> bool(x.grad.norm() < 1e-5)  # ReLU at gain 1: half of |v|² is lost per layer
    True
    """
    whole("depth", depth)
    whole("width", width)
    inputs = width if inputs is None else inputs
    outputs = width if outputs is None else outputs
    whole("inputs", inputs)
    whole("outputs", outputs)
    one_of("activation", activation, _ACTIVATIONS)
    one_of("norm", norm, _NORMS)
    within("gain", gain, 0)

    sizes = [inputs, *[width] * (depth - 1), outputs]
    network = chain(flatten=nn.Flatten())
    for number in range(1, depth + 1):
        fan_in, fan_out = sizes[number - 1 : number + 1]
        modules: dict[str, nn.Module] = {}
        if number > 1 and (normalise := _NORMS[norm]):
            modules["norm"] = normalise(fan_in)
        if number > 1 and (activate := _ACTIVATIONS[activation]):
            modules[activation] = activate()
        modules["linear"] = linear = nn.Linear(fan_in, fan_out)
        nn.init.normal_(linear.weight, std=gain / math.sqrt(fan_in))
        nn.init.zeros_(linear.bias)
        kind = Residual if residual and fan_in == fan_out else nn.Sequential
        network.add_module(f"layer{number}", kind(OrderedDict(modules)))
    return network
