"""Readers of scenes: a picture, column by column, through what carries one column to the next."""

from __future__ import annotations

from torch import Tensor, arange, nn

from gradlab.arguments import one_of, whole
from gradlab.course.models.parts import chain
from gradlab.course.models.sequences import Gru, Logits, Recurrence, Tanh, block

CELLS = {"tanh": Tanh, "gru": Gru, "lstm": Recurrence}

Shape = tuple[int, int, int]  # channels, height, width


class Columns(nn.Module):
    """A picture as a sequence of its columns, or of several side by side."""

    def __init__(self, together: int = 1) -> None:
        super().__init__()
        self.together = together

    def forward(self, input: Tensor) -> Tensor:
        """(batch, width / together, channels * height * together) of (b, c, h, width)."""
        return input.unflatten(-1, (-1, self.together)).movedim(-2, 1).flatten(2)


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

    Args:
        shape: (channels, height, width) of a picture.
        classes: answers, or signs with the blank.
        cell: ``"tanh"``, ``"gru"`` or ``"lstm"``.
        width: units of the recurrent layer.
        every: answer at every column, (batch, classes, length), as ``ctc`` takes it; otherwise
            once, after the last column, (batch, classes).
        orthogonal: whether its recurrent weights start as orthogonal matrices, which keep what they
            are given, and not small, as torch has it.
    """
    one_of("cell", cell, CELLS)
    channels, height, _ = _checked(shape, classes, width)
    rnn = CELLS[cell](channels * height, width, batch_first=True)
    if orthogonal:
        _make_orthogonal(rnn)
    network = chain(columns=Columns(), rnn=rnn)
    return _answering(network, Last(), width, classes, every)


def crnn(
    shape: Shape,
    classes: int,
    *,
    cell: str = "tanh",
    width: int = 32,
    every: bool = False,
    orthogonal: bool = False,
) -> nn.Sequential:
    """Convolutions, then a recurrent network over the columns of what they make."""
    one_of("cell", cell, CELLS)
    channels, height, _ = _checked(shape, classes, width)
    rnn = CELLS[cell](width // 2 * (height // 4), width, batch_first=True)
    if orthogonal:
        _make_orthogonal(rnn)
    network = chain(
        conv1=nn.Conv2d(channels, width // 4, 3, padding=1),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(width // 4, width // 2, 3, padding=1),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d((2, 1)),
        columns=Columns(),
        rnn=rnn,
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
    """A Transformer encoder over the columns of a picture."""
    channels, height, length = _checked(shape, classes, width)
    network = chain(
        columns=Columns(2),
        embed=nn.Linear(2 * channels * height, width),
        places=Places(length // 2, width),
    )
    for number in range(1, depth + 1):
        network.add_module(
            f"block{number}", block(width, heads, causal=False, norm_first=norm_first)
        )
    if norm_first:
        network.add_module("norm", nn.LayerNorm(width))
    return _answering(network, Mean(), width, classes, every)


def _make_orthogonal(rnn: nn.RNNBase) -> None:
    """Of a gated layer, each gate's matrix."""
    for name, weight in rnn.named_parameters():
        if name.startswith("weight_hh"):
            for gate in weight.split(rnn.hidden_size):
                nn.init.orthogonal_(gate)


def _checked(shape: Shape, classes: int, width: int) -> Shape:
    for name, size in zip(("channels", "height", "width"), shape, strict=True):
        whole(f"{name} of shape", size)
    whole("classes", classes)
    whole("width", width)
    return shape


def _answering(
    network: nn.Sequential, once: nn.Module, width: int, classes: int, every: bool
) -> nn.Sequential:
    if not every:
        network.add_module("once", once)
    network.add_module("logits", (Logits if every else nn.Linear)(width, classes))
    return network
