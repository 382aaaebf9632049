"""How a gradient grows or shrinks on its way back through the layers of a network.

``measured`` asks autograd about one network; ``expected`` says what the mean over all random
networks of that kind would be. Neither knows of the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gradlab.course.models.deep import Activation

Norm = Literal["layer", "batch"] | None

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
}
# A standard normal variable as 1600 equal steps: none at 0, so that a kink there is halved fairly.
_Z = (torch.arange(1600, dtype=torch.float64) - 799.5) / 100
_SHARE = torch.softmax(-_Z.square() / 2, 0)
_EPSILON = 1e-5  # what LayerNorm and BatchNorm1d add to the variance


@dataclass(frozen=True, eq=False)
class LayerGradients:
    """2-norms of gradients, from the first layer to the last; arrays are (depth,) float64.

    Args:
        arriving: of the gradient of the loss in each layer's output, ``∂L/∂h``: what reaches the
            layer on the way back.
        weights: of the gradient in each layer's weight, ``∂L/∂W = ∂L/∂h · aᵀ``, summed over the
            batch, with ``a`` what the layer multiplies by its weight.
    """

    arriving: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def factor(self) -> float:
        """What one layer multiplies the arriving gradient by: the geometric mean over layers.

        NaN where there is one layer only.
        """
        if len(self.arriving) == 1:
            return math.nan
        with np.errstate(all="ignore"):
            ratio = self.arriving[0] / self.arriving[-1]
        return float(ratio ** (1 / (len(self.arriving) - 1)))


def measured(network: nn.Sequential, inputs: Tensor, upstream: Tensor) -> LayerGradients:
    """The gradient of ``L = Σ upstream · output`` in every layer, by one forward and one backward.

    This loss hands every network the same gradient at its output, so that what is seen further down
    was made by the layers alone.

    Args:
        network: as ``models.mlp`` makes it, or its first layers: ``network[: depth + 1]``.
        inputs: (batch, inputs), on the device of the network.
        upstream: (batch, outputs), the gradient that arrives at the last layer.

    Returns:
        Norms on the CPU, computed in float64 from the network's own float32: what overflowed there
        is infinite or NaN, what underflowed there is zero.

    Note:
        In a plain chain a weight's gradient is a product of two things, what arrives from above and
        what the layer was fed from below. With a homogeneous activation (linear, ReLU) one grows as
        much as the other shrinks, so the weights' norms are level even while the arriving gradient
        vanishes: look at how high they are, not only at their slope.

    >>> from gradlab.course import models
    >>> _ = torch.manual_seed(0)
    >>> found = measured(models.mlp(20, gain=2**0.5), torch.randn(64, 64), torch.randn(64, 64))
    >>> 0.9 < found.factor < 1.1  # at the critical gain of ReLU
    True
    """
    layers = [module for module in network if not isinstance(module, nn.Flatten)]
    outputs = [layers[0](inputs.flatten(1))]
    for layer in layers[1:]:
        outputs.append(layer(outputs[-1]))
    weights = [layer.get_parameter("linear.weight") for layer in layers]
    grads = torch.autograd.grad(outputs[-1], [*outputs, *weights], upstream)
    norms = torch.stack(torch._foreach_norm(grads, 2, dtype=torch.float64)).cpu().numpy()
    return LayerGradients(norms[: len(layers)], norms[len(layers) :])


def expected(
    depth: int,
    *,
    gain: float = 1.0,
    activation: Activation = "relu",
    residual: bool = False,
    norm: Norm = None,
    width: int = 64,
) -> LayerGradients:
    """The root of the mean of the squared norms, over all weights that ``models.mlp`` may draw.

    With Gaussian weights of variance ``gain² / width``, what goes into layer l has units that are
    nearly normal, with a variance q that goes forward, and the squared gradient goes backward:

        q(l)      = gain² · E[φ(√q(l-1) z)²]                    z standard normal; q(1) = gain²
        |δ(l-1)|² = gain² · E[φ'(√q(l-1) z)²] · |δ(l)|²         |δ(depth)| = 1
        |∂L/∂W(l)|² = |δ(l)|² · width · E[φ²]

    ``residual`` adds q(l-1) to the first and |δ(l)|² to the second line. ``norm`` feeds φ with
    variance 1 instead of q(l-1), and divides the second line by q(l-1); for ``"batch"``, where q is
    a variance over the batch, E[φ]² is taken away from E[φ²] in the first line, and in the third
    line too, since what comes back through batch normalisation sums to zero over the batch.

    Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", eqs. 5, 6 and 14; He et al. 2015, "Delving deep into rectifiers", section 2.2 (E[φ'²]
    is 1/2 for ReLU); Schoenholz et al. 2017, "Deep information propagation", eqs. 3 and 14; Yang et
    al. 2019, "A mean field theory of batch normalization".

    Args:
        depth: number of layers, 1 or more; the inputs are standard normal.
        gain, activation, residual, norm, width: as for ``models.mlp``.

    Returns:
        Norms for a gradient of norm 1 at the last layer; infinite where float64 overflows.

    Note:
        It is a mean, which a few networks with large gradients carry. A typical network lies below
        it, the more so the deeper and narrower it is. It also takes the weights of the way back to
        be independent of those of the way forth, which they are not.

    >>> round(expected(50, gain=1.2).factor, 4)  # 1.2 / √2
    0.8485
    """
    kept = 1.0 if residual else 0.0
    variance, factors = gain**2 + kept, []
    squares, spreads = [1.0], [1.0]  # of what each layer is fed: mean square, and around its mean
    for _ in range(depth - 1):
        scale = 1 / (variance + _EPSILON) if norm else 1.0
        square, mean, slope = _moments(activation, variance * scale)
        factors.append(gain**2 * scale * slope + kept)
        squares.append(square)
        spreads.append(square - mean**2 if norm == "batch" else square)
        variance = gain**2 * spreads[-1] + kept * variance
    with np.errstate(all="ignore"):  # an overflow is a result
        arriving = np.cumprod([1.0, *reversed(factors)])[::-1]
        summed = np.array([kept] * (depth - 1) + [1.0])  # |Σ δ|² over the batch, below a batch norm
        around, centre = np.array(spreads), np.subtract(squares, spreads)
        weights = width * (around * arriving + centre * summed)
        return LayerGradients(np.sqrt(arriving), np.sqrt(weights))


def _moments(activation: str, variance: float) -> tuple[float, float, float]:
    """E[φ(x)²], E[φ(x)] and E[φ'(x)²] of a normal x of that variance."""
    x = (math.sqrt(variance) * _Z).requires_grad_()
    y = _FUNCTIONS[activation](x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    y = y.detach()
    square, mean, steepness = (torch.stack([y * y, y, slope * slope]) @ _SHARE).tolist()
    return square, mean, steepness
