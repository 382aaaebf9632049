"""What every clip rule shares: measure once, judge the norm, act, say what was done.

And what a rule says of itself, so that nobody else has to know which rules there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from math import inf, isfinite
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

import torch
from torch import Tensor

from gradlab.clip.gradients import Layer, Parameters, gather, layer_norms, stacked
from gradlab.clip.sharded import is_shared, whole

Policy = Literal["raise", "skip", "allow"]
Part = Literal["everything", "layer", "unit", "element"]

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


@dataclass(frozen=True, eq=False, repr=False)
class Rule(ABC):
    """A bound on gradients, and the policy for those that are not finite.

    A rule is a frozen dataclass whose first field is its bound. It says of itself:

    Attributes:
        label: what menus and sentences call it.
        part: what it bounds the norm of: ``"everything"``, and then one factor multiplies all
            gradients; each ``"layer"``, each ``"unit"`` (row of a weight), each ``"element"``.
        bound_name: the name of the bound.
        usual: a usual value of it, for a slider to start at.
        smallest_bound: what the bound may be at least.
        largest_bound: what the bound may be at most.
        moves: whether its threshold moves with what it sees, so that it has a state.
    """

    label: ClassVar[str]
    part: ClassVar[Part]
    bound_name: ClassVar[str]
    usual: ClassVar[float]
    smallest_bound: ClassVar[float] = 0.0
    largest_bound: ClassVar[float] = inf
    moves: ClassVar[bool] = False

    nonfinite: Policy = field(default="raise", kw_only=True)

    def __post_init__(self) -> None:
        if self.nonfinite not in get_args(Policy):
            raise ValueError(f"nonfinite must be one of {get_args(Policy)}, got {self.nonfinite!r}")

    def __repr__(self) -> str:
        """As one would write it: ``ByNorm(1.0)``, ``PerLayer(0.5, nonfinite='skip')``."""
        words = [f"{float(self.bound)}"]
        for name, value in self._arguments().items():
            if name != self.bound_name and value != getattr(type(self), name):
                words.append(f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}")
        return f"{type(self).__name__}({', '.join(words)})"

    @property
    def bound(self) -> float:
        """The bound, in the unit of what it bounds; ``bound_name`` is its name."""
        return float(getattr(self, self.bound_name))

    @property
    def limits(self) -> bool:
        """Whether it can change a gradient at all: a bound of infinity only measures."""
        return isfinite(self.bound)

    @classmethod
    def bounded(cls, bound: float) -> Self:
        """A rule of this kind with that bound, else as usual.

        Raises:
            ValueError: ``bound`` is out of its range.
        """
        arguments: dict[str, Any] = {cls.bound_name: bound}
        return cls(**arguments)

    def with_bound(self, bound: float) -> Self:
        """The same rule with another bound, and nothing seen.

        Raises:
            ValueError: ``bound`` is out of its range.
        """
        arguments = self._arguments() | {self.bound_name: bound}
        return type(self)(**arguments)

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain data, without what it has seen: ``Rule.from_dict`` makes it again."""
        return {"rule": type(self).__name__} | self._arguments()

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> Rule:
        """The rule that ``to_dict`` wrote down.

        Raises:
            ValueError: no rule of that name is defined here, or its arguments are not right.

        >>> from gradlab.clip import PerLayer
        >>> Rule.from_dict(PerLayer(0.5, nonfinite="skip").to_dict())
        PerLayer(0.5, nonfinite='skip')
        """
        known = {kind.__name__: kind for kind in _every_kind() if hasattr(kind, "label")}
        arguments = dict(plain)
        name = arguments.pop("rule", None)
        if name not in known:
            raise ValueError(
                f"rule must be one of {', '.join(known)}, got {name!r}: import the module that "
                "defines it first"
            )
        return known[name](**arguments)

    def _arguments(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def state_dict(self) -> dict[str, Tensor]:
        """What it has seen, to save with the optimizer's state; empty where nothing counts."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state_dict()`` returned.

        Raises:
            ValueError: this rule has no state, and there is something in it.
        """
        if state:
            raise ValueError(f"state must be empty for a {type(self).__name__}, got {list(state)}")

    def factors(self, total: Tensor, layers: Tensor) -> Tensor:
        """What the gradients of many steps are multiplied by, as far as norms tell it.

        Args:
            total: (n,); 2-norm of the whole gradient at each of n steps, one after the other.
            layers: (n, L); of each layer's.

        Returns:
            (n, 1), one factor for all, or (n, L); of a rule that ``moves``, from nothing seen.

        Raises:
            TypeError: the rule goes by more than these norms.
            ValueError: it goes by other norms than 2-norms.
        """
        raise TypeError(
            f"the rule must go by norms of layers or of everything, got {type(self).__name__}, "
            f"which goes by those of each {self.part}"
        )

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
        return self.clip_layers_(gather(parameters))

    @torch.no_grad()
    def clip_layers_(self, layers: list[Layer]) -> Clipped:
        """What ``clip_`` did to layers that were gathered before."""
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
        units = layer_norms(layers, self._order, dtype)
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


def kinds() -> list[type[Rule]]:
    """Every rule that has a label of its own, by the part that it bounds, the smallest first."""
    sizes = get_args(Part)[::-1]
    named = [kind for kind in _every_kind() if "label" in vars(kind)]
    return sorted(named, key=lambda kind: (sizes.index(kind.part), kind.moves))


def _every_kind() -> Iterator[type[Rule]]:
    waiting = Rule.__subclasses__()
    while waiting:
        kind = waiting.pop(0)
        waiting += kind.__subclasses__()
        yield kind


def _complaint(layer: Layer) -> NonFiniteGradient:
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


def ratio(after: Tensor, before: Tensor) -> Tensor:
    """Norm after / norm before; 1 where that is 0 / 0 or inf / inf."""
    return (after / before).where((before > 0) & before.isfinite(), 1.0)
