"""A sample of a large tensor, and how sure it is.

The tensor is cut into ``SAMPLE`` strata of ``stride`` neighbours or a little more. One element of
each is looked at, and stands for ``stride``; the last one also for what is left over at the end.
The place within each stratum comes from a fixed sequence, the same at each call: no generator of
the process is touched, and no regularity of the tensor (rows, channels, kernels) can meet one of
the sample. The largest and the smallest element are found by looking at all, and are counted in any
case, as is something that is not finite.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradlab.histogram.codes import ZERO, as_float32, codes_of
from gradlab.histogram.found import Found, narrow

SAMPLE = 1 << 13
"""Elements to look at in a tensor of ``LARGE`` elements or more: 8,192."""
LARGE = 2 * SAMPLE
"""Elements from which a tensor is large: a table of all its codes costs less than sorting, too."""
_PIECE = 1 << 17  # elements that stay in the cache between two looks at them
_SIGMAS = 3.0  # of a normal distribution, 99.7 % lies within


class Sample(NamedTuple):
    """Elements of a tensor, on its device.

    Args:
        values: one of each stratum, (n,).
        over: the last of them, the smallest and the largest element of the tensor: (3,) float32.
        stride: how many elements one stands for.
        left: how many more the last one stands for.
    """

    values: Tensor
    over: Tensor
    stride: int
    left: int


def sample(tensor: Tensor) -> Sample:
    """Elements that stand for all of a large tensor; nothing is read back to the host."""
    flat = tensor.reshape(-1)
    numel = flat.numel()
    stride = numel // SAMPLE
    strata = numel // stride
    places, left = _places(strata, stride, flat.device), numel - strata * stride
    if flat.is_cpu and flat.dtype is torch.float32:
        return Sample(*_by_numpy(flat.numpy(), places.numpy(), stride), stride, left)
    values = flat.index_select(0, places)
    over = as_float32(torch.stack([values[-1], flat.amin(), flat.amax()]))
    return Sample(values, over, stride, left)


def _by_numpy(
    flat: NDArray[np.float32], places: NDArray[np.int64], stride: int
) -> tuple[Tensor, Tensor]:
    """The values and what is over, read from memory once: a piece stays in the cache for all."""
    values, step = np.empty(len(places), np.float32), max(_PIECE // stride, 1)
    lows, highs = [], []
    for start in range(0, len(places), step):
        stop = start + step
        piece = flat[start * stride : stop * stride if stop < len(places) else None]
        lows.append(piece.min())
        highs.append(piece.max())
        flat.take(places[start:stop], out=values[start:stop], mode="clip")  # unlike others, at once
    over = np.array([values[-1], np.min(lows), np.max(highs)], np.float32)
    return torch.from_numpy(values), torch.from_numpy(over)


def completed(found: Found, sample: Sample) -> Found:
    """What was found in the sample's values, as counts of the whole tensor, its extremes too."""
    codes, counts = found.codes, found.counts * np.int64(sample.stride)
    last, *extremes = codes_of(sample.over.cpu().numpy()).tolist()
    counts[codes.searchsorted(last)] += sample.left
    for code in extremes:
        at = int(codes.searchsorted(code))
        if code != ZERO and (at == len(codes) or codes[at] != code):
            counts[counts.argmax()] -= 1
            codes, counts = _inserted(codes, at, code), _inserted(counts, at, 1)
    return Found(codes, narrow(counts), sample.stride)


def _inserted(array: NDArray[Any], at: int, number: int) -> NDArray[Any]:
    """As by ``numpy.insert``, which takes five times as long."""
    found = np.empty(len(array) + 1, array.dtype)
    found[:at], found[at], found[at + 1 :] = array[:at], number, array[at:]
    return found


def interval(share: float, numel: float, stride: int) -> tuple[float, float]:
    """Between which shares the exact one lies, of ``numel`` elements, at three standard errors.

    Wilson's interval for independent draws; in strata they are, and vary less.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if stride == 1 or not numel:
        return share, share
    n, square = numel / stride, _SIGMAS**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _SIGMAS * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)


@lru_cache(maxsize=64)
def _places(strata: int, stride: int, device: torch.device) -> Tensor:
    """Where each stratum is looked at."""
    draw = torch.Generator().manual_seed(0)
    within = torch.randint(stride, (strata,), generator=draw)
    return (torch.arange(strata) * stride + within).to(device)
