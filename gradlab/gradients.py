"""A model's gradients as one thing: gathered, measured and scaled together.

Everything here works on a list of layers at once, with torch's foreach kernels, and reads nothing
back to the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

Parameters: TypeAlias = Tensor | Iterable[Tensor] | Iterable[tuple[str, Tensor]]


class Layer(NamedTuple):
    """One parameter that has a gradient.

    Args:
        name: as given, or ``parameter 3`` when only its place is known.
        parameter: whose ``.grad`` it is.
        gradient: the memory of that gradient: ``.grad``, or the stored rows of a sparse one.
    """

    name: str
    parameter: Tensor
    gradient: Tensor

    def weight(self) -> Tensor:
        """The entries of the parameter that stand beside those of ``gradient``."""
        grad = self.parameter.grad
        if grad is not None and grad.is_sparse:
            return self.parameter.index_select(0, grad.indices()[0])
        return self.parameter


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
        if parameter.grad is not None and id(parameter) not in found:
            layer = Layer(name, parameter, _memory(name, parameter))
            if layer.gradient.numel():  # an empty tensor has no inf-norm and nothing to clip
                found[id(parameter)] = layer
    return list(found.values())


def norms(tensors: Sequence[Tensor], norm_type: float, dtype: torch.dtype) -> list[Tensor]:
    """The norm of each tensor, on its device, accumulated in ``dtype`` or the tensor's if wider."""
    found: dict[int, Tensor] = {}
    for group in grouped(tensors):
        wide = torch.promote_types(group[0].dtype, dtype)
        each = torch._foreach_norm(group, norm_type, dtype=wide)
        found.update(zip(map(id, group), each, strict=True))
    return [found[id(tensor)] for tensor in tensors]


def unit_norms(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The 2-norm of each row ``[i, ...]``, shaped to broadcast; of all of a vector or a scalar."""
    wide = torch.promote_types(tensor.dtype, dtype)
    if tensor.ndim < 2:
        norm: Tensor = torch.linalg.vector_norm(tensor, dtype=wide)
    else:
        rest = tuple(range(1, tensor.ndim))
        norm = torch.linalg.vector_norm(tensor, dim=rest, keepdim=True, dtype=wide)
    return norm


def peak(tensor: Tensor) -> Tensor:
    """The largest magnitude, 0-dim; many times faster on a CPU than the inf-norm."""
    low, high = tensor.aminmax()
    return torch.maximum(-low, high)


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


def _memory(name: str, parameter: Tensor) -> Tensor:
    grad = parameter.grad
    assert grad is not None
    if grad.layout == torch.strided:
        return grad
    if grad.layout != torch.sparse_coo or grad.sparse_dim() != 1:
        raise TypeError(
            f"the gradient of {name} must be dense, or sparse (COO) in its first dimension only, "
            f"got layout {grad.layout}"
        )
    parameter.grad = grad.coalesce()  # a row stored twice would be measured as two
    return parameter.grad._values()


def _wrong_type(got: object) -> TypeError:
    return TypeError(
        "parameters must be a tensor, or an iterable of tensors or of (name, tensor) pairs such as "
        f"model.named_parameters(), got {type(got).__name__}"
    )
