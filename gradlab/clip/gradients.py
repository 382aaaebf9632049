"""A model's gradients as one thing: gathered, measured and scaled together.

Everything here works on a list of layers at once, with torch's foreach kernels, and reads nothing
back to the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from gradlab.clip.sharded import gradient_of, is_shared, piece, whole

Parameters: TypeAlias = Tensor | Iterable[Tensor] | Iterable[tuple[str, Tensor]]


class Layer(NamedTuple):
    """One parameter that has a gradient.

    Args:
        name: as given, or ``parameter 3`` when only its place is known.
        parameter: whose ``.grad`` it is.
        gradient: the memory of that gradient: ``.grad``, or the stored rows of a sparse one, or the
            piece on this rank of one that is shared out.
    """

    name: str
    parameter: Tensor
    gradient: Tensor

    def weight(self) -> Tensor:
        """The entries of the parameter that stand beside those of ``gradient``."""
        grad = self.parameter.grad
        if grad is not None and grad.is_sparse:
            return self.parameter.index_select(0, grad.indices()[0])
        return piece(self.parameter)


def gather(parameters: Parameters) -> list[Layer]:
    """The layers that have a gradient to clip, in order, each parameter once.

    Args:
        parameters: tensors, ``(name, tensor)`` pairs as ``model.named_parameters()`` yields them,
            or one tensor; a generator is used up.

    Raises:
        TypeError: ``parameters`` is none of these, or a gradient is sparse in more than its first
            dimension.
    """
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    if not isinstance(parameters, Iterable):
        raise _wrong_type(parameters)
    found: dict[int, Layer] = {}
    for place, item in enumerate(parameters):
        name, parameter = item if isinstance(item, tuple) else (f"parameter {place}", item)
        if not isinstance(parameter, Tensor):
            raise _wrong_type(parameter)
        grad = parameter.grad
        if grad is None:
            continue
        gradient = grad if grad.layout is torch.strided else _rows(name, parameter, grad)
        if is_shared(grad) and grad.numel():
            gradient = gradient_of(parameter)
        if gradient.numel():  # an empty tensor has no inf-norm and nothing to clip
            found.setdefault(id(parameter), Layer(name, parameter, gradient))
    return list(found.values())


def tensor_norms(tensors: Sequence[Tensor], norm_type: float, dtype: torch.dtype) -> list[Tensor]:
    """The norm of each tensor, on its device, accumulated in ``dtype`` or the tensor's if wider."""
    found: dict[int, Tensor] = {}
    for group in grouped(tensors):
        wide = torch.promote_types(group[0].dtype, dtype)
        each = torch._foreach_norm(group, norm_type, dtype=wide)
        found.update(zip(map(id, group), each, strict=True))
    return [found[id(tensor)] for tensor in tensors]


def stacked(numbers: Sequence[Tensor]) -> Tensor:
    """Some 0-dim tensors as one vector, on the first one's device; of none, an empty one."""
    device = numbers[0].device if numbers else None
    one = [n if n.device == device else n.to(device) for n in numbers]
    return torch.stack(one) if one else torch.zeros(0)


def layer_norms(layers: Sequence[Layer], norm_type: float, dtype: torch.dtype) -> list[Tensor]:
    """The norm of each layer's gradient, also of one that is shared out among ranks."""
    norms = tensor_norms([layer.gradient for layer in layers], norm_type, dtype)
    return whole(norms, [layer.parameter for layer in layers], norm_type)


def unit_norms(tensors: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Each tensor's 2-norms of its rows ``[i, ...]``, or of all of a vector or a scalar.

    Returns:
        Per tensor a vector with one norm per row, or 0-dim.
    """
    whole = iter(tensor_norms([tensor for tensor in tensors if tensor.ndim < 2], 2.0, dtype))
    return [next(whole) if tensor.ndim < 2 else _row_norms(tensor, dtype) for tensor in tensors]


def joined(tensors: Iterable[Tensor], device: torch.device) -> Tensor:
    """All elements, in order, as one vector on ``device``."""
    flat = (tensor.flatten() for tensor in tensors)
    return torch.cat([t if t.device == device else t.to(device) for t in flat])


def exceeding(group: list[Tensor], limit: float) -> Tensor:
    """Which tensors of one kind hold a magnitude above ``limit``, as they would round it."""
    lows, highs = zip(*(tensor.aminmax() for tensor in group), strict=True)
    return torch.maximum(-torch.stack(lows), torch.stack(highs)) > limit


def scale_(tensors: list[Tensor], factor: Tensor) -> None:
    """Multiply all tensors by one 0-dim ``factor``."""
    for group in grouped(tensors):
        if group[0].dtype.itemsize < 4:  # where a small factor would be rounded to zero
            scale_each_(group, [factor] * len(group))
        else:
            torch._foreach_mul_(group, factor.to(group[0]))


def scale_each_(tensors: list[Tensor], factors: Sequence[Tensor]) -> None:
    """Multiply each tensor by its own factor, or each row of it when there are as many factors."""
    shaped = [
        factor.to(tensor.device).view([-1, *[1] * (tensor.ndim - 1)] if tensor.ndim else [])
        for tensor, factor in zip(tensors, factors, strict=True)
    ]
    torch._foreach_mul_(tensors, shaped)


def grouped(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The tensors by device and dtype: a foreach kernel is fast only on tensors of one kind."""
    groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault((tensor.device, tensor.dtype), []).append(tensor)
    yield from groups.values()


def _row_norms(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    wide = torch.promote_types(tensor.dtype, dtype)
    rest = tuple(range(1, tensor.ndim))  # not flattened: that would copy a channels-last tensor
    norms: Tensor = torch.linalg.vector_norm(tensor, dim=rest, dtype=wide)
    return norms


def _rows(name: str, parameter: Tensor, grad: Tensor) -> Tensor:
    """The stored rows of a sparse gradient, each once."""
    if grad.layout != torch.sparse_coo or grad.sparse_dim() != 1:
        raise TypeError(
            f"the gradient of {name} must be dense, or sparse (COO) in its first dimension only, "
            f"got layout {grad.layout}"
        )
    grad = parameter.grad = grad.coalesce()  # a row stored twice would be measured as two
    return grad.values()


def _wrong_type(got: object) -> TypeError:
    return TypeError(
        "parameters must be a tensor, or an iterable of tensors or of (name, tensor) pairs such as "
        f"model.named_parameters(), got {type(got).__name__}"
    )
