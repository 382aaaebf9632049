"""The one kind of linear map that this room uses, and the check of the vectors that it is given."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Affine:
    """``x @ weight + bias``: a projection, a classifier or a decoder, as plain data.

    Args:
        weight: float32 (d, k), on the CPU.
        bias: float32 (k,), on the CPU.
    """

    weight: Tensor = field(repr=False)
    bias: Tensor = field(repr=False)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Map vectors of shape (..., d) to (..., k)."""
        return vectors @ self.weight + self.bias

    @property
    def parameters(self) -> int:
        """How many numbers the map holds: (d + 1) k."""
        return self.weight.numel() + self.bias.numel()


def vectors(name: str, value: Tensor) -> Tensor:
    """``value``, if it is a table of finite numbers with a vector in each row.

    Raises:
        TypeError: it is no floating-point tensor.
        ValueError: it has not two dimensions, is empty, or holds an infinity or a NaN.
    """
    if not isinstance(value, Tensor) or not value.is_floating_point():
        kind = f"{value.dtype} tensor" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a floating-point tensor, got a {kind}")
    if value.ndim != 2 or not value.numel():
        raise ValueError(f"{name} must have shape (n, d), one at least, got {tuple(value.shape)}")
    if bad := int((~torch.isfinite(value)).sum()):
        raise ValueError(f"{name} must be finite, got {bad} infinite or NaN of {value.numel()}")
    return value.detach()


def scale(value: Tensor) -> tuple[Tensor, Tensor]:
    """The mean vector, and the root mean square distance from it.

    Raises:
        ValueError: all vectors are the same.
    """
    mean = value.mean(0)
    length = (value - mean).square().sum(1).mean().sqrt()
    if not length > 1e-6 * mean.norm().clamp(min=1e-30):
        raise ValueError(f"features must differ, got {len(value)} equal vectors")
    return mean, length
