"""What a rule measures, and what it says that it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gradlab.clip.gradients import Layer, stacked
from gradlab.clip.sharded import is_shared, whole


class NonFiniteGradient(FloatingPointError):  # noqa: N818 - it is the name of what was found
    """A gradient holds an infinity or a NaN; ``name`` says whose."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, eq=False)
class Clipped:
    """What a rule did to a list of gradients.

    The tensors are left on the first gradient's device, so that reading them is what waits for it.
    They are float32, or float64 where a gradient is or where float32 would overflow.

    Args:
        total_norm: 0-dim; the norm of all gradients together, before clipping.
        coefficient: 0-dim, in [0, 1]; norm after / norm before. 1 when nothing was changed, 0 when
            the gradients were dropped (``nonfinite="skip"``, ``SkipSpikes``).
        fired: 0-dim bool; whether any gradient was changed or dropped.
        layer_norms: (n,); the norm before clipping of each parameter that has a gradient, in the
            order given, each parameter once.

    Note:
        For a rule on the norm of everything the coefficient is the factor applied to every
        gradient. For the other rules it is an average over directions that were treated
        differently: two steps with the same coefficient may have been turned by different angles.
    """

    total_norm: Tensor
    coefficient: Tensor
    fired: Tensor
    layer_norms: Tensor

    def __repr__(self) -> str:
        norms = [f"{norm:.4g}" for norm in self.layer_norms.tolist()]
        if len(norms) > 4:
            norms[2:-1] = [f"... {len(norms) - 3} more ..."]
        return (
            f"Clipped(total_norm={self.total_norm:.4g}, coefficient={self.coefficient:.4g}, "
            f"fired={bool(self.fired)}, layer_norms=[{', '.join(norms)}])"
        )


class Measured(NamedTuple):
    """The norms that a rule decides by.

    Args:
        units: per layer, the norm of each part that the rule treats as one.
        layer_norms: (n,), on the first layer's device.
        total_norm: 0-dim, there too.
        dtype: what the norms were accumulated in, at least.
    """

    units: list[Tensor]
    layer_norms: Tensor
    total_norm: Tensor
    dtype: torch.dtype

    @classmethod
    def of(
        cls, units: list[Tensor], norms: list[Tensor], order: float, dtype: torch.dtype
    ) -> Measured:
        """From the norms of the units and of the layers."""
        layer_norms = stacked(norms)
        return cls(units, layer_norms, torch.linalg.vector_norm(layer_norms, order), dtype)


def complaint(layer: Layer) -> NonFiniteGradient:
    """Of the first layer whose gradient is not finite: how much of it."""
    here = torch.stack([layer.gradient.isnan().sum(), layer.gradient.isinf().sum()])
    nans, infs = map(int, whole([here], [layer.parameter], 1.0)[0])
    what = f"{nans} NaN and {infs} infinite of {_numel(layer)} values"
    return NonFiniteGradient(
        layer.name,
        f"the gradient of {layer.name}, shape {tuple(layer.parameter.shape)}, is not finite: "
        f"{what if nans or infs else 'its norm overflows float64'}. Nothing was changed; "
        f"nonfinite='skip' drops such a step, nonfinite='allow' leaves it as it is",
    )


def _numel(layer: Layer) -> int:
    return (layer.parameter if is_shared(layer.parameter) else layer.gradient).numel()
