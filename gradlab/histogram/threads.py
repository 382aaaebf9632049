"""Threads that count: numpy and torch let go of the GIL while they read a tensor."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

SHARE = 1 << 18
"""Elements that are worth a thread."""
_MOST = 4  # more threads wait for memory

Item = TypeVar("Item")
Result = TypeVar("Result")


def workers(numel: int) -> int:
    """How many threads are worth it to read so many elements, of those that torch may have."""
    return max(min(torch.get_num_threads(), _MOST, numel // SHARE), 1)


def spread(
    function: Callable[[Item], Result], items: Iterable[Item], numel: int
) -> Iterator[Result]:
    """``map(function, items)``, in threads where there is enough to read."""
    several = workers(numel)
    return map(function, items) if several == 1 else _threads(several).map(function, items)


@cache
def _threads(several: int) -> ThreadPoolExecutor:
    """Started once."""
    return ThreadPoolExecutor(several, "gradlab-counting")


if hasattr(os, "register_at_fork"):  # a forked process has none of the threads
    os.register_at_fork(after_in_child=_threads.cache_clear)
