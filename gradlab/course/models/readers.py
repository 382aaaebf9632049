"""Readers of scenes: a picture, column by column, through what carries one column to the next."""

from __future__ import annotations

from torch import Tensor, arange, nn

from gradlab.arguments import one_of, whole
from gradlab.course.models.parts import chain
from gradlab.course.models.sequences import Gru, Logits, Recurrence, Tanh, block

CELLS = {"tanh": Tanh, "gru": Gru, "lstm": Recurrence}

Shape = tuple[int, int, int]  # channels, height, width
_TOGETHER = 2  # columns in a token


class Columns(nn.Module):
    """A picture as a sequence of its columns, or of several side by side."""

    def __init__(self, together: int = 1) -> None:
        super().__init__()
        self.together = together

    def forward(self, input: Tensor) -> Tensor:
        """(batch, width / together, channels * height * together) of (b, c, h, width)."""
        output: Tensor = input.unflatten(-1, (-1, self.together)).movedim(-2, 1).flatten(2)
        return output


class Last(nn.Module):
    """What stands at the last place: there, a recurrent network has read everything."""

    def forward(self, input: Tensor) -> Tensor:
        """(batch, width) of (batch, length, width)."""
        return input[:, -1]


class Mean(nn.Module):
    """The mean over all places."""

    def forward(self, input: Tensor) -> Tensor:
        """(batch, width) of (batch, length, width)."""
        return input.mean(1)


class Places(nn.Module):
    """Adds to each place what says where it stands; learned."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.place = nn.Embedding(length, width)
        nn.init.normal_(self.place.weight, std=0.1)

    def forward(self, input: Tensor) -> Tensor:
        """(batch, length, width)."""
        output: Tensor = input + self.place(arange(input.shape[1], device=input.device))
        return output


def rnn_reader(
    shape: Shape,
    classes: int,
    *,
    cell: str = "tanh",
    width: int = 64,
    every: bool = False,
    orthogonal: bool = False,
) -> nn.Sequential:
    """A recurrent network that reads the columns of a picture from left to right.

    Source: Elman 1990, "Finding structure in time"; for "lstm" and "gru" as ``models.lstm``.

    Args:
        shape: (channels, height, width) of a picture, each 1 or more.
        classes: answers, or signs with the blank, 1 or more.
        cell: ``"tanh"``, ``"gru"`` or ``"lstm"``.
        width: units of the recurrent layer, 1 or more.
        every: answer at every column, as CTC takes it; otherwise once, after the last.
        orthogonal: let the recurrent weights start as orthogonal matrices, which keep what they are
            given, and not as small as torch has them.

    Returns:
        A network from pictures (batch, channels, height, width) to logits (batch, classes), or to
        (batch, classes, width) with ``every``.

    Raises:
        ValueError: an argument below 1, or an unknown ``cell``.

    >>> import torch
    >>> rnn_reader((1, 6, 50), 4)(torch.zeros(2, 1, 6, 50)).shape
    torch.Size([2, 4])
    """
    one_of("cell", cell, CELLS)
    channels, height, _ = _checked(shape, classes, width)
    rnn = _recurrent(cell, channels * height, width, orthogonal)
    return _answering(chain(columns=Columns(), rnn=rnn), Last(), width, classes, every)


def crnn(
    shape: Shape,
    classes: int,
    *,
    cell: str = "tanh",
    width: int = 32,
    every: bool = False,
    orthogonal: bool = False,
) -> nn.Sequential:
    """Convolutions, then a recurrent network over the columns of what they see.

    Two convolutions, each with a ReLU and pooled: columns are halved once, rows twice.

    Source: Shi, Bai & Yao 2015, "An end-to-end trainable neural network for image-based sequence
    recognition", which has seven convolutions and two LSTM layers that read both ways.

    Args:
        shape: (channels, height, width) of a picture; at least 4 rows and 2 columns.
        classes, cell, every, orthogonal: as of ``rnn_reader``.
        width: units of the recurrent layer, a multiple of 4; the convolutions have a quarter of it
            and half of it as channels.

    Returns:
        A network as ``rnn_reader`` returns; with ``every``, of half as many columns.

    Raises:
        ValueError: an argument out of its range.

    >>> import torch
    >>> crnn((1, 14, 54), 11, every=True)(torch.zeros(2, 1, 14, 54)).shape
    torch.Size([2, 11, 27])
    """
    one_of("cell", cell, CELLS)
    channels, height, _ = _checked(shape, classes, width, least=(1, 4, 2))
    _multiple("width", width, 4)
    network = chain(
        conv1=nn.Conv2d(channels, width // 4, 3, padding=1),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(width // 4, width // 2, 3, padding=1),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d((2, 1)),
        columns=Columns(),
        rnn=_recurrent(cell, width // 2 * (height // 2 // 2), width, orthogonal),
    )
    return _answering(network, Last(), width, classes, every)


def transformer_reader(
    shape: Shape,
    classes: int,
    *,
    norm_first: bool = True,
    width: int = 32,
    depth: int = 2,
    heads: int = 2,
    every: bool = False,
) -> nn.Sequential:
    """A Transformer that looks at all columns of a picture at once, two of them in a token.

    Each of ``depth`` blocks adds attention and then a perceptron, and normalises before
    (``norm_first``) or after adding. What it answers once, it answers from the mean of all tokens.

    Source: Vaswani et al. 2017, "Attention is all you need", which normalises after; before: Xiong
    et al. 2020, "On layer normalization in the transformer architecture".

    Args:
        shape: (channels, height, width) of a picture; an even number of columns.
        classes: answers, or signs with the blank, 1 or more.
        norm_first: normalise before each sublayer, and not after adding.
        width: numbers of a token, a multiple of ``heads``.
        depth: blocks, 1 or more.
        heads: of the attention, 1 or more.
        every: answer at every token, as CTC takes it; otherwise once.

    Returns:
        A network as ``rnn_reader`` returns; with ``every``, of half as many columns.

    Raises:
        ValueError: an argument out of its range.

    >>> import torch
    >>> transformer_reader((3, 12, 16), 4)(torch.zeros(2, 3, 12, 16)).shape
    torch.Size([2, 4])
    """
    channels, height, columns = _checked(shape, classes, width)
    whole("depth", depth)
    whole("heads", heads)
    _multiple("width", width, heads)
    _multiple("width of shape", columns, _TOGETHER)
    network = chain(
        columns=Columns(_TOGETHER),
        embed=nn.Linear(_TOGETHER * channels * height, width),
        places=Places(columns // _TOGETHER, width),
    )
    for number in range(1, depth + 1):
        network.add_module(
            f"block{number}", block(width, heads, causal=False, norm_first=norm_first)
        )
    if norm_first:
        network.add_module("norm", nn.LayerNorm(width))
    return _answering(network, Mean(), width, classes, every)


def _recurrent(cell: str, inputs: int, width: int, orthogonal: bool) -> nn.Module:
    layer: nn.Module = CELLS[cell](inputs, width, batch_first=True)
    if orthogonal:
        for gate in layer.get_parameter("weight_hh_l0").split(width):
            nn.init.orthogonal_(gate)
    return layer


def _checked(shape: Shape, classes: int, width: int, least: Shape = (1, 1, 1)) -> Shape:
    names = (f"{name} of shape" for name in ("channels", "height", "width"))
    for name, size, bound in zip(names, shape, least, strict=True):
        whole(name, size, bound)
    whole("classes", classes)
    whole("width", width)
    return shape


def _multiple(name: str, value: int, of: int) -> None:
    if value % of:
        raise ValueError(f"{name} must be a multiple of {of}, got {value!r}")


def _answering(
    network: nn.Sequential, once: nn.Module, width: int, classes: int, every: bool
) -> nn.Sequential:
    if not every:
        network.add_module("once", once)
    network.add_module("logits", (Logits if every else nn.Linear)(width, classes))
    return network
