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
_PIECE = 1 << 18  # elements that stay in the cache between two looks at them
_SIGMAS = 3.0  # of a normal distribution, 99.7 % lies within


class Sample(NamedTuple):
    """Elements of a tensor, on its device.

    Args:
        values: one of each stratum, (n,).
        over: the last of them, and the smallest and largest elements of each piece of the tensor.
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
    pieces = flat.split(_PIECE) if flat.is_cpu and numel > _PIECE else (flat,)
    extremes = [extreme for piece in pieces for extreme in (piece.amin(), piece.amax())]
    values = flat.index_select(0, _places(strata, stride, flat.device))  # by now in the cache
    over = as_float32(torch.stack([values[-1], *extremes]))
    return Sample(values, over, stride, numel - strata * stride)


def completed(found: Found, sample: Sample) -> Found:
    """What was found in the sample's values, as counts of the whole tensor, its extremes too."""
    codes, counts = found.codes, found.counts * np.int64(sample.stride)
    over = sample.over.cpu().numpy()
    three = np.array([over[0], over[1::2].min(), over[2::2].max()])
    last, *extremes = codes_of(three).tolist()
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
