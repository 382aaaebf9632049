"""What the rules share whose threshold moves with the norms that they have seen."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from gradlab.clip.rule import Rule


@dataclass(frozen=True, eq=False, repr=False)
class Moving(Rule):
    """A rule that sees the norms of one step after the other.

    Use one instance per training run, and save it with ``state_dict()``. What it has seen stays on
    the device of the norms, so that nothing has to be read back.
    """

    moves: ClassVar[bool] = True

    seen: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seen.update(self._unseen())

    @abstractmethod
    def _unseen(self) -> dict[str, Tensor]:
        """The state before the first step."""

    @abstractmethod
    def _see(self, *norms: Tensor) -> Tensor:
        """What to do at this step, by what was seen before; and see this step too.

        A step whose total norm, the first of `norms`, is not finite is not seen.
        """

    def _note(self, finite: Tensor, **values: Tensor) -> None:
        """Take the new state, where the step was finite."""
        self.seen.update({name: v.where(finite, self.seen[name]) for name, v in values.items()})

    def _replayed(self, *norms: Tensor) -> Tensor:
        """What `_see` says of one step after the other, from nothing seen."""
        fresh = self.with_bound(self.bound)
        said = [fresh._see(*each) for each in zip(*norms, strict=True)]
        return torch.stack(said) if said else norms[-1].double()

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
        self.seen.update({name: value.clone() for name, value in state.items()})
