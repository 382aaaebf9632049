"""Text that travels inside Python itself, and the batches it makes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import torch
from torch import Tensor

from gradlab.arguments import one_of, whole

CHARACTERS = 128
"""How many tokens there are: a token is the ASCII code of a character."""


def encode(text: str) -> Tensor:
    """A text as tokens, int64 (n,) in [0, 128) on the CPU; what is not ASCII becomes "?".

    >>> encode("Hi!")
    tensor([ 72, 105,  33])
    """
    codes = np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8)
    return torch.from_numpy(codes.astype(np.int64))


def decode(tokens: Tensor) -> str:
    """Tokens (n,) as text.

    >>> decode(torch.tensor([72, 105, 33]))
    'Hi!'
    """
    return bytes(tokens.tolist()).decode("ascii")


@dataclass(frozen=True, eq=False)
class TextData:
    """A text, one token after the other.

    Args:
        name: the text.
        split: ``"train"`` or ``"test"``.
        tokens: int64 (n,), on the CPU, as of :func:`encode`.
    """

    name: str
    split: str
    tokens: Tensor = field(repr=False)

    def __len__(self) -> int:
        return len(self.tokens)

    def batches(
        self,
        batch_size: int,
        *,
        length: int,
        seed: int,
        steps: int | None = None,
        device: torch.device | str = "cpu",
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches to train a language model on: the same ones on every machine.

        Each row is a piece of the text from a random place; its target is the piece one character
        on, so that the model learns at every place which character comes next.

        Args:
            batch_size: pieces per batch, at least 1.
            length: characters per piece, at least 1, fewer than the text has.
            seed: of the places, 0 or more.
            steps: number of batches; without it they never end.
            device: where the batches go.

        Returns:
            An iterator over (inputs, targets), int64 (batch_size, length) each, on ``device``.

        Raises:
            ValueError: a number is out of range.
        """
        whole("batch_size", batch_size)
        whole("length", length, 1, len(self) - 1)
        whole("seed", seed, 0)
        numbers = count() if steps is None else range(whole("steps", steps, 0))
        pieces = self.tokens.unfold(0, length + 1, 1)

        def draw() -> Iterator[tuple[Tensor, Tensor]]:
            for number in numbers:
                # Raw bits: numpy promises them for ever, unlike its random integers.
                bits = np.random.PCG64([seed, number]).random_raw(batch_size)
                places = (bits % len(pieces)).astype(np.int64)
                chosen = pieces[torch.from_numpy(places)].to(device)
                yield chosen[:, :-1], chosen[:, 1:]

        return draw()


def python_docs(split: str = "train") -> TextData:
    """One split of the language reference that Python's ``help()`` reads from.

    Some 370,000 characters of English about Python: the first 90 % to train on, the rest to test
    with. Several pages repeat paragraphs of others; each paragraph is kept once, so that none is in
    both splits.

    Source: the Python documentation, as ``pydoc_data.topics`` of the Python that runs.

    Args:
        split: ``"train"`` or ``"test"``.

    Raises:
        ValueError: ``split`` is something else.

    Note:
        Every version of Python has a text of its own: a loss measured on one is not to be compared
        with a loss measured on another.

    >>> batches = python_docs().batches(4, length=16, seed=0, steps=1)
    >>> [(inputs.shape, targets.shape) for inputs, targets in batches]
    [(torch.Size([4, 16]), torch.Size([4, 16]))]
    """
    one_of("split", split, ("train", "test"))
    from pydoc_data.topics import topics

    paragraphs = (
        part.strip("\n") for page in sorted(topics) for part in topics[page].split("\n\n")
    )
    tokens = encode("\n\n".join(dict.fromkeys(paragraphs)))
    cut = len(tokens) * 9 // 10
    return TextData("python-docs", split, tokens[:cut] if split == "train" else tokens[cut:])
