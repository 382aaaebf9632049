"""Data augmentation: the same image, seen a little differently each time."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gradlab.arguments import whole, within


def flip(images: Tensor, generator: torch.Generator, p: float = 0.5) -> Tensor:
    """The images, each mirrored left to right with probability ``p``.

    Source: Krizhevsky, Sutskever & Hinton (2012), section 4.1.

    Args:
        images: (n, c, h, w), any dtype, any device.
        generator: a generator on the CPU, which moves on by n draws, whatever ``p`` is. From the
            same state a larger ``p`` mirrors the same images and more.
        p: dimensionless, from 0 to 1.

    Returns:
        A new tensor of the same shape, dtype and device.

    Raises:
        ValueError: ``images`` does not have four dimensions, or ``p`` is out of range.

    Note:
        A mirrored 2 is not a 2: flipping digits teaches a network something wrong.

    >>> flip(torch.arange(3.0).reshape(1, 1, 1, 3), torch.Generator().manual_seed(0)).flatten()
    tensor([2., 1., 0.])
    """
    _check(images)
    mirrored = torch.rand(len(images), generator=generator) < within("p", p, 0, 1)
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)


def random_crop(images: Tensor, generator: torch.Generator, padding: int = 4) -> Tensor:
    """The images, each padded with black on all sides and cut back at a random place.

    Source: He, Zhang, Ren & Sun (2016), section 4.2.

    Args:
        images: (n, c, h, w), any dtype, any device.
        generator: a generator on the CPU, which moves on by 2n draws. From the same state a larger
            ``padding`` shifts each image in about the same direction, and further.
        padding: pixels added on each side, 0 or more; every shift by up to that many pixels is
            equally likely.

    Returns:
        A new tensor of the same shape, dtype and device.

    Raises:
        ValueError: ``images`` does not have four dimensions, or ``padding`` is negative.

    >>> random_crop(torch.ones(2, 3, 32, 32), torch.Generator().manual_seed(0)).shape
    torch.Size([2, 3, 32, 32])
    """
    _check(images)
    whole("padding", padding, 0)
    count, _, height, width = images.shape
    # Drawn on the CPU, so that the places are the same whichever device the images are on.
    places = torch.rand((2, count), generator=generator, dtype=torch.float64)
    top, left = (places * (2 * padding + 1)).long().to(images.device)
    windows = F.pad(images, (padding,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(count, device=images.device), :, top, left]


def _check(images: Tensor) -> None:
    if images.ndim != 4:
        raise ValueError(f"images must have shape (n, c, h, w), got {tuple(images.shape)}")
