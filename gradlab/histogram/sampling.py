"""A sample of a large tensor, and how sure it is.

The tensor is cut into ``SAMPLE`` strata of ``stride`` neighbours or a little more. One element of
each is looked at, and stands for ``stride``; what is left over at the end is looked at in full. The
place within each stratum comes from a fixed sequence, the same at each call: no generator of the
process is touched, and no regularity of the tensor (rows, channels, kernels) can meet one of the
sample. The largest and the smallest element are found by looking at all, and are counted in any
case, as is something that is not finite.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradlab.histogram.codes import CODES, ZERO, Found, codes, found_in

SAMPLE = 1 << 14
"""Elements to look at in a tensor of ``LARGE`` elements or more: 16,384."""
LARGE = 2 * SAMPLE
_SIGMAS = 3.0  # of a normal distribution, 99.7 % lies within


class Sample(NamedTuple):
    """Elements of a tensor, on its device.

    Args:
        values: one of each stratum, (n,).
        over: the codes of those left over, and of the extremes, int32.
        stride: how many elements one stands for.
        left: how many are left over.
    """

    values: Tensor
    over: Tensor
    stride: int
    left: int


def is_large(tensor: Tensor) -> bool:
    """Whether it is worth taking a sample."""
    return tensor.numel() >= LARGE


def sample(tensor: Tensor) -> Sample:
    """Elements that stand for all of a large tensor; nothing is read back to the host."""
    flat = tensor.reshape(-1)
    stride = len(flat) // SAMPLE
    inside = len(flat) // stride * stride
    left = flat[inside:]
    values = flat.index_select(0, _places(len(flat) // stride, stride, flat.device))
    over = torch.cat([left, torch.stack([flat.amin(), flat.amax()])])
    return Sample(values, codes(over), stride, len(left))


def completed(found: Found, sample: Sample) -> Found:
    """What was found in the sample's values, as counts of the whole tensor, its extremes too."""
    table = np.zeros(CODES, np.int64)
    table[found.codes] = found.counts.astype(np.int64) * sample.stride
    over = sample.over.cpu().numpy()
    np.add.at(table, over[: sample.left], 1)
    for code in over[sample.left :]:
        if not table[code] and code != ZERO:
            table[code], fullest = 1, table.argmax()
            table[fullest] -= 1
    return found_in(table, sample.stride)


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
