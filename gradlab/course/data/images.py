"""Labelled images in memory, and the batches they make."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gradlab.arguments import whole

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images with labels, as they are stored, and what it takes to standardise them.

    Args:
        name: the data set.
        split: ``"train"`` or ``"test"``.
        images: float32 (n, c, h, w) in [0, 1], on the CPU.
        labels: int64 (n,), on the CPU.
        classes: the name of each label.
        mean, std: per channel, over all pixels of the *training* split, whichever split this is.
    """

    name: str
    split: str
    images: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def standardise(self, images: Tensor) -> Tensor:
        r"""Images with the training split's mean taken away, in units of its deviation.

        .. math:: (x - \text{mean}_c) / \text{std}_c

        Args:
            images: (n, c, h, w) in [0, 1], on any device.

        Returns:
            A tensor of the same shape on the same device: what the networks are fed.
        """
        mean, std = (images.new_tensor(v)[:, None, None] for v in (self.mean, self.std))
        return (images - mean) / std

    def batches(
        self,
        batch_size: int,
        *,
        seed: int,
        steps: int | None = None,
        epochs: int | None = None,
        device: torch.device | str = "cpu",
        augment: Augment | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled, standardised batches to train on: the same ones on every machine.

        ``for images, labels in dataset.batches(64, seed=0, steps=200): ...``

        One shuffled epoch follows the other without a seam, so every batch is full and every image
        is seen equally often. Only with ``epochs`` may the last batch be smaller.

        Args:
            batch_size: images per batch, at least 1.
            seed: of the order and of the augmentation, 0 or more.
            steps: number of batches.
            epochs: number of passes over the data. With neither, the batches never end.
            device: where the batches go.
            augment: a function of (images, generator), as :func:`gradlab.course.data.flip` is;
                it sees images in [0, 1] on ``device``, before they are standardised.

        Returns:
            An iterator over (images float32 (b, c, h, w), labels int64 (b,)) on ``device``.

        Raises:
            ValueError: a number is out of range, there are no images, or both ``steps`` and
                ``epochs`` are given.
        """
        whole("batch_size", batch_size)
        whole("seed", seed, 0)
        if not len(self):
            raise ValueError(f"{self.name!r} has no images to make batches of")
        if steps is not None and epochs is not None:
            raise ValueError(f"steps or epochs, not both: got {steps!r} and {epochs!r}")
        total = None
        if steps is not None:
            total = whole("steps", steps, 0) * batch_size
        if epochs is not None:
            total = whole("epochs", epochs, 0) * len(self)
        generator = torch.Generator().manual_seed(seed)

        def draw() -> Iterator[tuple[Tensor, Tensor]]:
            for chosen in _order(len(self), batch_size, total, seed):
                images = self.images[chosen].to(device)
                if augment is not None:
                    images = augment(images, generator)
                yield self.standardise(images), self.labels[chosen].to(device)

        return draw()

    def in_order(
        self, batch_size: int, *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image once, in the stored order, standardised: batches to measure with.

        Args:
            batch_size: images per batch, at least 1; the last batch may be smaller.
            device: where the batches go.

        Returns:
            An iterator over (images float32 (b, c, h, w), labels int64 (b,)) on ``device``.
        """
        whole("batch_size", batch_size)
        parts = zip(self.images.split(batch_size), self.labels.split(batch_size), strict=True)
        return ((self.standardise(i.to(device)), labels.to(device)) for i, labels in parts)

    @torch.no_grad()
    def accuracy(self, model: nn.Module, *, batch_size: int = 250) -> float:
        """The fraction of the images that ``model`` names rightly.

        Args:
            model: in evaluation mode while measured; afterwards in the mode it was in.
            batch_size: images at a time, at least 1.

        Returns:
            Dimensionless, in [0, 1].

        Note:
            With n images it is known to about ``sqrt(a (1 - a) / n)``: 1.5 % at 70 % of 1,000.
        """
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        # a CPU convolves pixel by pixel faster, all channels of one together
        order = torch.channels_last if device.type == "cpu" else torch.preserve_format
        right = sum(
            int((model(inputs.to(memory_format=order)).argmax(1) == labels).sum())
            for inputs, labels in self.in_order(batch_size, device=device)
        )
        model.train(was_training)
        return right / len(self)


def _order(length: int, batch_size: int, total: int | None, seed: int) -> Iterator[Tensor]:
    """Indices of one batch after the other, ``total`` in all, one shuffled epoch upon another."""
    waiting: NDArray[np.intp] = np.empty(0, dtype=np.intp)
    epochs = count()
    given = 0
    while total is None or given < total:
        size = batch_size if total is None else min(batch_size, total - given)
        while len(waiting) < size:
            # Raw bits and a stable sort: numpy promises these for ever, unlike its shuffles.
            bits = np.random.PCG64([seed, next(epochs)]).random_raw(length)
            waiting = np.concatenate((waiting, np.argsort(bits, kind="stable")))
        chosen, waiting = waiting[:size], waiting[size:]
        given += size
        yield torch.from_numpy(chosen)
