"""What the rules share whose threshold moves with the norms that they have seen.

Where a rule goes on step by step, it is written once, as ``_see``, in words that torch and numpy
have in common. While it clips, they are torch's, so that nothing leaves the device. When it is
asked what it would have done to many steps, they are numpy's, or those of ``Floats`` for plain
numbers: these cost a fraction of an operation on a tensor.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from gradlab.clip.rule import Replayed, Rule

Number = Any
"""A tensor on any device, a numpy array or a float: float64."""


class Floats:
    """The words of torch and numpy, for Python's floats."""

    sqrt: ClassVar[Callable[[float], float]] = math.sqrt
    minimum: ClassVar[Callable[[float, float], float]] = min

    @staticmethod
    def where(condition: bool, one: float, other: float) -> float:
        """One of two numbers."""
        return one if condition else other


@dataclass(frozen=True, eq=False, repr=False)
class Moving(Rule):
    """A rule whose threshold moves with what it has seen."""

    moves: ClassVar[bool] = True

    @abstractmethod
    def replayed(self, total: Tensor, layers: Tensor) -> Replayed:
        """What it does to one step after the other, from nothing seen."""

    def factors(self, total: Tensor, layers: Tensor) -> Tensor:
        return self.replayed(total, layers).factors


@dataclass(frozen=True, eq=False, repr=False)
class Seeing(Moving):
    """A rule that sees the norms of one step after the other.

    Use one instance per training run, and save it with ``state_dict()``. What it has seen stays on
    the device of the norms, so that nothing has to be read back.
    """

    seen: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seen.update(self._unseen())

    @abstractmethod
    def _unseen(self) -> dict[str, Tensor]:
        """The state before the first step."""

    @abstractmethod
    def _see(self, xp: Any, seen: tuple[Number, ...], *norms: Number) -> tuple[Any, ...]:
        """What to do at a step with finite norms, by what was seen before; and then the new state.

        Args:
            xp: torch, numpy or ``Floats``, which have what ``norms`` are made of.
            seen: the state, in the order of ``_unseen``.
            norms: float64.
        """

    def _judge(self, finite: Tensor, *norms: Tensor) -> Any:
        """What to do at this step, by what was seen before; and see this step too.

        A step whose total norm is not finite is not seen.
        """
        found, *after = self._see(torch, tuple(self.seen.values()), *(n.double() for n in norms))
        for (name, before), new in zip(list(self.seen.items()), after, strict=True):
            self.seen[name] = new.where(finite, before)
        return found

    def _step_by_step(
        self, xp: Any, seen: tuple[Number, ...], steps: Iterable[tuple[Number, ...]]
    ) -> Iterator[Any]:
        """What ``_see`` says of one step after the other."""
        for norms in steps:
            found, *after = self._see(xp, seen, *norms)
            seen = tuple(after)
            yield found

    def _goes_on(self, device: torch.device) -> None:
        """The state comes to where the norms are."""
        self.seen.update({name: value.to(device) for name, value in self.seen.items()})

    def state_dict(self) -> dict[str, Tensor]:
        """What it has seen, as tensors to save with the optimizer's."""
        return {name: value.clone() for name, value in self.seen.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state_dict()`` returned.

        Raises:
            ValueError: it is the state of another rule.
        """
        if set(state) != set(self.seen):
            raise ValueError(
                f"state must hold {', '.join(self.seen)} for a {type(self).__name__}, "
                f"got {', '.join(state) or 'nothing'}"
            )
        self.seen.update({name: state[name].double().clone() for name in self.seen})
