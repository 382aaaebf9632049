"""Counting float32 numbers by the top bits of their bit patterns.

A float32 number is a sign, an exponent and a mantissa. Its top bits are therefore already a
logarithmic bin: the exponent says which power of two, the first mantissa bits say where between
that power and the next, and no logarithm is ever taken. There are ``2**MANTISSA_BITS`` bins to each
factor of two.

Those top bits are the number's code, 15 bits with the sign first; what is not finite has the
code ``NONFINITE``, and zero, which would share one with the smallest subnormals, has ``ZERO``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import chain, islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradlab.histogram.threads import SHARE, spread, workers

MANTISSA_BITS = 6
BINS = 255 << MANTISSA_BITS
"""Bins of finite magnitudes: 16320."""
CODES = 512 << MANTISSA_BITS
NONFINITE = BINS
ZERO = CODES - 1

SHIFT = 23 - MANTISSA_BITS
"""Bits of a float32 that are not part of its code."""
_NEGATIVE = CODES // 2  # the first code with a sign
_PIECE = 1 << 18  # elements counted at a time: what is made of them stays in the cache

# Counting one code again and again waits for the last addition, so zeros, of which some gradients
# are full, take turns at 64 codes beyond the others. All their bits are set in these.
_LANES = np.tile(np.arange(64, dtype=np.uint32) | (CODES + _NEGATIVE), _PIECE // 64)

EDGES = (np.arange(BINS + 1, dtype=np.uint32) << SHIFT).view(np.float32).astype(np.float64)
EDGES[-1] = 2.0**128
"""(16321,) float64: bin k holds the magnitudes from EDGES[k] up to, but without, EDGES[k + 1]."""


def tally(tensors: Iterable[Tensor]) -> list[NDArray[np.int64]]:
    """How many elements of each tensor have each code: (CODES,) for each; in threads on a CPU."""
    each = list(tensors)
    numel = sum(tensor.numel() for tensor in each)
    several = workers(numel)
    if several == 1:
        return [_tally(values) for values in each]
    parts = [values.split(max(SHARE, values.numel() // several + 1)) for values in each]
    tables = spread(_tally, chain.from_iterable(parts), numel)
    return [sum(islice(tables, len(some)), np.zeros(CODES, np.int64)) for some in parts]


def codes(values: Tensor) -> Tensor:
    """The code of each element, int32, on its device; nothing is read back to the host."""
    small = as_float32(values)
    top = (small.view(torch.int32) >> SHIFT) & (CODES - 1)
    return top.where(small.isfinite(), NONFINITE).where(small != 0, ZERO)


def codes_of(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The same of a few numbers on the host."""
    top = values.view(np.uint32) >> SHIFT
    return np.where(values == 0, ZERO, np.where(np.isfinite(values), top, NONFINITE))


def bins_of(codes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The bin of each code, whatever its sign; ``BINS`` or more: it is zero or not finite."""
    return codes & np.uint16(_NEGATIVE - 1)


def middles(codes: Tensor) -> Tensor:
    """The number in the middle of each bin: float32, of the shape of its codes, int, from 0."""
    half = 1 << (SHIFT - 1)
    return ((codes.int() << SHIFT) | half).view(torch.float32)


def _tally(values: Tensor) -> NDArray[np.int64]:
    if values.device.type != "cpu":
        pieces = (codes(piece).bincount(minlength=CODES) for piece in values.split(64 * _PIECE))
        return sum(pieces, torch.zeros((), dtype=torch.int64)).cpu().numpy()
    tables = (_table(as_float32(piece).numpy()) for piece in values.split(_PIECE))
    found = next(tables)
    for table in tables:
        found += table
    counts, zeros = found[:CODES].numpy(), found[CODES:].sum()
    signed = counts.reshape(2, _NEGATIVE)
    nonfinite = signed[:, BINS:].sum()
    signed[:, BINS:] = 0
    counts[NONFINITE], counts[ZERO] = nonfinite, zeros
    return counts


class _Room(threading.local):
    """Where a thread works: fresh memory for each tensor would cost as much as the counting."""

    def __init__(self) -> None:
        self.both = np.empty((2, _PIECE), np.uint32)


_room = _Room()


def _table(values: NDArray[np.float32]) -> Tensor:
    """How often each code occurs, and beyond them, how often each lane of zeros."""
    top, lanes = _room.both[:, : len(values)]
    np.right_shift(values.view(np.uint32), SHIFT, out=top)
    zero = values == 0
    if np.count_nonzero(zero):
        top |= np.multiply(zero, _LANES[: len(zero)], out=lanes)
    return torch.from_numpy(top.view(np.int32)).bincount(minlength=CODES + _NEGATIVE + 64)


def as_float32(values: Tensor) -> Tensor:
    """The values as float32; what float64 holds beyond its range goes to the ends of the range."""
    if values.dtype != torch.float64:
        return values.float()
    limits = torch.finfo(torch.float32)
    inside = values.abs().clamp(limits.smallest_normal, limits.max).copysign(values)
    return torch.where(values.isfinite() & (values != 0), inside, values).float()
