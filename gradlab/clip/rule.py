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

from gradlab.clip.gradients import Layer, Parameters, gather, layer_norms
from gradlab.clip.measured import Clipped, Measured, complaint

Policy = Literal["raise", "skip", "allow"]
Part = Literal["everything", "layer", "unit", "element"]

EPS = 1e-6  # torch's: a zero norm divides nothing by zero


class Replayed(NamedTuple):
    """What a rule does to the gradients of many steps, one after the other.

    Args:
        factors: (n, 1), one for all gradients, or (n, L): what they are multiplied by.
        thresholds: of the same shape: the norms above which it acts, which move from step to step;
            None: it has one for all steps.
    """

    factors: Tensor
    thresholds: Tensor | None = None


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

    @property
    def warmup(self) -> int:
        """How many steps it treats otherwise at first, because it has not seen enough."""
        return 0

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

    def replayed(self, total: Tensor, layers: Tensor) -> Replayed:
        """The ``factors``, and the thresholds where the rule ``moves``; arguments as for these."""
        return Replayed(self.factors(total, layers))

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
        if look and not isfinite(measured.total_norm.item()):
            measured = self._measure(layers, torch.float64)
            if not isfinite(measured.total_norm.item()):
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

        With `look` the total is finite. Without it nothing may be read back, and a total that is
        not finite changes nothing.
        """

    def _meet_nonfinite(self, layers: list[Layer], measured: Measured) -> Clipped:
        if self.nonfinite == "raise":
            first = int((~measured.layer_norms.isfinite()).int().argmax())
            raise complaint(layers[first])
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


def ratio(after: Tensor, before: Tensor) -> Tensor:
    """Norm after / norm before; 1 where that is 0 / 0 or inf / inf."""
    return (after / before).where((before > 0) & before.isfinite(), 1.0)
