"""Every network of the course, small enough to train while you watch.

Each function returns a ``torch.nn.Sequential`` on the CPU in float32, with modules named so that a
picture by parameter name reads well (``stage2.block1.conv1.weight``). Weights are drawn from
torch's global generator: call ``torch.manual_seed`` first and the network is the same every time.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Collection
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["linear", "relu", "tanh", "gelu"]

_ACTIVATIONS = {"linear": None, "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}
_NORMS = {None: None, "layer": nn.LayerNorm, "batch": nn.BatchNorm1d}
_VGG_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
_FULL_SIZE = ("alexnet", "vgg11", "vgg11_bn", "resnet18", "resnet50")


class Residual(nn.Sequential):
    """A chain of modules whose result is added to its input.

    ``y = x + f(x)``. Where ``f`` halves the picture and adds channels, the shortcut takes every
    second pixel and fills the new channels with zeros, so it has no parameters.

    Source: He, Zhang, Ren & Sun 2016, "Deep residual learning", eq. 1 and option A of section 4.1.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input plus what the chain makes of it."""
        output: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
        shortcut = input
        if input.shape != output.shape:
            extra = output.shape[1] - input.shape[1]
            shortcut = F.pad(input[:, :, ::2, ::2], (0, 0, 0, 0, 0, extra))
        return shortcut + output


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
    """Return a chain of ``depth`` linear layers whose gradients grow or shrink by a known law.

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
        TypeError: a size that is not a whole number, or a gain that is not a number.

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
    _require_whole(depth=depth, width=width)
    inputs = width if inputs is None else inputs
    outputs = width if outputs is None else outputs
    _require_whole(inputs=inputs, outputs=outputs)
    _require_choice("activation", activation, _ACTIVATIONS)
    _require_choice("norm", norm, _NORMS)
    if not isinstance(gain, Real):
        raise TypeError(f"gain must be a number, got {gain!r}")
    if not (math.isfinite(gain) and gain >= 0):
        raise ValueError(f"gain must be finite and 0 or more, got {gain!r}")

    sizes = [inputs, *[width] * (depth - 1), outputs]
    network = _chain(flatten=nn.Flatten())
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


def pruning_cnn(
    width: int = 32, *, channels: int = 3, size: int = 32, classes: int = 10
) -> nn.Sequential:
    """Return the network whose weights are pruned: three convolutions and two linear layers.

    Convolutions are 3 × 3 without padding; they have ``width``, 2 ``width`` and 2 ``width``
    channels, with a 2 × 2 maximum after the first two. Weights are Glorot-uniform and biases zero,
    as in Keras, for which the source wrote it.

    Source: the course's S1, image classification with pruning by gradient.

    Args:
        width: channels of the first convolution, 1 or more; 32 in the source.
        channels: channels of the picture, 1 or more.
        size: side of the square picture in pixels, 18 or more.
        classes: number of classes, 1 or more.

    Returns:
        A network from shape (batch, channels, size, size) to logits of shape (batch, classes).

    Raises:
        ValueError: an argument below its least value.
        TypeError: an argument that is not a whole number.
    """
    _require_whole(width=width, channels=channels, classes=classes)
    _require_whole(18, size=size)
    side = ((size - 2) // 2 - 2) // 2 - 2
    network = _chain(
        conv1=nn.Conv2d(channels, width, 3),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(width, 2 * width, 3),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        conv3=nn.Conv2d(2 * width, 2 * width, 3),
        relu3=nn.ReLU(),
        flatten=nn.Flatten(),
        fc1=nn.Linear(2 * width * side**2, 2 * width),
        relu4=nn.ReLU(),
        fc2=nn.Linear(2 * width, classes),
    )
    return _initialise(network, nn.init.xavier_uniform_)


def clipping_cnn(
    width: int = 32, *, channels: int = 3, size: int = 32, classes: int = 10
) -> nn.Sequential:
    """Return the network whose gradients are clipped by value: two convolutions, two linear layers.

    Convolutions are 3 × 3 with padding 1; they have ``width`` and 2 ``width`` channels, each
    followed by a 2 × 2 maximum; the hidden linear layer has 4 ``width`` units. Weights and biases
    are PyTorch's default, as in the source.

    Source: the course's S4, from object detection to scene understanding.

    Args:
        width: channels of the first convolution, 1 or more; 32 in the source.
        channels: channels of the picture, 1 or more.
        size: side of the square picture in pixels, 4 or more.
        classes: number of classes, 1 or more.

    Returns:
        A network from shape (batch, channels, size, size) to logits of shape (batch, classes).

    Raises:
        ValueError: an argument below its least value.
        TypeError: an argument that is not a whole number.
    """
    _require_whole(width=width, channels=channels, classes=classes)
    _require_whole(4, size=size)
    return _chain(
        conv1=nn.Conv2d(channels, width, 3, padding=1),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(width, 2 * width, 3, padding=1),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(2 * width * (size // 4) ** 2, 4 * width),
        relu3=nn.ReLU(),
        fc2=nn.Linear(4 * width, classes),
    )


def alexnet(
    width: int = 16, *, classes: int = 10, channels: int = 3, norm: bool = False
) -> nn.Sequential:
    """Return an AlexNet for 32-pixel pictures: five convolutions and three linear layers.

    Channels stand to each other as 1 : 3 : 6 : 4 : 4, a hidden linear layer has 64 ``width`` units,
    and the maxima overlap (3 × 3, stride 2); ``width=64`` gives the channels of the second source.
    Convolutions are 3 × 3, as suits small pictures. Dropout and local response normalisation are
    left out, so that a gradient depends on the weights and the batch alone. Weights are normal with
    standard deviation sqrt(2 / fan_in) (He et al. 2015), biases zero.

    Source: Krizhevsky, Sutskever & Hinton 2012, section 3.5; the channels of Krizhevsky 2014,
    "One weird trick for parallelizing convolutional neural networks".

    Args:
        width: channels of the first convolution, 1 or more.
        classes: number of classes, 1 or more.
        channels: channels of the picture, 1 or more.
        norm: batch normalisation after every convolution.

    Returns:
        A network from shape (batch, channels, 32, 32) to logits of shape (batch, classes).

    Raises:
        ValueError: an argument below 1.
        TypeError: an argument that is not a whole number.
    """
    _require_whole(width=width, classes=classes, channels=channels)
    sizes = [channels, width, 3 * width, 6 * width, 4 * width, 4 * width]
    modules: dict[str, nn.Module] = {}
    for number in range(1, 6):
        modules |= _convolution(number, sizes[number - 1], sizes[number], norm)
        if number in (1, 2, 5):
            modules[f"pool{number}"] = nn.MaxPool2d(3, stride=2)
    modules |= {
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(4 * width * 3 * 3, 64 * width),
        "relu6": nn.ReLU(),
        "fc2": nn.Linear(64 * width, 64 * width),
        "relu7": nn.ReLU(),
        "fc3": nn.Linear(64 * width, classes),
    }
    return _initialise(_chain(**modules), _he_normal)


def vgg(
    depth: Literal[11, 13, 16] = 11,
    width: int = 16,
    *,
    classes: int = 10,
    channels: int = 3,
    norm: bool = False,
) -> nn.Sequential:
    """Return a VGG for 32-pixel pictures: five stages of 3 × 3 convolutions, one linear layer.

    The stages have 1, 2, 4, 8 and 8 times ``width`` channels and end in a 2 × 2 maximum, which
    leaves one pixel; ``width=64`` gives configurations A, B and D of the source. There, three
    linear layers follow; here one does, so the depth in the name counts two layers more than there
    are. Weights are normal with standard deviation sqrt(2 / fan_in) (He et al. 2015), biases zero.

    Source: Simonyan & Zisserman 2015, "Very deep convolutional networks", table 1.

    Args:
        depth: 11, 13 or 16.
        width: channels of the first stage, 1 or more; 64 in the source.
        classes: number of classes, 1 or more.
        channels: channels of the picture, 1 or more.
        norm: batch normalisation after every convolution.

    Returns:
        A network from shape (batch, channels, 32, 32) to logits of shape (batch, classes).

    Raises:
        ValueError: a depth that is not in the list, another argument below 1.
        TypeError: an argument that is not a whole number.
    """
    _require_choice("depth", depth, _VGG_STAGES)
    _require_whole(width=width, classes=classes, channels=channels)
    network = _chain()
    fan_in = channels
    for stage, (count, factor) in enumerate(zip(_VGG_STAGES[depth], (1, 2, 4, 8, 8), strict=True)):
        modules: dict[str, nn.Module] = {}
        for number in range(1, count + 1):
            modules |= _convolution(number, fan_in, factor * width, norm)
            fan_in = factor * width
        network.add_module(f"stage{stage + 1}", _chain(**modules, pool=nn.MaxPool2d(2)))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc", nn.Linear(fan_in, classes))
    return _initialise(network, _he_normal)


def resnet(
    depth: int = 8,
    width: int = 16,
    *,
    classes: int = 10,
    channels: int = 3,
    norm: bool = True,
) -> nn.Sequential:
    """Return a ResNet for small pictures: three stages of residual blocks, one linear layer.

    ``depth = 6n + 2``: one convolution, then n blocks of two in each stage, at ``width``,
    2 ``width`` and 4 ``width`` channels, then the mean over pixels and a linear layer. Shortcuts
    have no parameters. Weights are normal with standard deviation sqrt(2 / fan_in) (He et al.
    2015), biases zero. Without ``norm`` nothing stands in the place of batch normalisation and the
    convolutions have biases; each block then adds about as much variance as it gets, so that
    signal and gradient grow with depth.

    Source: He, Zhang, Ren & Sun 2016, "Deep residual learning for image recognition", section 4.2.

    Args:
        depth: 8, 14, 20, 32 or any other 6n + 2.
        width: channels of the first stage, 1 or more; 16 in the source.
        classes: number of classes, 1 or more.
        channels: channels of the picture, 1 or more.
        norm: batch normalisation after every convolution.

    Returns:
        A network from shape (batch, channels, height, width), 32 pixels in the source and any size
        here, to logits of shape (batch, classes).

    Raises:
        ValueError: a depth that is not 6n + 2, another argument below 1.
        TypeError: an argument that is not a whole number.
    """
    _require_whole(depth=depth, width=width, classes=classes, channels=channels)
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth must be 6n + 2 (8, 14, 20, 26, 32, ...), got {depth!r}")
    network = _chain(**_convolution(1, channels, width, norm))
    fan_in = width
    for stage, factor in enumerate((1, 2, 4)):
        modules: dict[str, nn.Module] = {}
        for block in range(1, depth // 6 + 1):
            fan_out = factor * width
            first = _convolution(1, fan_in, fan_out, norm, stride=2 if fan_in < fan_out else 1)
            second = _convolution(2, fan_out, fan_out, norm)
            del second["relu2"]  # it acts on the sum
            modules[f"block{block}"] = Residual(OrderedDict(first | second))
            modules[f"relu{block}"] = nn.ReLU()
            fan_in = fan_out
        network.add_module(f"stage{stage + 1}", _chain(**modules))
    network.add_module("pool", nn.AdaptiveAvgPool2d(1))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc", nn.Linear(fan_in, classes))
    return _initialise(network, _he_normal)


def full_size(name: str, classes: int = 10) -> nn.Module:
    """Return torchvision's own network of that name, untrained, for the budget ``gpu``.

    Source: Krizhevsky 2014 (AlexNet), Simonyan & Zisserman 2015 (VGG), He et al. 2016 (ResNet), as
    torchvision builds and initialises them.

    Args:
        name: ``"alexnet"``, ``"vgg11"``, ``"vgg11_bn"``, ``"resnet18"`` or ``"resnet50"``.
        classes: number of classes, 1 or more.

    Returns:
        A network from shape (batch, 3, height, width), 224 pixels in the sources, to logits of
        shape (batch, classes), on the CPU in float32.

    Raises:
        ValueError: a name that is not in the list, or classes below 1.
        TypeError: classes that are not a whole number.

    Note:
        At 10 classes AlexNet has 57 million parameters and VGG-11 129 million: half a gigabyte in
        float32, and three times that with gradients and momentum.
    """
    _require_choice("name", name, _FULL_SIZE)
    _require_whole(classes=classes)
    from torchvision.models import get_model

    network: nn.Module = get_model(name, weights=None, num_classes=classes)
    return network


_he_normal = partial(nn.init.kaiming_normal_, nonlinearity="relu")


def _chain(**modules: nn.Module) -> nn.Sequential:
    """Return the modules in sequence, each under its own name."""
    return nn.Sequential(OrderedDict(modules))


def _convolution(
    number: int, fan_in: int, fan_out: int, norm: bool, stride: int = 1
) -> dict[str, nn.Module]:
    """Return a 3 × 3 convolution that keeps the picture's size, normalised or not, and a ReLU."""
    # batch normalisation subtracts the mean, and any bias with it
    convolution = nn.Conv2d(fan_in, fan_out, 3, stride, padding=1, bias=not norm)
    modules: dict[str, nn.Module] = {f"conv{number}": convolution}
    if norm:
        modules[f"norm{number}"] = nn.BatchNorm2d(fan_out)
    modules[f"relu{number}"] = nn.ReLU()
    return modules


def _initialise(network: nn.Sequential, draw_: Callable[[Tensor], Any]) -> nn.Sequential:
    """Draw the weights of convolutions and linear layers anew, and set their biases to zero."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            draw_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def _require_whole(least: int = 1, **arguments: int) -> None:
    """Raise unless every argument is a whole number and not below the least."""
    for name, value in arguments.items():
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"{name} must be a whole number, {least} or more, got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value!r}")


def _require_choice(name: str, value: Any, allowed: Collection[Any]) -> None:
    """Raise unless the value is one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
