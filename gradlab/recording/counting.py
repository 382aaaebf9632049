"""All layers counted in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradlab.histogram.codes import CODES, as_float32, codes, tally

_LARGE = 1 << 10  # elements from which a table of all codes costs less than sorting
_PIECE = 1 << 25  # elements at a time on an accelerator, which bounds its extra memory


class Found(NamedTuple):
    """Which codes one tensor holds, increasing, and how often each."""

    codes: NDArray[np.uint16]
    counts: NDArray[np.unsignedinteger]


def count(tensors: Sequence[Tensor]) -> Callable[[], list[Found]]:
    """Count now, and give a function that returns what was found in each tensor.

    On an accelerator the counting is only queued: calling the function is what waits for it.
    """
    if all(tensor.device.type == "cpu" for tensor in tensors):
        found = _count_on_cpu([tensor.detach().reshape(-1) for tensor in tensors])
        return lambda: found
    tables = [_table(tensor.detach().reshape(-1)) for tensor in tensors]
    return lambda: [_sparse(table.cpu().numpy()) for table in tables]


def _count_on_cpu(tensors: list[Tensor]) -> list[Found]:
    large = {i: tensor for i, tensor in enumerate(tensors) if tensor.numel() >= _LARGE}
    small = {i: tensor for i, tensor in enumerate(tensors) if i not in large}
    tables = map(_sparse, tally(large.values()))
    found = dict(zip(large, tables, strict=True)) | dict(
        zip(small, _sorted(list(small.values())), strict=True)
    )
    return [found[i] for i in range(len(tensors))]


def _sorted(tensors: list[Tensor]) -> list[Found]:
    """Many small tensors at once: sort (tensor, code) and count the repetitions."""
    if not tensors:
        return []
    owners = np.repeat(np.arange(len(tensors), dtype=np.uint32), [t.numel() for t in tensors])
    values = torch.cat([as_float32(tensor) for tensor in tensors])
    each = codes(values).numpy().view(np.uint32)
    keys = np.sort(owners * np.uint32(CODES) + each)
    first = np.flatnonzero(np.diff(keys, prepend=keys[:1] + 1))  # where a new one begins
    counts = np.diff(first, append=len(keys))
    where = np.searchsorted(keys[first], np.arange(1, len(tensors)) * CODES)
    found = np.split((keys[first] % CODES).astype(np.uint16), where)
    return [Found(*pair) for pair in zip(found, np.split(small(counts), where), strict=True)]


def _table(values: Tensor) -> Tensor:
    """How often each code occurs, on the device of the values."""
    table = torch.zeros(CODES, dtype=torch.int32, device=values.device)
    one = torch.ones(1, dtype=torch.int32, device=values.device)
    for piece in values.split(_PIECE):  # bincount would wait for the device
        table.index_add_(0, codes(piece), one.expand(len(piece)))
    return table


def _sparse(table: NDArray[np.int64]) -> Found:
    held = np.flatnonzero(table != 0)
    return Found(held.astype(np.uint16), small(table[held]))


def small(counts: NDArray[np.int64]) -> NDArray[np.unsignedinteger]:
    """The counts in the smallest type that holds them."""
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))
