"""How much of a model is zero, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from gradlab.prune.weights import survey


@dataclass(frozen=True, eq=False)
class Sparsity:
    """How many weights of each layer are zero.

    Args:
        layers: names of the weights, in the model's order.
        sizes: (L,) int64: how many elements each has.
        zeros: (L,) int64: how many of them are zero.
    """

    layers: tuple[str, ...]
    sizes: NDArray[np.int64]
    zeros: NDArray[np.int64]

    @property
    def per_layer(self) -> NDArray[np.float64]:
        """(L,) the fraction of zeros in each layer, dimensionless; NaN where it has no elements."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.zeros / self.sizes)

    @property
    def total(self) -> float:
        """The fraction of zeros in all layers together, dimensionless, in [0, 1]."""
        return float(self.zeros.sum() / max(self.sizes.sum(), 1))

    @property
    def emptied(self) -> tuple[str, ...]:
        """The layers of which nothing is left, so that nothing passes through them."""
        gone = (self.zeros == self.sizes) & (self.sizes > 0)
        return tuple(name for name, empty in zip(self.layers, gone, strict=True) if empty)

    def __repr__(self) -> str:
        said = f"{self.zeros.sum():,} of {self.sizes.sum():,} weights are zero ({self.total:.1%})"
        return said + (f"; nothing is left of {', '.join(self.emptied)}" if self.emptied else "")


def sparsity(model: nn.Module) -> Sparsity:
    """How many weights of ``model`` are exactly zero, masked or not.

    Args:
        model: any module. All weights of two dimensions or more count, those too that must not be
            pruned; biases and the gains of normalisations do not.

    >>> import torch
    >>> model = nn.Linear(4, 1)
    >>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0, -2.0, 0.0]]))
    >>> sparsity(model)
    2 of 4 weights are zero (50.0%)
    """
    weights = survey(model).weights
    values = [weight.value for weight in weights.values()]
    return Sparsity(
        tuple(weights),
        np.array([value.numel() for value in values], np.int64),
        np.array([value.numel() - int(value.count_nonzero()) for value in values], np.int64),
    )
