"""Gradients of which each rank holds a piece: the DTensors of FSDP2 and of tensor parallelism.

A rule measures and scales the piece that it finds. What it decides by has to be of the whole, and
the same on every rank to the last bit, or one rank would clip where another does not. So the norms
of the pieces are joined here, by one small all-reduce for each dimension of the mesh of ranks.

An ordinary tensor is a whole one, and passes through untouched; under DDP all of them are, and the
same on every rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def is_shared(tensor: Tensor) -> bool:
    """Whether it is shared out among ranks."""
    return type(tensor) is not Tensor and hasattr(tensor, "placements")


def piece(tensor: Tensor) -> Tensor:
    """The memory of what this rank holds of a tensor; it may be empty."""
    if not is_shared(tensor):
        return tensor
    with torch.no_grad():
        local: Any = tensor.to_local()  # type: ignore[attr-defined]
    found: Tensor = local.wait() if hasattr(local, "wait") else local  # it may be on its way
    return found


def gradient_of(parameter: Tensor) -> Tensor:
    """The piece of a shared gradient, placed as its parameter; one zero where it is empty.

    A gradient that is still to be summed over ranks is summed, as the optimizer would do.
    """
    grad: Any = parameter.grad
    wanted = parameter.placements  # type: ignore[attr-defined]
    if grad.placements != wanted:
        grad = parameter.grad = grad.redistribute(placements=wanted)
    local = piece(grad)
    return local if local.numel() else local.new_zeros([max(size, 1) for size in local.shape])


def whole(norms: Sequence[Tensor], tensors: Sequence[Tensor], order: float) -> list[Tensor]:
    """The norms of whole tensors, from those of the pieces here; the same on every rank.

    Args:
        norms: of each tensor's piece, any shape; a vector is joined element by element.
        tensors: whose they are.
        order: the p of the norm; 1 adds up counts.
    """
    found, meshes = list(norms), meshes_of(tensors)
    for mesh in meshes:
        # On the largest mesh all agree, also on what each rank holds a whole copy of.
        at = [i for i, t in enumerate(tensors) if mesh is meshes[-1] or lies_on(mesh, t)]
        for dim in range(mesh.ndim):
            pieces = [lies_on(mesh, tensors[i], dim) for i in at]
            group = mesh.get_group(dim)
            joined = _joined([found[i] for i in at], pieces, group, order)
            for i, norm in zip(at, joined, strict=True):
                found[i] = norm
    return found


def anywhere(flag: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """Whether the 0-dim ``flag`` is set on any of the ranks that share ``tensors``."""
    for mesh in meshes_of(tensors):
        for dim in range(mesh.ndim):
            count = flag.int()
            dist.all_reduce(count, group=mesh.get_group(dim))
            flag = count > 0
    return flag


def meshes_of(tensors: Sequence[Tensor]) -> list[Any]:
    """The meshes of ranks that some tensors lie on, the largest last."""
    found = dict.fromkeys(t.device_mesh for t in tensors if is_shared(t))  # type: ignore[attr-defined]
    return sorted(found, key=lambda mesh: int(mesh.size()))


def spread_rows(values: Tensor, tensor: Tensor) -> Tensor:
    """One value for each row of the whole tensor, from those of the rows here; zero elsewhere."""
    if not is_shared(tensor) or tensor.ndim < 2:
        return values
    rows = _rows(tensor)
    found = values.new_zeros(tensor.shape[0])
    found[rows] = values[: rows.stop - rows.start]
    return found


def own_rows(values: Tensor, tensor: Tensor) -> Tensor:
    """Of one value for each row of the whole tensor, those of the rows here."""
    if not is_shared(tensor) or tensor.ndim < 2:
        return values
    rows = _rows(tensor)
    return values[rows] if rows.stop > rows.start else values.new_ones(1)  # of the one zero


def _rows(tensor: Any) -> slice:
    """Which rows of the whole tensor the piece here is of."""
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    shape, offset = compute_local_shape_and_global_offset(
        tensor.shape, tensor.device_mesh, tensor.placements
    )
    held = shape[0] if all(shape) else 0
    return slice(offset[0], offset[0] + held)


def lies_on(mesh: Any, tensor: Any, dim: int | None = None) -> bool:
    """Whether a tensor lies on a mesh; with ``dim``, in pieces along that dimension of it."""
    if not is_shared(tensor) or tensor.device_mesh != mesh:
        return False
    return dim is None or not tensor.placements[dim].is_replicate()


def _joined(
    norms: list[Tensor], pieces: list[bool], group: dist.ProcessGroup, order: float
) -> list[Tensor]:
    """Norms joined over the ranks of a group: of pieces, or of copies of one whole."""
    size = dist.get_world_size(group)
    if order < inf and not all(pieces):  # each copy counts as its part of the whole
        shares = [1.0 if is_piece else size ** (-1 / order) for is_piece in pieces]
        norms = list(torch._foreach_mul(norms, shares))
    flat = torch.cat([norm.reshape(-1) for norm in norms]).double()
    if order == inf:
        every = [torch.empty_like(flat) for _ in range(size)]
        dist.all_gather(every, flat, group=group)
        flat = torch.stack(every).amax(0)  # unlike an all-reduce it keeps a NaN
    else:
        flat = flat**order
        dist.all_reduce(flat, group=group)
        flat = flat ** (1 / order)
    parts = flat.split([norm.numel() for norm in norms])
    return [part.view_as(norm).to(norm.dtype) for part, norm in zip(parts, norms, strict=True)]
