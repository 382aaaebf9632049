"""What the next steps of a run depend on, to be kept and put back."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import chain
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from gradlab.clip import Rule
from gradlab.training.branch import Gradient
from gradlab.training.random import Random


@dataclass(frozen=True, eq=False)
class State:
    """A copy of all that is no setting; ``clip`` is the rule then, ``seen`` what it had seen."""

    model: dict[str, Any]
    optimizer: dict[str, Any]
    random: tuple[Tensor, ...]
    clip: Rule | None
    seen: dict[str, Tensor]
    gradient: Gradient | None

    @classmethod
    def of(
        cls,
        model: nn.Module,
        optimizer: Optimizer,
        random: Random,
        clip: Rule | None,
        gradient: Gradient | None,
    ) -> State:
        """The state as it is now."""
        seen = clip.state_dict() if clip else {}
        copied = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        return cls(*copied, random.state, clip, seen, gradient)

    def restore(
        self, model: nn.Module, optimizer: Optimizer, random: Random, clip: Rule | None
    ) -> None:
        """Put all of it back but the gradient; a rule that was not there then has seen nothing."""
        model.load_state_dict(self.model)
        # An optimizer takes the tensors it is given as its own, and would train on them.
        optimizer.load_state_dict(copy.deepcopy(self.optimizer))
        random.state = self.random
        if clip:
            same = type(clip) is type(self.clip)
            clip.load_state_dict(self.seen if same else clip.with_bound(clip.bound).state_dict())

    @property
    def nbytes(self) -> int:
        """Memory of the tensors of model and optimizer."""
        state = chain.from_iterable(each.values() for each in self.optimizer["state"].values())
        return sum(v.nbytes for v in chain(self.model.values(), state) if isinstance(v, Tensor))


@dataclass(frozen=True, eq=False)
class Bookmark:
    """A whole run as it was: what ``Steered.bookmark`` returns and ``Steered.reset`` takes."""

    attributes: dict[str, Any]
    state: State
