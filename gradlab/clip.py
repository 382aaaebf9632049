"""Rules that limit a gradient, each saying what it did.

A rule is a small value: ``ByNorm(1.0)`` is the bound, ``ByNorm(1.0).clip_(model.parameters())``
applies it, in place on every ``.grad``, and returns a ``Clipped``. All layers are measured and
scaled together, by torch's foreach kernels.

Call it where ``optimizer.step()`` sees the result: after ``backward()``, after the last
accumulated batch, after ``scaler.unscale_(optimizer)``.

Every rule takes ``nonfinite``, which says what to do when a gradient holds an infinity or a NaN:

- ``"raise"`` (default): ``NonFiniteGradient`` names the first such parameter; nothing is changed.
- ``"skip"``: every ``.grad`` becomes ``None``, so ``optimizer.step()`` leaves weights and momentum
  alone.
- ``"allow"``: all gradients stay exactly as they are. On a CUDA device nothing is read back to the
  host, so the step is never waited for.

``torch.nn.utils.clip_grad_norm_`` does none of these: it multiplies all gradients by a coefficient
of NaN or 0, so one bad number reaches every layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import inf
from numbers import Real
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from gradlab.gradients import (
    Layer,
    Parameters,
    gather,
    grouped,
    peak,
    scale_,
    scale_each_,
    unit_norms,
)
from gradlab.gradients import norms as norms_of
from gradlab.running import RunningPercentile

Policy = Literal["raise", "skip", "allow"]

_EPS = 1e-6  # torch's: a zero norm divides nothing by zero


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


@dataclass(frozen=True, eq=False)
class Rule(ABC):
    """What all clip rules share: measure once, judge the norm, act."""

    nonfinite: Policy = field(default="raise", kw_only=True)

    def __post_init__(self) -> None:
        if self.nonfinite not in get_args(Policy):
            raise ValueError(f"nonfinite must be one of {get_args(Policy)}, got {self.nonfinite!r}")

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
        # Reading a number back costs a wait on CUDA and nothing on the CPU.
        look = self.nonfinite != "allow" or not any(layer.gradient.is_cuda for layer in layers)
        measured = self._measure(layers, torch.float32 if look else torch.float64)
        if look and not measured.total_norm.isfinite():
            measured = self._measure(layers, torch.float64)
            if not measured.total_norm.isfinite():
                return self._meet_nonfinite(layers, measured)
        coefficient, fired = self._act_(layers, measured, look)
        return Clipped(measured.total_norm, coefficient, fired, measured.layer_norms)

    def _measure(self, layers: list[Layer], dtype: torch.dtype) -> _Measured:
        units = norms_of([layer.gradient for layer in layers], self._order, dtype)
        return _Measured.of(units, units, self._order, dtype)

    @property
    def _order(self) -> float:
        return float(getattr(self, "norm_type", 2.0))

    @abstractmethod
    def _act_(self, layers: list[Layer], measured: _Measured, look: bool) -> tuple[Tensor, Tensor]:
        """Clip in place; the coefficient, and whether anything changed.

        Without `look` nothing may be read back, and a total that is not finite changes nothing.
        """

    def _meet_nonfinite(self, layers: list[Layer], measured: _Measured) -> Clipped:
        if self.nonfinite == "raise":
            first = int((~measured.layer_norms.isfinite()).int().argmax())
            raise _complaint(layers[first])
        if self.nonfinite == "skip":
            for layer in layers:
                layer.parameter.grad = None
        kept = torch.tensor(self.nonfinite == "allow", device=measured.total_norm.device)
        coefficient = kept.to(measured.total_norm.dtype)
        return Clipped(measured.total_norm, coefficient, ~kept, measured.layer_norms)


class _Measured(NamedTuple):
    units: list[Tensor]  # per layer: the norm of each part that the rule treats as one
    layer_norms: Tensor
    total_norm: Tensor
    dtype: torch.dtype  # at least this wide

    @classmethod
    def of(
        cls, units: list[Tensor], norms: list[Tensor], order: float, dtype: torch.dtype
    ) -> _Measured:
        layer_norms = torch.stack([norm.to(norms[0].device) for norm in norms])
        return cls(units, layer_norms, torch.linalg.vector_norm(layer_norms, order), dtype)


@dataclass(frozen=True)
class ByNorm(Rule):
    """Scale all gradients by one factor, so that their total norm is at most ``max_norm``.

    ``g <- g * min(1, max_norm / (||g|| + 1e-6))``. The direction is kept. Equal to
    ``torch.nn.utils.clip_grad_norm_``, its 1e-6 included.

    Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural
    networks", Algorithm 1.

    Args:
        max_norm: the gradient's unit, in (0, inf]; ``inf`` only measures.
        norm_type: the p of the norm, in (0, inf].
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``.

    Raises:
        TypeError, ValueError: an argument is not a number, or out of its range.

    Note:
        One layer with a large gradient makes the steps of all layers small.

    >>> w = torch.zeros(2, requires_grad=True)
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> ByNorm(1.0).clip_(w)
    Clipped(total_norm=5, coefficient=0.2, fired=True, layer_norms=[5])
    >>> w.grad
    tensor([0.6000, 0.8000])
    """

    max_norm: float
    norm_type: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("max_norm", self.max_norm, may_be_inf=True)
        _positive("norm_type", self.norm_type, may_be_inf=True)

    def _act_(self, layers: list[Layer], measured: _Measured, look: bool) -> tuple[Tensor, Tensor]:
        return _scale_(layers, measured.total_norm, float(self.max_norm), look)


@dataclass(frozen=True)
class ByValue(Rule):
    """Clamp every element of every gradient to ``[-clip_value, clip_value]``.

    Equal to ``torch.nn.utils.clip_grad_value_``.

    Source: Mikolov 2012, "Statistical language models based on neural networks", section 3.2.2.

    Args:
        clip_value: the gradient's unit, in (0, inf).
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``.

    Raises:
        TypeError, ValueError: an argument is not a number, or out of its range.

    Note:
        Signs are kept, the direction is not: large elements shrink, small ones stay.

    >>> w = torch.zeros(2, requires_grad=True)
    >>> w.grad = torch.tensor([-3.0, 0.5])
    >>> ByValue(1.0).clip_(w).fired, w.grad
    (tensor(True), tensor([-1.0000,  0.5000]))
    """

    clip_value: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("clip_value", self.clip_value)

    def _act_(self, layers: list[Layer], measured: _Measured, look: bool) -> tuple[Tensor, Tensor]:
        total, limit = measured.total_norm, float(self.clip_value)
        over = [(peak(layer.gradient) > limit).to(total.device) for layer in layers]
        fired = torch.stack(over).any() & total.isfinite()
        if look:
            if not fired:
                return torch.ones_like(total), fired
            touched = [layer.gradient for layer, hit in zip(layers, over, strict=True) if hit]
            for group in grouped(touched):
                torch._foreach_clamp_min_(group, -limit)
                torch._foreach_clamp_max_(group, limit)
        else:
            bound = torch.where(total.isfinite(), limit, inf)
            for layer in layers:
                here = bound.to(layer.gradient)
                layer.gradient.clamp_(-here, here)
        after = self._measure(layers, measured.dtype).total_norm
        return _ratio(after, total), fired


@dataclass(frozen=True)
class PerLayer(Rule):
    """Scale each parameter's gradient by its own factor, so that its norm is at most ``max_norm``.

    ``g_l <- g_l * min(1, max_norm / (||g_l|| + 1e-6))`` for each parameter tensor l.

    Args:
        max_norm: the gradient's unit, in (0, inf]; the bound of one tensor, not of all together.
        norm_type: the p of the norm, in (0, inf].
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``.

    Raises:
        TypeError, ValueError: an argument is not a number, or out of its range.

    Note:
        Each tensor keeps its direction, the whole gradient does not. n tensors may still have a
        total 2-norm of ``sqrt(n) * max_norm``.

    >>> a, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
    >>> a.grad, b.grad = torch.tensor([3.0]), torch.tensor([0.5])
    >>> PerLayer(1.0).clip_([a, b])
    Clipped(total_norm=3.041, coefficient=0.3676, fired=True, layer_norms=[3, 0.5])
    """

    max_norm: float
    norm_type: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("max_norm", self.max_norm, may_be_inf=True)
        _positive("norm_type", self.norm_type, may_be_inf=True)

    def _act_(self, layers: list[Layer], measured: _Measured, look: bool) -> tuple[Tensor, Tensor]:
        norms, total = measured.layer_norms, measured.total_norm
        factors = _factor(norms, float(self.max_norm)).where(total.isfinite(), 1.0)
        fired = ((factors < 1) & (norms > 0)).any()
        if not look or fired:
            scale_each_([layer.gradient for layer in layers], list(factors))
        after = torch.linalg.vector_norm(norms * factors, self._order)
        return _ratio(after, total), fired


@dataclass(frozen=True)
class Adaptive(Rule):
    """Bound each unit's gradient by its weight: adaptive gradient clipping (AGC).

    ``g_u <- g_u * f * max(||w_u||, eps) / ||g_u||`` where ``||g_u|| / max(||w_u||, eps) > f``, with
    ``f = clip_factor``. A unit is a row ``[i, ...]`` of a parameter of two or more dimensions (the
    weights into one output), or all of a bias or gain. Equal to ``timm.utils.adaptive_clip_grad``.

    Source: Brock, De, Smith & Simonyan 2021, "High-performance large-scale image recognition
    without normalization", equation 3.

    Args:
        clip_factor: dimensionless, in (0, inf); largest gradient norm relative to the weight's.
        eps: the weight's unit, in (0, inf); smaller weight norms count as this, so that weights
            that start at zero can move.
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``.

    Raises:
        TypeError, ValueError: an argument is not a number, or out of its range.

    Note:
        The authors leave the last linear layer out; so pass the parameters without it.

    >>> w = torch.ones(2, 4, requires_grad=True)
    >>> w.grad = torch.tensor([[1.0] * 4, [0.001] * 4])
    >>> Adaptive(0.01).clip_(w).fired, w.grad[:, 0]
    (tensor(True), tensor([0.0100, 0.0010]))
    """

    clip_factor: float = 0.01
    eps: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("clip_factor", self.clip_factor)
        _positive("eps", self.eps)

    def _measure(self, layers: list[Layer], dtype: torch.dtype) -> _Measured:
        units = [unit_norms(layer.gradient, dtype) for layer in layers]
        return _Measured.of(units, norms_of(units, 2.0, dtype), 2.0, dtype)

    def _act_(self, layers: list[Layer], measured: _Measured, look: bool) -> tuple[Tensor, Tensor]:
        total = measured.total_norm
        weights = [unit_norms(layer.weight(), measured.dtype) for layer in layers]
        sizes = [unit.numel() for unit in weights]
        norms = torch.cat([unit.flatten().to(total.device) for unit in measured.units])
        bounds = torch.cat([unit.flatten().to(total.device) for unit in weights])
        bounds = bounds.clamp(min=float(self.eps)).mul(float(self.clip_factor))
        over = (norms >= bounds) & total.isfinite()
        factors = torch.where(over, bounds / norms.clamp(min=_EPS), 1.0)
        fired = ((factors < 1) & (norms > 0)).any()
        if not look or fired:
            scale_each_([layer.gradient for layer in layers], factors.split(sizes))
        return _ratio(torch.linalg.vector_norm(norms * factors), total), fired


@dataclass(frozen=True, eq=False)
class Percentile(Rule):
    """Scale all gradients to a percentile of the total norms seen so far: AutoClip.

    ``ByNorm`` with ``max_norm`` = the given percentile of the total norms of all steps until now,
    the present one included. The only rule with a state: use one instance per training run, and
    save it with ``state_dict()``. Norms are counted in bins a 32nd of a factor of two wide, so
    time and memory (74 kB) do not grow with the steps, and ``max_norm`` is within 1.1 % of
    ``numpy.percentile`` of the whole history.

    Source: Seetharaman, Wichern, Pardo & Le Roux 2020, "AutoClip: adaptive gradient clipping for
    source separation networks", Algorithm 1.

    Args:
        percentile: dimensionless, in [0, 100].
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``; such norms do not count.

    Raises:
        TypeError, ValueError: an argument is not a number, or out of its range.

    Note:
        It clips about ``100 - percentile`` percent of the steps, whether or not any of them is
        unusual. Steps whose gradient is zero count too: when they fill the percentile,
        ``max_norm`` is 0 and every other gradient becomes 0.

    >>> rule, w = Percentile(50.0), torch.zeros(1, requires_grad=True)
    >>> for size in (1.0, 3.0, 8.0):
    ...     w.grad = torch.tensor([size])
    ...     print(f"{w.grad.item():.0f} -> {size * rule.clip_(w).coefficient:.1f}")
    1 -> 1.0
    3 -> 2.0
    8 -> 3.0
    """

    percentile: float = 10.0
    seen: RunningPercentile = field(default_factory=RunningPercentile, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= _number("percentile", self.percentile) <= 100:
            raise ValueError(f"percentile must be in [0, 100], got {self.percentile!r}")

    def _act_(self, layers: list[Layer], measured: _Measured, look: bool) -> tuple[Tensor, Tensor]:
        total = measured.total_norm
        self.seen.add(total.cpu() if look else total)
        max_norm = self.seen.quantile(float(self.percentile) / 100).to(total)
        return _scale_(layers, total, max_norm, look)

    def state_dict(self) -> dict[str, Tensor]:
        """The norms seen so far, as three tensors to save with the optimizer's."""
        return {name: value.clone() for name, value in self.seen.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state_dict()`` returned."""
        self.seen.load_state_dict({name: value.clone() for name, value in state.items()})


def _scale_(
    layers: list[Layer], total: Tensor, max_norm: float | Tensor, look: bool
) -> tuple[Tensor, Tensor]:
    """Multiply all gradients by one factor, which is the coefficient; and whether it is below 1."""
    factor = _factor(total, max_norm).where(total.isfinite(), 1.0)
    fired = (factor < 1) & (total > 0)
    if not look or fired:
        scale_([layer.gradient for layer in layers], factor)
    return factor.where(fired, 1.0), fired


def _factor(norm: Tensor, max_norm: float | Tensor) -> Tensor:
    return (max_norm / (norm + _EPS)).clamp(max=1)


def _ratio(after: Tensor, before: Tensor) -> Tensor:
    """Norm after / norm before; 1 where that is 0 / 0 or inf / inf."""
    return (after / before).where((before > 0) & before.isfinite(), 1.0)


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


def _number(name: str, value: object) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    return float(value)


def _positive(name: str, value: object, *, may_be_inf: bool = False) -> None:
    number = _number(name, value)
    if not number > 0 or (number == inf and not may_be_inf):
        allowed = "(0, inf]" if may_be_inf else "(0, inf)"
        raise ValueError(f"{name} must be in {allowed}, got {value!r}")
