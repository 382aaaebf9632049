"""Small scenes that are drawn by seed, as many as a training run asks for; none comes twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradlab.arguments import one_of, whole

SPLITS = ("train", "validation", "test")


class Dice:
    """Whole numbers at random: raw bits, which numpy promises for ever, unlike its integers."""

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(key)

    def below(self, limit: int, *shape: int) -> NDArray[np.int64]:
        """Numbers from 0 to ``limit`` - 1, int64 of that shape."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return (raw % limit).astype(np.int64).reshape(shape)


@dataclass(frozen=True, eq=False)
class SceneData:
    """Scenes of one kind without end, each a picture that can be read column by column.

    Args:
        name: the kind.
        split: ``"train"``, ``"validation"`` or ``"test"``; each has numbers of its own.
        classes: what an answer can be, or each sign of it.
        shape: (channels, height, width) of a picture.
        draw: of dice and a number n: pictures float32 (n, c, h, w) in [0, 1], and what is asked
            of each, int64 (n,) or (n, most): signs from 1 on, with 0 after the last.
    """

    name: str
    split: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    draw: Callable[[Dice, int], tuple[NDArray[np.float32], NDArray[np.int64]]] = field(repr=False)

    def __post_init__(self) -> None:
        one_of("split", self.split, SPLITS)

    def batches(
        self,
        batch_size: int,
        *,
        seed: int,
        steps: int | None = None,
        device: torch.device | str = "cpu",
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Fresh batches: the same ones on every machine, and no scene of one in the next.

        Args:
            batch_size: scenes per batch, at least 1.
            seed: 0 or more.
            steps: number of batches; without it they never end.
            device: where the batches go.

        Returns:
            An iterator over (pictures, targets) as ``draw`` makes them, on ``device``.

        Raises:
            ValueError: a number is out of range.
        """
        whole("batch_size", batch_size)
        whole("seed", seed, 0)
        numbers = count() if steps is None else range(whole("steps", steps, 0))
        stream = SPLITS.index(self.split)

        def drawn() -> Iterator[tuple[Tensor, Tensor]]:
            for number in numbers:
                pictures, targets = self.draw(Dice(seed, number, stream), batch_size)
                yield torch.from_numpy(pictures).to(device), torch.from_numpy(targets).to(device)

        return drawn()
