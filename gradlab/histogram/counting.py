"""All layers counted in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradlab.histogram.codes import (
    BINS,
    CODES,
    NONFINITE,
    SHIFT,
    ZERO,
    as_float32,
    codes,
    tally,
)
from gradlab.histogram.found import Counted, found_in, narrow
from gradlab.histogram.sampling import LARGE, completed, sample
from gradlab.histogram.threads import spread

_PIECE = 1 << 25  # elements at a time on an accelerator, which bounds its extra memory
_LATER = 1 << 18  # elements that are copied now and sorted when they are asked for
_OWNER = 16  # the bit from which on a key says whose code it is
_ZERO = 1 << (_OWNER - 1)  # what zero has until the keys are sorted: beyond all codes
_NEGATIVE = CODES // 2  # the first code with a sign


@torch.no_grad()
def count(tensors: Sequence[Tensor], *, exact: bool = True) -> Callable[[], Counted]:
    """Look now, and give a function that returns what was found in the tensors as they are now.

    On an accelerator the counting is only queued: calling the function is what waits for it. On a
    CPU a few numbers are copied now and counted by the function: it takes half as long for several
    steps in a row as between the work of two steps.

    Args:
        tensors: real floating, dense.
        exact: look at every element; else at a sample of the large ones (``sampling``).
    """
    large = [] if exact else [i for i, tensor in enumerate(tensors) if tensor.numel() >= LARGE]
    if not large:
        return _count(tensors)
    numel = sum(tensors[i].numel() for i in large)
    taken_from = spread(sample, (tensors[i].detach() for i in large), numel)
    each, samples = list(tensors), dict(zip(large, taken_from, strict=True))
    for i, one in samples.items():
        each[i] = one.values
    taken = _count(each)

    def whole() -> Counted:
        found = taken()
        full = map(completed, found.each(large), samples.values())
        return found.replaced(dict(zip(large, full, strict=True)))

    return whole


def _count(tensors: Sequence[Tensor]) -> Callable[[], Counted]:
    """Every element of all of them."""
    if all(tensor.is_cpu for tensor in tensors):
        return _count_on_cpu(tensors)
    tables = [_table(tensor.reshape(-1)) for tensor in tensors]
    return lambda: Counted.joined(found_in(table.cpu().numpy()) for table in tables)


def _count_on_cpu(tensors: Sequence[Tensor]) -> Callable[[], Counted]:
    sizes = [tensor.numel() for tensor in tensors]
    large = [i for i, size in enumerate(sizes) if size >= LARGE]
    values = _joined([tensor for tensor in tensors if tensor.numel() < LARGE])
    if not large and len(values) <= _LATER:
        return lambda: _sorted(values, sizes)
    found = _sorted(values, [size if size < LARGE else 0 for size in sizes])
    if large:
        tables = tally(tensors[i].reshape(-1) for i in large)
        found = found.replaced(dict(zip(large, map(found_in, tables), strict=True)))
    return lambda: found


def _sorted(values: NDArray[np.float32], sizes: Sequence[int]) -> Counted:
    """Many small tensors at once: sort (tensor, code) and count the repetitions.

    Args:
        values: of the tensors, one after the other.
        sizes: how many each has; 0 for those that are left out.
    """
    codes = values.view(np.uint32) >> SHIFT
    np.putmask(codes, values == 0, _ZERO)
    kind: type[np.unsignedinteger] = np.uint32 if len(sizes) < 1 << _OWNER else np.uint64
    owners = np.arange(len(sizes) + 1).astype(kind) << _OWNER
    keys = np.repeat(owners[:-1], sizes) | codes
    keys.sort()
    first = _first(keys)
    counts = np.append(first[1:], len(keys)) - first
    keys = keys[first]
    strange = (keys & (_NEGATIVE - 1)) >= BINS
    if strange.any():  # many codes of what is not finite become one
        keys = np.where(strange, (keys >> _OWNER << _OWNER) | NONFINITE, keys)
        order = keys.argsort(kind="stable")
        keys = keys[order]
        first = _first(keys)
        keys, counts = keys[first], np.add.reduceat(counts[order], first)
    found = keys.astype(np.uint16)
    found[found == _ZERO] = ZERO
    ends = np.searchsorted(keys, owners[1:])
    return Counted(found, narrow(counts), ends, np.ones(len(sizes), np.int64))


def _first(keys: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    """Where each new one begins in sorted keys."""
    new = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return np.flatnonzero(new)


def _joined(tensors: Sequence[Tensor]) -> NDArray[np.float32]:
    """All elements as one array."""
    flat = [tensor if tensor.ndim == 1 else tensor.reshape(-1) for tensor in tensors]
    if len({tensor.dtype for tensor in flat}) > 1:
        flat = [as_float32(tensor) for tensor in flat]
    found: NDArray[np.float32] = as_float32(torch.cat(flat or [torch.empty(0)])).numpy()
    return found


def _table(values: Tensor) -> Tensor:
    """How often each code occurs, on the device of the values."""
    table = torch.zeros(CODES, dtype=torch.int32, device=values.device)
    one = torch.ones(1, dtype=torch.int32, device=values.device)
    for piece in values.split(_PIECE):  # bincount would wait for the device
        table.index_add_(0, codes(piece), one.expand(len(piece)))
    return table
