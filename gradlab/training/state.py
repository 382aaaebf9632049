"""What the next steps of a run depend on, to be kept and put back."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradlab.clip import Rule
from gradlab.training.branch import Gradient


class Random:
    """A run's own random numbers: what others draw does not change them, nor they what others draw.

    Args:
        model: on the CPU or on CUDA devices, whose generators are taken as they are now.
    """

    def __init__(self, model: nn.Module) -> None:
        devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
        self._devices = sorted(devices, key=str)
        self.state = self._now()

    @contextmanager
    def own(self) -> Iterator[None]:
        """Inside, torch draws the run's numbers; an error uses none up."""
        with torch.random.fork_rng(devices=self._devices):
            torch.set_rng_state(self.state[0])
            for device, state in zip(self._devices, self.state[1:], strict=True):
                torch.cuda.set_rng_state(state, device)
            yield
            self.state = self._now()

    def _now(self) -> tuple[Tensor, ...]:
        on_devices = [torch.cuda.get_rng_state(device) for device in self._devices]
        return (torch.get_rng_state(), *on_devices)


@dataclass(frozen=True, eq=False)
class State:
    """A copy of all that is no setting; ``seen`` is what the clip rule has seen."""

    model: dict[str, Any]
    optimizer: dict[str, Any]
    random: tuple[Tensor, ...]
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
        return cls(*copied, random.state, seen, gradient)

    def restore(
        self, model: nn.Module, optimizer: Optimizer, random: Random, clip: Rule | None
    ) -> None:
        """Put all of it back but the gradient."""
        model.load_state_dict(self.model)
        # An optimizer takes the tensors it is given as its own, and would train on them.
        optimizer.load_state_dict(copy.deepcopy(self.optimizer))
        random.state = self.random
        if clip and clip.moves and self.seen:
            clip.load_state_dict(self.seen)

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
