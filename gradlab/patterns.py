"""Counting float32 numbers by the top bits of their bit patterns.

A float32 number is a sign, an exponent and a mantissa. Its top bits are therefore already a
logarithmic bin: the exponent says which power of two, the first mantissa bits say where between
that power and the next, and no logarithm is ever taken. There are ``2**MANTISSA_BITS`` bins to each
factor of two.

Those top bits are the number's code, 15 bits with the sign first; what is not finite has the
code ``NONFINITE``, and zero, which would share one with the smallest subnormals, has ``ZERO``.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MANTISSA_BITS = 6
BINS = 255 << MANTISSA_BITS
"""Bins of finite magnitudes: 16320."""
CODES = 512 << MANTISSA_BITS
NONFINITE = BINS
ZERO = CODES - 1

_SHIFT = 23 - MANTISSA_BITS
_NEGATIVE = CODES // 2  # the first code with a sign
_PIECE = 1 << 19  # elements counted at a time: their patterns stay in the cache
_SHARE = 1 << 20  # elements that are worth a thread of their own

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
    (table,) = tally([values])
    return Counts(
        table.reshape(2, _NEGATIVE)[:, :BINS].copy(), int(table[ZERO]), int(table[NONFINITE])
    )


def tally(tensors: Iterable[Tensor]) -> list[NDArray[np.int64]]:
    """How many elements of each tensor have each code: (CODES,) for each; in threads on a CPU."""
    parts: list[Tensor] = []
    owners: list[int] = []
    for owner, values in enumerate(tensors):
        shares = values.split(_SHARE) if values.device.type == "cpu" else (values,)
        parts += shares
        owners += [owner] * len(shares)
    workers = min(torch.get_num_threads(), 4, sum(part.numel() for part in parts) // _SHARE)
    if workers < 2:
        tables = [_tally(part) for part in parts]
    else:
        with ThreadPoolExecutor(workers) as pool:  # torch releases the GIL while it counts
            tables = list(pool.map(_tally, parts))
    totals: dict[int, NDArray[np.int64]] = {}
    for owner, table in zip(owners, tables, strict=True):
        totals[owner] = totals[owner] + table if owner in totals else table
    return list(totals.values())


def codes(values: Tensor) -> Tensor:
    """The code of each element, int32, on its device; nothing is read back to the host."""
    small = _float32(values)
    top = (small.view(torch.int32) >> _SHIFT) & (CODES - 1)
    return top.where(small.isfinite(), NONFINITE).where(small != 0, ZERO)


def _tally(values: Tensor) -> NDArray[np.int64]:
    table = torch.zeros(CODES, dtype=torch.int64)
    if values.device.type != "cpu":
        for piece in values.split(64 * _PIECE):
            table += codes(piece).bincount(minlength=CODES).cpu()
        return table.numpy()
    zeros, room = 0, np.empty(min(_PIECE, values.numel()), np.uint32)
    for piece in values.split(_PIECE):
        small = _float32(piece)
        bits = small.view(torch.int32).numpy().view(np.uint32)
        top = np.right_shift(bits, _SHIFT, out=room[: len(bits)]).view(np.int32)
        found = torch.bincount(torch.from_numpy(top), minlength=CODES)
        if lowest := int(found[0] + found[_NEGATIVE]):
            zero = len(bits) - int(small.count_nonzero())
            zeros += zero
            found[[0, _NEGATIVE]] = _smallest(small) if zero < lowest else 0
        table += found
    counts = table.numpy()
    signed = counts.reshape(2, _NEGATIVE)
    nonfinite = signed[:, BINS:].sum()
    signed[:, BINS:] = 0
    counts[NONFINITE], counts[ZERO] = nonfinite, zeros
    return counts


def _smallest(values: Tensor) -> Tensor:
    """How many positive and how many negative elements the lowest bin holds."""
    positive = (values > 0) & (values < EDGES[1])
    negative = (values < 0) & (values > -EDGES[1])
    return torch.stack([positive.sum(), negative.sum()])


def _float32(values: Tensor) -> Tensor:
    """The values as float32; what float64 holds beyond its range goes to the ends of the range."""
    if values.dtype != torch.float64:
        return values.float()
    limits = torch.finfo(torch.float32)
    inside = values.abs().clamp(limits.smallest_normal, limits.max).copysign(values)
    return torch.where(values.isfinite() & (values != 0), inside, values).float()
