"""Language models: which character comes next, after each one that was read?"""

import math
from collections import OrderedDict
from typing import cast

import torch.nn.functional as F
from torch import Tensor, arange, nn

from gradlab.arguments import whole
from gradlab.course.models.parts import Residual, chain


class Embedding(nn.Module):
    """What a token means plus where it stands, both learned."""

    def __init__(self, characters: int, length: int, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(characters, width)
        self.place = nn.Embedding(length, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, length, width)."""
        longest = self.place.num_embeddings
        if tokens.shape[-1] > longest:
            raise ValueError(f"a piece must have {longest} tokens at most, got {tokens.shape[-1]}")
        places = arange(tokens.shape[-1], device=tokens.device)
        output: Tensor = self.token(tokens) + self.place(places)
        return output


class Attention(nn.Module):
    """Every place looks at all, or at itself and those before it, through several heads.

    It has no parameters: the linear layer before it makes queries, keys and values side by side.

    Source: Vaswani et al. 2017, "Attention is all you need", section 3.2.
    """

    def __init__(self, heads: int, *, causal: bool = True) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal

    def forward(self, input: Tensor) -> Tensor:
        """(batch, length, width) of (batch, length, 3 width)."""
        parts = input.unflatten(-1, (3, self.heads, -1)).transpose(-2, -4)
        query, key, value = parts.unbind(-3)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return seen.transpose(-2, -3).flatten(-2)


class _Stateless:
    """A recurrent layer of torch, from its first state on, without its last one."""

    def forward(self, input: Tensor) -> Tensor:
        """(batch, length, width)."""
        output, _ = super().forward(input)  # type: ignore[misc]
        return cast(Tensor, output)


class Tanh(_Stateless, nn.RNN):  # type: ignore[misc]
    """``h <- tanh(W x + U h + b)``: Elman 1990, "Finding structure in time"."""


class Gru(_Stateless, nn.GRU):  # type: ignore[misc]
    """Gated: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder"."""


class Recurrence(_Stateless, nn.LSTM):  # type: ignore[misc]
    """Long short-term memory, as torch has it."""


class Logits(nn.Linear):
    """A linear layer whose results stand in the second dimension, where a loss looks for them."""

    def forward(self, input: Tensor) -> Tensor:
        """(batch, characters, length)."""
        return super().forward(input).movedim(-1, 1)


def lstm(width: int = 64, depth: int = 1, *, characters: int = 128) -> nn.Sequential:
    """A language model that reads a text from left to right: an LSTM.

    An embedding, ``depth`` LSTM layers of ``width`` units, one linear layer. Everything starts as
    torch's own layers do; the state is zero at the start of each piece.

    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory"; Gers, Schmidhuber & Cummins
    2000, "Learning to forget".

    Args:
        width: units of each layer, and numbers in an embedding, 1 or more.
        depth: LSTM layers, 1 or more.
        characters: tokens there are, 1 or more.

    Returns:
        A network from tokens int64 (batch, length) to logits (batch, characters, length), as
        ``cross_entropy`` takes them.

    Raises:
        ValueError: an argument below 1.

    >>> import torch
    >>> lstm(8)(torch.zeros(2, 5, dtype=torch.int64)).shape
    torch.Size([2, 128, 5])
    """
    whole("width", width)
    whole("depth", depth)
    whole("characters", characters)
    return chain(
        embedding=nn.Embedding(characters, width),
        lstm=Recurrence(width, width, depth, batch_first=True),
        logits=Logits(width, characters),
    )


def transformer(
    width: int = 64,
    depth: int = 2,
    *,
    heads: int = 4,
    length: int = 64,
    characters: int = 128,
) -> nn.Sequential:
    """A language model that looks back at all it has read: a transformer.

    Tokens and places are embedded; each of ``depth`` blocks adds attention and then a perceptron
    with 4 ``width`` hidden units, each behind a layer normalisation; a last one stands before the
    linear layer. As in GPT-2, weights are normal with standard deviation 0.02, divided by
    sqrt(2 ``depth``) where a block adds to what it was given, and biases are zero.

    Source: Vaswani et al. 2017, "Attention is all you need"; Radford et al. 2019, "Language models
    are unsupervised multitask learners", section 2.3.

    Args:
        width: numbers at each place, a multiple of ``heads``.
        depth: blocks, 1 or more.
        heads: of the attention, 1 or more.
        length: the longest piece that it can read, 1 or more.
        characters: tokens there are, 1 or more.

    Returns:
        A network from tokens int64 (batch, up to length) to logits (batch, characters, the same
        length), as ``cross_entropy`` takes them.

    Raises:
        ValueError: an argument below 1, or a width that ``heads`` does not divide.

    >>> import torch
    >>> transformer(8)(torch.zeros(2, 5, dtype=torch.int64)).shape
    torch.Size([2, 128, 5])
    """
    whole("width", width)
    whole("depth", depth)
    whole("heads", heads)
    whole("length", length)
    whole("characters", characters)
    if width % heads:
        raise ValueError(f"width must be a multiple of heads = {heads}, got {width!r}")
    network = chain(embedding=Embedding(characters, length, width))
    for number in range(1, depth + 1):
        network.add_module(f"block{number}", block(width, heads))
    network.add_module("norm", nn.LayerNorm(width))
    network.add_module("logits", Logits(width, characters))
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif "norm" not in name:
            adds = name.endswith(("out.weight", "fc2.weight"))
            nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * depth) if adds else 1))
    return network


def block(width: int, heads: int, *, causal: bool = True, norm_first: bool = True) -> nn.Sequential:
    """Attention, then a perceptron, each added to its input; normalised before, or after adding.

    Source: after adding, Vaswani et al. 2017; before, Radford et al. 2019. Which of them needs a
    warm-up: Xiong et al. 2020, "On layer normalization in the transformer architecture".
    """
    attention = {
        "qkv": nn.Linear(width, 3 * width),
        "heads": Attention(heads, causal=causal),
        "out": nn.Linear(width, width),
    }
    perceptron = {
        "fc1": nn.Linear(width, 4 * width),
        "gelu": nn.GELU(),
        "fc2": nn.Linear(4 * width, width),
    }
    found: dict[str, nn.Module] = {}
    for name, modules in (("attn", attention), ("mlp", perceptron)):
        first = {"norm": nn.LayerNorm(width)} if norm_first else {}
        found[name] = Residual(OrderedDict(first | modules))
        if not norm_first:
            found[f"{name}_norm"] = nn.LayerNorm(width)
    return chain(**found)
