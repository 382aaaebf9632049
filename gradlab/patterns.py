"""Counting float32 numbers by the top bits of their bit patterns.

A float32 number is a sign, an exponent and a mantissa. Its top bits are therefore already a
logarithmic bin: the exponent says which power of two, the first mantissa bits say where between
that power and the next, and no logarithm is ever taken. There are ``2**MANTISSA_BITS`` bins to each
factor of two.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MANTISSA_BITS = 6
BINS = 255 << MANTISSA_BITS
"""Bins of finite magnitudes: 16320."""

_SHIFT = 23 - MANTISSA_BITS
_PATTERNS = 256 << MANTISSA_BITS  # the patterns of magnitudes; the last 64 are inf and NaN
_PIECE = 1 << 18  # elements counted at a time: small enough to stay in the cache

EDGES = (np.arange(BINS + 1, dtype=np.uint32) << _SHIFT).view(np.float32).astype(np.float64)
EDGES[-1] = 2.0**128
"""(16321,) float64: bin k holds the magnitudes from EDGES[k] up to, but without, EDGES[k + 1]."""


class Counts(NamedTuple):
    """Elements in each bin, (2, BINS) int64, positive then negative; and those in none."""

    bins: NDArray[np.int64]
    zeros: int
    nonfinite: int


def count(values: Tensor) -> Counts:
    """How many of ``values`` are in each bin, zero, and not finite: every element once.

    Args:
        values: (n,) real floating, any dtype and device. Float64 magnitudes outside float32's range
            go to the outermost bins.
    """
    patterns = _count_patterns(values).reshape(2, _PATTERNS)
    bins, zeros = patterns[:, :BINS].copy(), 0
    if bins[:, 0].any():  # zeros share their top bits with the smallest subnormals
        zeros = values.numel() - int(values.count_nonzero())
        bins[:, 0] = _smallest(values) if bins[:, 0].sum() > zeros else 0
    return Counts(bins, zeros, int(patterns[:, BINS:].sum()))


def _smallest(values: Tensor) -> tuple[int, int]:
    """How many positive and how many negative elements the lowest bin holds."""
    positive = (values > 0) & (values < EDGES[1])
    negative = (values < 0) & (values > -EDGES[1])
    return int(positive.sum()), int(negative.sum())


def _count_patterns(values: Tensor) -> NDArray[np.int64]:
    """How often each pattern of sign, exponent and first mantissa bits occurs: (2 * _PATTERNS,)."""
    if values.device.type != "cpu":
        pieces = (_float32(piece).view(torch.int32) for piece in values.split(64 * _PIECE))
        masked = ((bits >> _SHIFT) & (2 * _PATTERNS - 1) for bits in pieces)
        return sum(
            (m.bincount(minlength=2 * _PATTERNS).cpu().numpy() for m in masked), _no_counts()
        )
    workers = min(torch.get_num_threads(), values.numel() // (2 * _PIECE))
    if workers < 2:
        return _count_on_cpu(values)
    with ThreadPoolExecutor(workers) as pool:  # numpy releases the GIL while it counts
        return sum(pool.map(_count_on_cpu, values.chunk(workers)), _no_counts())


def _count_on_cpu(values: Tensor) -> NDArray[np.int64]:
    total = _no_counts()
    patterns = np.empty(min(_PIECE, values.numel()), np.int64)
    for piece in values.split(_PIECE):
        bits = _float32(piece).view(torch.int32).numpy().view(np.uint32)
        index = np.right_shift(bits, _SHIFT, out=patterns[: len(bits)], casting="unsafe")
        total += np.bincount(index, minlength=2 * _PATTERNS)
    return total


def _no_counts() -> NDArray[np.int64]:
    return np.zeros(2 * _PATTERNS, np.int64)


def _float32(values: Tensor) -> Tensor:
    """The values as float32; what float64 holds beyond its range goes to the ends of the range."""
    if values.dtype != torch.float64:
        return values.float()
    limits = torch.finfo(torch.float32)
    inside = values.abs().clamp(limits.smallest_normal, limits.max).copysign(values)
    return torch.where(values.isfinite() & (values != 0), inside, values).float()
