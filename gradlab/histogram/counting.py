"""All layers counted in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gradlab.histogram.codes import CODES, Found, as_float32, codes, found_in, narrow, tally
from gradlab.histogram.sampling import completed, is_large, sample

_LARGE = 1 << 10  # elements from which a table of all codes costs less than sorting
_PIECE = 1 << 25  # elements at a time on an accelerator, which bounds its extra memory


def count(tensors: Sequence[Tensor], *, exact: bool = True) -> Callable[[], list[Found]]:
    """Count now, and give a function that returns what was found in each tensor.

    On an accelerator the counting is only queued: calling the function is what waits for it.

    Args:
        tensors: real floating, dense.
        exact: look at every element; else at a sample of the large ones (``sampling``).
    """
    if not exact and any(map(is_large, tensors)):
        large = [tensor for tensor in tensors if is_large(tensor)]
        samples = [sample(tensor.detach()) for tensor in large]
        rest = count([tensor for tensor in tensors if not is_large(tensor)])
        taken = count([one.values for one in samples])

        def both() -> list[Found]:
            small = iter(rest())
            some = iter(map(completed, taken(), samples))
            return [next(some if is_large(tensor) else small) for tensor in tensors]

        return both
    if all(tensor.device.type == "cpu" for tensor in tensors):
        found = _count_on_cpu([tensor.detach().reshape(-1) for tensor in tensors])
        return lambda: found
    tables = [_table(tensor.detach().reshape(-1)) for tensor in tensors]
    return lambda: [found_in(table.cpu().numpy()) for table in tables]


def _count_on_cpu(tensors: list[Tensor]) -> list[Found]:
    large = {i: tensor for i, tensor in enumerate(tensors) if tensor.numel() >= _LARGE}
    small = {i: tensor for i, tensor in enumerate(tensors) if i not in large}
    tables = map(found_in, tally(large.values()))
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
    found, counts = (keys[first] % CODES).astype(np.uint16), narrow(counts)
    ends = pairwise([0, *where.tolist(), len(found)])  # np.split takes ten times as long
    return [Found(found[start:end], counts[start:end]) for start, end in ends]


def _table(values: Tensor) -> Tensor:
    """How often each code occurs, on the device of the values."""
    table = torch.zeros(CODES, dtype=torch.int32, device=values.device)
    one = torch.ones(1, dtype=torch.int32, device=values.device)
    for piece in values.split(_PIECE):  # bincount would wait for the device
        table.index_add_(0, codes(piece), one.expand(len(piece)))
    return table
