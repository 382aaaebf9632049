"""What several networks are built of, and the checks of their arguments."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

he_normal = partial(nn.init.kaiming_normal_, nonlinearity="relu")


class Residual(nn.Sequential):
    """A chain of modules whose result is added to its input.

    ``y = x + f(x)``. Where ``f`` halves the picture and adds channels, the shortcut takes every
    second pixel and fills the new channels with zeros, so it has no parameters.

    Source: He, Zhang, Ren & Sun 2016, "Deep residual learning", eq. 1 and option A of section 4.1.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input plus what the chain makes of it."""
        output: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
        shortcut = input
        if input.shape != output.shape:
            extra = output.shape[1] - input.shape[1]
            shortcut = F.pad(input[:, :, ::2, ::2], (0, 0, 0, 0, 0, extra))
        return shortcut + output


def chain(**modules: nn.Module) -> nn.Sequential:
    """The modules in sequence, each under its own name."""
    return nn.Sequential(OrderedDict(modules))


def convolution(
    number: int, fan_in: int, fan_out: int, norm: bool, stride: int = 1
) -> dict[str, nn.Module]:
    """A 3 × 3 convolution that keeps the picture's size, normalised or not, and a ReLU."""
    # batch normalisation subtracts the mean, and any bias with it
    convolution = nn.Conv2d(fan_in, fan_out, 3, stride, padding=1, bias=not norm)
    modules: dict[str, nn.Module] = {f"conv{number}": convolution}
    if norm:
        modules[f"norm{number}"] = nn.BatchNorm2d(fan_out)
    modules[f"relu{number}"] = nn.ReLU()
    return modules


def initialise(network: nn.Sequential, draw_: Callable[[Tensor], Any]) -> nn.Sequential:
    """Draw the weights of convolutions and linear layers anew, and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            draw_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
