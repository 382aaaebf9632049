"""What the callbacks share: a recorder that is opened and closed by a framework."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradlab.arguments import instance_of, whole
from gradlab.clip import ByNorm, Rule
from gradlab.recording import Recorder, Recording
from gradlab.recording.record import MEMORY, record

_STEPLESS = ("Lomo", "AdaLomo", "LayerWiseDummyOptimizer")  # they update in the backward pass


class Attached:
    """A recorder for one training after the other, in place of the framework's own clip.

    Args:
        clip: the rule to clip by; None: the one that is equal to the framework's own clip.
        every: as for ``gradlab.record``; so are ``memory`` and ``updates``.
        memory: bytes.
        updates: whether to measure also what the optimizer does to the weights.
    """

    def __init__(self, clip: Rule | None, *, every: int, memory: int, updates: bool) -> None:
        instance_of("clip", clip, Rule | None)
        instance_of("updates", updates, bool)
        self._clip = clip
        self._how: dict[str, Any] = {
            "every": whole("every", every),
            "memory": whole("memory", memory),
            "updates": updates,
        }
        self._recorder: Recorder | None = None
        self._open = ExitStack()

    @property
    def recording(self) -> Recording:
        """What was recorded of the training that began last, also while it goes on.

        Raises:
            RuntimeError: none has begun.
        """
        if self._recorder is None:
            raise RuntimeError("no training has begun with this callback, so nothing is recorded")
        return self._recorder.recording

    def start(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        equal: Rule | None,
        scaler: torch.amp.GradScaler | None,
        take: Callable[[], Callable[[], None]],
    ) -> None:
        """Open a recorder, and then take the framework's clip away; ``take`` says how to put back.

        Raises:
            TypeError: the optimizer is none that the recorder can watch.
            ValueError: parameters that the framework would clip are not the optimizer's.
        """
        if type(optimizer).__name__ in _STEPLESS:
            raise TypeError(
                "optimizer must update the weights in its step, got "
                f"{type(optimizer).__name__}, which does so in the backward pass"
            )
        refuse_others(model, optimizer)
        recorder = record(model, optimizer, clip=self._clip or equal, scaler=scaler, **self._how)
        self._open.enter_context(recorder)
        self._open.callback(take())
        self._recorder = recorder

    def stop(self, error: BaseException | None = None) -> None:
        """Put the framework's clip back, and close the recorder, if it is open."""
        opened, self._open = self._open, ExitStack()
        if error is None:
            opened.close()
        else:
            opened.__exit__(type(error), error, error.__traceback__)


class Attaching:
    """A callback that records: what it takes, and what it has recorded."""

    def __init__(
        self,
        clip: Rule | None = None,
        *,
        every: int = 16,
        memory: int = MEMORY,
        updates: bool = False,
    ) -> None:
        self._attached = Attached(clip, every=every, memory=memory, updates=updates)

    @property
    def recording(self) -> Recording:
        """What was recorded of the training that began last, also while it goes on.

        Raises:
            RuntimeError: none has begun.
        """
        return self._attached.recording


def equal_to_torch(max_norm: float | None) -> ByNorm | None:
    """The rule that is equal to torch's ``clip_grad_norm_``; None where nothing is clipped.

    It goes on at gradients that are not finite, as torch does.
    """
    return ByNorm(float(max_norm), nonfinite="allow") if max_norm else None


def refuse_others(model: nn.Module, optimizer: Optimizer) -> None:
    """Refuse a model with trainable parameters that another optimizer updates, or none.

    Raises:
        ValueError: there is one; the framework would clip it together with the others.
    """
    updated = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and id(parameter) not in updated:
            raise ValueError(
                "optimizer must update all parameters that require a gradient, since they are "
                f"clipped together, got one that does not update {name}"
            )


def refuse_kind(what: str, kind: object) -> None:
    """Refuse a way of training in which gradients are not those of the model, or are clipped apart.

    Raises:
        TypeError: ``kind`` is the name of one.
    """
    name = str(getattr(kind, "value", kind))
    for word in ("deepspeed", "xla", "megatron"):
        if word in name.lower():
            raise TypeError(
                f"{what} must leave gradients and clipping to PyTorch, got {name}, which keeps "
                "and clips them by itself"
            )
