"""The two networks that the course's sources print."""

from torch import nn

from gradlab.arguments import whole
from gradlab.course.models.parts import chain, initialise


def pruning_cnn(
    width: int = 32, *, channels: int = 3, size: int = 32, classes: int = 10
) -> nn.Sequential:
    """The network whose weights are pruned: three convolutions and two linear layers.

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
    """
    whole("width", width)
    whole("channels", channels)
    whole("classes", classes)
    whole("size", size, 18)
    side = ((size - 2) // 2 - 2) // 2 - 2
    network = chain(
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
    return initialise(network, nn.init.xavier_uniform_)


def clipping_cnn(
    width: int = 32, *, channels: int = 3, size: int = 32, classes: int = 10
) -> nn.Sequential:
    """The network whose gradients are clipped by value: two convolutions, two linear layers.

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
    """
    whole("width", width)
    whole("channels", channels)
    whole("classes", classes)
    whole("size", size, 4)
    return chain(
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
