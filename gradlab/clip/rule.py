"""What every clip rule shares: measure once, judge the norm, act, say what was done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from gradlab.clip.gradients import Layer, Parameters, gather, tensor_norms

Policy = Literal["raise", "skip", "allow"]

EPS = 1e-6  # torch's: a zero norm divides nothing by zero


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
            the gradients were dropped (``nonfinite="skip"``).
        fired: 0-dim bool; whether any gradient was changed or dropped.
        layer_norms: (n,); the norm before clipping of each parameter that has a gradient, in the
            order given, each parameter once.

    Note:
        For ``ByNorm`` and ``Percentile`` the coefficient is the factor applied to every gradient.
        For the other rules it is an average over directions that were treated differently: two
        steps with the same coefficient may have been turned by different angles.
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
        device = norms[0].device
        layer_norms = torch.stack([n if n.device == device else n.to(device) for n in norms])
        return cls(units, layer_norms, torch.linalg.vector_norm(layer_norms, order), dtype)


@dataclass(frozen=True, eq=False, repr=False)
class Rule(ABC):
    """A bound on gradients, and the policy for those that are not finite."""

    nonfinite: Policy = field(default="raise", kw_only=True)

    def __post_init__(self) -> None:
        if self.nonfinite not in get_args(Policy):
            raise ValueError(f"nonfinite must be one of {get_args(Policy)}, got {self.nonfinite!r}")

    def __repr__(self) -> str:
        """As one would write it: ``ByNorm(1.0)``, ``PerLayer(0.5, nonfinite='skip')``."""
        given = [f for f in fields(self) if f.init]
        bound, *others = sorted(given, key=lambda f: f.kw_only is True)
        words = [f"{float(getattr(self, bound.name))}"]
        for name, value in ((f.name, getattr(self, f.name)) for f in others):
            if value != getattr(type(self), name):
                words.append(f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}")
        return f"{type(self).__name__}({', '.join(words)})"

    @torch.no_grad()
    def clip_(self, parameters: Parameters) -> Clipped:
        """What the rule did to the gradients of ``parameters``, which it clips in place.

        Norms are accumulated in float32 or wider. Where that overflows although every entry is
        finite, they are measured again in float64, and the gradient is clipped as it should be
        (torch's coefficient is 0 there).

        Args:
            parameters: tensors, ``(name, tensor)`` pairs as ``model.named_parameters()`` yields
                them, or one tensor; any mix of real dtypes and of devices. Parameters without a
                gradient are passed over, repeated ones are clipped once. A sparse gradient is
                coalesced and its stored rows are clipped.

        Returns:
            A ``Clipped`` on the device of the first gradient.

        Raises:
            NonFiniteGradient: a gradient holds an infinity or a NaN, and ``nonfinite="raise"``.
            TypeError: ``parameters`` is none of the above, or a gradient is sparse in more than
                its first dimension.
        """
        layers = gather(parameters)
        if not layers:
            zero = torch.tensor(0.0)
            return Clipped(zero, torch.tensor(1.0), torch.tensor(False), zero.new_empty(0))
        # Reading a number back costs a wait on CUDA, and nothing on a CPU, where float64 is slow.
        look = self.nonfinite != "allow" or not any(layer.gradient.is_cuda for layer in layers)
        measured = self._measure(layers, torch.float32 if look else torch.float64)
        if look and not measured.total_norm.isfinite():
            measured = self._measure(layers, torch.float64)
            if not measured.total_norm.isfinite():
                return self._meet_nonfinite(layers, measured)
        coefficient, fired = self._act_(layers, measured, look)
        return Clipped(measured.total_norm, coefficient, fired, measured.layer_norms)

    def _measure(self, layers: list[Layer], dtype: torch.dtype) -> Measured:
        units = tensor_norms([layer.gradient for layer in layers], self._order, dtype)
        return Measured.of(units, units, self._order, dtype)

    @property
    def _order(self) -> float:
        """The p of the norm."""
        return 2.0

    @abstractmethod
    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        """Clip in place; the coefficient, and whether anything changed.

        Without `look` nothing may be read back, and a total that is not finite changes nothing.
        """

    def _meet_nonfinite(self, layers: list[Layer], measured: Measured) -> Clipped:
        if self.nonfinite == "raise":
            first = int((~measured.layer_norms.isfinite()).int().argmax())
            raise _complaint(layers[first])
        if self.nonfinite == "skip":
            for layer in layers:
                layer.parameter.grad = None
        kept = torch.tensor(self.nonfinite == "allow", device=measured.total_norm.device)
        coefficient = kept.to(measured.total_norm.dtype)
        return Clipped(measured.total_norm, coefficient, ~kept, measured.layer_norms)


def _complaint(layer: Layer) -> NonFiniteGradient:
    gradient = layer.gradient
    nans, infs = int(gradient.isnan().sum()), int(gradient.isinf().sum())
    what = f"{nans} NaN and {infs} infinite of {gradient.numel()} values"
    return NonFiniteGradient(
        layer.name,
        f"the gradient of {layer.name}, shape {tuple(layer.parameter.shape)}, is not finite: "
        f"{what if nans or infs else 'its norm overflows float64'}. Nothing was changed; "
        f"nonfinite='skip' drops such a step, nonfinite='allow' leaves it as it is",
    )


def ratio(after: Tensor, before: Tensor) -> Tensor:
    """Norm after / norm before; 1 where that is 0 / 0 or inf / inf."""
    return (after / before).where((before > 0) & before.isfinite(), 1.0)
