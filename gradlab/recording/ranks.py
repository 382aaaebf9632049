"""One recording of a run on many ranks: they agree at the start, count together, and one writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn

from gradlab.clip.sharded import is_shared, lies_on, meshes_of
from gradlab.histogram import LogHistogram
from gradlab.histogram.found import Counted, Found

_PATIENCE = timedelta(minutes=5)
_openings = count()


def writes() -> bool:
    """Whether this process writes files: of several ranks only rank 0 does."""
    return _ranks() == 1 or dist.get_rank() == 0


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside of DDP, whose layers have the names that they have in one process."""
    wrappers = (nn.parallel.DistributedDataParallel, nn.DataParallel)
    return unwrapped(model.module) if isinstance(model, wrappers) else model


def refuse_flat(model: nn.Module) -> None:
    """Refuse FSDP's first version, whose pieces do not say that they are pieces.

    Raises:
        TypeError: a module of ``model`` is wrapped by it.
    """
    for module in model.modules():
        if type(module).__name__ == "FullyShardedDataParallel":
            raise TypeError(
                "model must be sharded by fully_shard (FSDP2), got a FullyShardedDataParallel "
                "(FSDP1): its gradients do not say which part of which layer they are"
            )


def agree(**facts: object) -> None:
    """Refuse, on every rank, a recorder that is opened with different arguments on two of them.

    Raises:
        RuntimeError: a rank does not open one within 5 minutes.
        ValueError: one of ``facts``, which are told apart by how they print, differs.
    """
    if _ranks() == 1:
        return
    said = _exchanged(json.dumps({name: repr(fact) for name, fact in facts.items()}))
    for name in facts:
        each = [one[name] for one in said]
        other = next((rank for rank, one in enumerate(each) if one != each[0]), None)
        if other is not None:
            raise ValueError(
                f"{name} must be the same on every rank, got {each[0]} on rank 0 and "
                f"{each[other]} on rank {other}"
            )


def _exchanged(here: str) -> list[dict[str, str]]:
    """What each rank says at its opening of this number, by rank; by the store, on any backend."""
    store: Any = dist.distributed_c10d._get_default_store()
    opening = f"gradlab recorder {next(_openings)}"
    store.set(f"{opening} {dist.get_rank()}", here)
    for rank in range(_ranks()):
        try:
            store.wait([f"{opening} {rank}"], _PATIENCE)
        except RuntimeError as error:
            raise RuntimeError(
                f"every rank must open the recorder, got none on rank {rank} in {_PATIENCE}"
            ) from error
    return [json.loads(store.get(f"{opening} {rank}")) for rank in range(_ranks())]


def counted_together(
    found: Callable[[], Counted], tensors: Sequence[Tensor]
) -> Callable[[], Counted]:
    """Counts of whole tensors, from those of the pieces here.

    The ranks give each other their counts at once, and wait: later, one of them may be gone.
    """
    meshes = meshes_of(tensors)
    if not meshes:
        return found
    merged = found().each()
    for mesh in meshes:
        for dim in range(mesh.ndim):
            at = [i for i, t in enumerate(tensors) if lies_on(mesh, t, dim)]
            group = mesh.get_group(dim)
            every: list[Any] = [None] * dist.get_world_size(group)
            dist.all_gather_object(every, [merged[i] for i in at], group=group)
            for i, parts in zip(at, zip(*every, strict=True), strict=True):
                merged[i] = _sum(parts)
    whole = Counted.joined(merged)
    return lambda: whole


def is_sharded(tensors: Mapping[str, Tensor]) -> bool:
    """Whether any of them is shared out among ranks."""
    return any(map(is_shared, tensors.values()))


def _ranks() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _sum(parts: Sequence[Found]) -> Found:
    merged = LogHistogram.merged([LogHistogram(*part) for part in parts])
    return Found(merged.codes, merged.counts, merged.stride)
