"""AlexNet, VGG and ResNet: for small pictures at any width, and torchvision's at full size."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from gradlab.arguments import one_of, whole
from gradlab.course.models.parts import Residual, chain, convolution, he_normal, initialise

_VGG_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
_FULL_SIZE = ("alexnet", "vgg11", "vgg11_bn", "resnet18", "resnet50")


def alexnet(
    width: int = 16, *, classes: int = 10, channels: int = 3, norm: bool = False
) -> nn.Sequential:
    """An AlexNet for 32-pixel pictures: five convolutions and three linear layers.

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
    """
    whole("width", width)
    whole("classes", classes)
    whole("channels", channels)
    sizes = [channels, width, 3 * width, 6 * width, 4 * width, 4 * width]
    modules: dict[str, nn.Module] = {}
    for number in range(1, 6):
        modules |= convolution(number, sizes[number - 1], sizes[number], norm)
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
    return initialise(chain(**modules), he_normal)


def vgg(
    depth: Literal[11, 13, 16] = 11,
    width: int = 16,
    *,
    classes: int = 10,
    channels: int = 3,
    norm: bool = False,
) -> nn.Sequential:
    """A VGG for 32-pixel pictures: five stages of 3 × 3 convolutions, one linear layer.

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
    """
    one_of("depth", depth, _VGG_STAGES)
    whole("width", width)
    whole("classes", classes)
    whole("channels", channels)
    network = chain()
    fan_in = channels
    for stage, (count, factor) in enumerate(zip(_VGG_STAGES[depth], (1, 2, 4, 8, 8), strict=True)):
        modules: dict[str, nn.Module] = {}
        for number in range(1, count + 1):
            modules |= convolution(number, fan_in, factor * width, norm)
            fan_in = factor * width
        network.add_module(f"stage{stage + 1}", chain(**modules, pool=nn.MaxPool2d(2)))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc", nn.Linear(fan_in, classes))
    return initialise(network, he_normal)


def resnet(
    depth: int = 8,
    width: int = 16,
    *,
    classes: int = 10,
    channels: int = 3,
    norm: bool = True,
) -> nn.Sequential:
    """A ResNet for small pictures: three stages of residual blocks, one linear layer.

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
    """
    whole("depth", depth)
    whole("width", width)
    whole("classes", classes)
    whole("channels", channels)
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth must be 6n + 2 (8, 14, 20, 26, 32, ...), got {depth!r}")
    network = chain(**convolution(1, channels, width, norm))
    fan_in = width
    for stage, factor in enumerate((1, 2, 4)):
        modules: dict[str, nn.Module] = {}
        for block in range(1, depth // 6 + 1):
            fan_out = factor * width
            first = convolution(1, fan_in, fan_out, norm, stride=2 if fan_in < fan_out else 1)
            second = convolution(2, fan_out, fan_out, norm)
            del second["relu2"]  # it acts on the sum
            modules[f"block{block}"] = Residual(OrderedDict(first | second))
            modules[f"relu{block}"] = nn.ReLU()
            fan_in = fan_out
        network.add_module(f"stage{stage + 1}", chain(**modules))
    network.add_module("pool", nn.AdaptiveAvgPool2d(1))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc", nn.Linear(fan_in, classes))
    return initialise(network, he_normal)


def full_size(name: str, classes: int = 10) -> nn.Module:
    """Torchvision's own network of that name, untrained, for the budget ``gpu``.

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

    Note:
        At 10 classes AlexNet has 57 million parameters and VGG-11 129 million: half a gigabyte in
        float32, and three times that with gradients and momentum.
    """
    one_of("name", name, _FULL_SIZE)
    whole("classes", classes)
    from torchvision.models import get_model

    network: nn.Module = get_model(name, weights=None, num_classes=classes)
    return network
