"""Two lines around a training loop: own the clip, keep what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from math import inf, nan
from operator import is_
from types import TracebackType
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from gradlab.arguments import whole
from gradlab.clip import ByNorm, Clipped, NonFiniteGradient, Rule
from gradlab.clip.gradients import Layer, gather, tensor_norms
from gradlab.recording.counting import count
from gradlab.recording.journal import Journal
from gradlab.recording.optimizers import settings_of
from gradlab.recording.precision import unscale_, watching_skips
from gradlab.recording.recording import Recording
from gradlab.recording.waiting import Look, Pending, read_back

MEMORY = 128 * 2**20
"""Bytes that the histograms of a recording may take: 128 MiB."""

_MEASURE = ByNorm(inf, nonfinite="allow")
_WAITING = 64  # steps whose numbers stay on the device, to be read back together
_LOOKS = 8  # and of these, steps whose counts do
_HELD = 0.001  # how closely norms must agree to say that the gradients are still there

_active: WeakSet[Recorder] = WeakSet()


def record(
    model: nn.Module,
    optimizer: Optimizer,
    *,
    clip: Rule | None = None,
    every: int = 16,
    memory: int = MEMORY,
    scaler: torch.amp.GradScaler | None = None,
) -> Recorder:
    """A context manager that clips and records the gradients at each ``optimizer.step()``.

    Args:
        model: its parameters that ``optimizer`` updates are the layers. Parameter groups may be
            added later; frozen and shared parameters, sparse and missing gradients are understood.
        optimizer: any but ``LBFGS``. For several, open several recorders.
        clip: how to clip before each step, in place of your own call; None: measure only.
        every: steps from one set of histograms to the next.
        memory: bytes that the histograms may take. When they would take more, every second one is
            dropped and ``every`` doubles. Norms come on top: 8 bytes for each layer and step.
        scaler: the gradient scaler of mixed precision, if you use one, to count the steps that it
            skips.

    Returns:
        A ``Recorder``; ``.recording`` is what was recorded, at any time.

    Raises:
        TypeError: an argument is of another type, or ``optimizer`` is an ``LBFGS``: it computes
            several gradients for one step.
        ValueError: ``every`` or ``memory`` is below 1, ``optimizer`` updates no parameter of
            ``model``; on entering, another recorder has one of the same steps to clip.
        NonFiniteGradient: in the loop, from a rule that raises. What was recorded stays.

    Note:
        Do not clip yourself inside: you would clip twice, and the recorder would measure what your
        clipping left. Gradient accumulation, ``scaler.unscale_`` and ``optimizer.step(closure)``
        need nothing; the recorder sees what the optimizer is about to use.

    >>> from gradlab import clip
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with record(model, optimizer, clip=clip.ByNorm(1.0)) as recorder:
    ...     for _ in range(3):
    ...         optimizer.zero_grad()
    ...         (10 * model(torch.ones(4, 2))).sum().backward()
    ...         optimizer.step()
    >>> recorder.recording.fired
    array([ True,  True,  True])
    """
    for name, value, kind in (
        ("model", model, nn.Module),
        ("optimizer", optimizer, Optimizer),
        ("clip", clip, Rule | None),
        ("scaler", scaler, torch.amp.GradScaler | None),
    ):
        if not isinstance(value, kind):
            allowed = getattr(kind, "__name__", str(kind))
            raise TypeError(f"{name} must be a {allowed}, got {type(value).__name__}")
    if isinstance(optimizer, LBFGS):
        raise TypeError("optimizer must compute one gradient for each step, got LBFGS")
    journal = Journal(whole("every", every), whole("memory", memory))
    return Recorder(model, optimizer, clip, journal, scaler)


class Recorder:
    """Clips and records at every ``optimizer.step()`` inside its ``with`` block; see ``record``.

    Entered again, it goes on where it stopped.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        clip: Rule | None,
        journal: Journal,
        scaler: torch.amp.GradScaler | None,
    ) -> None:
        self._model, self._optimizer, self._scaler = model, optimizer, scaler
        self._clip, self._journal = clip, journal
        self._updated: list[Tensor] = []
        self._layers: dict[str, Tensor] = {}
        self._waiting: list[Pending] = []
        self._calls = 0
        self._open = ExitStack()
        self._watch()

    def __enter__(self) -> Recorder:
        mine = set(map(id, self._watch().values()))
        for other in _active:
            if other._optimizer is self._optimizer and mine & set(map(id, other._watch().values())):
                raise ValueError(
                    "optimizer must have no other open recorder for the same parameters: "
                    "a step is clipped only once; got one that has"
                )
        _active.add(self)
        self._open.callback(_active.discard, self)
        self._open.callback(self._optimizer.register_step_pre_hook(self._before_step).remove)
        if self._scaler is not None:
            watching = watching_skips(
                self._scaler, self._optimizer, lambda: self._calls, self._skip
            )
            self._open.enter_context(watching)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
        self._look_at_last()

    @property
    def recording(self) -> Recording:
        """What was recorded until now, also inside the loop; later steps do not change it."""
        self._read_back()
        return self._journal.recording(self._clip and self._clip.with_bound(self._clip.bound))

    def _before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Meet the gradients now or, where the step brings a closure, when that has made them."""
        self._calls += 1
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._meet(optimizer)
            return None

        def met() -> Any:
            loss = closure()
            self._meet(optimizer)
            return loss

        rest = {name: value for name, value in kwargs.items() if name != "closure"}
        return (args[0], met, *args[2:]), rest

    @torch.no_grad()
    def _meet(self, optimizer: Optimizer) -> None:
        rule, found_inf = self._clip or _MEASURE, getattr(optimizer, "found_inf", None)
        if rule.nonfinite != "allow" and found_inf is not None and found_inf.item():
            self._skip()  # here, or the rule would raise where the optimizer goes on
            return
        unscale_(optimizer)
        looks = sum(step.look is not None for step in self._waiting)
        if len(self._waiting) >= _WAITING or looks >= _LOOKS:
            self._read_back()
        watched = self._watch()
        layers = gather(watched.items())
        number = len(self._journal.rows) + len(self._waiting)
        look = _look(watched, layers) if number % self._journal.every == 0 else None
        complaint = None
        try:
            clipped = _clip_(rule, watched)
        except NonFiniteGradient as error:
            clipped, complaint = _MEASURE.clip_(watched.items()), error
        if look and rule.part != "everything":
            look = look._replace(after=_norms([layer.gradient for layer in layers]))
        names, rate = [layer.name for layer in layers], optimizer.param_groups[0].get("lr", nan)
        if isinstance(rate, Tensor):  # a schedule moves it in place
            rate = rate.detach().clone()
        self._journal.optimizer = self._journal.optimizer or settings_of(optimizer)
        self._waiting.append(Pending(rate, names, clipped, found_inf, look))
        if complaint:
            raise complaint

    def _watch(self) -> dict[str, Tensor]:
        """The parameters of the model that the optimizer updates, by name, in the model's order."""
        updated = [p for group in self._optimizer.param_groups for p in group["params"]]
        if len(updated) == len(self._updated) and all(map(is_, updated, self._updated)):
            return self._layers
        ids = set(map(id, updated))
        self._layers = {
            name.replace("_orig_mod.", ""): parameter  # torch.compile's
            for name, parameter in self._model.named_parameters()
            if id(parameter) in ids
        }
        if not self._layers:
            raise ValueError(
                "optimizer must update a parameter of model, got one that updates none"
            )
        for name, parameter in self._layers.items():
            if parameter.is_complex():
                raise TypeError(f"model must have real parameters, got {parameter.dtype} in {name}")
            self._journal.sizes.setdefault(name, parameter.numel())
        self._updated = updated
        return self._layers

    def _read_back(self) -> None:
        """Move what waits on the device into the journal, in one go."""
        waiting, self._waiting = self._waiting, []
        read_back(waiting, self._journal)

    @torch.no_grad()
    def _look_at_last(self) -> None:
        """Look closer at the last step, if its gradients are still there and can be restored."""
        self._read_back()
        rows, details = self._journal.rows, self._journal.details
        if not rows or (details and details[-1].histograms.steps[-1] == len(rows) - 1):
            return
        last, rule = rows[-1], self._clip or _MEASURE
        if last.fired and not (rule.part == "everything" and last.coefficient):
            return
        layers = gather(self._layers.items())
        norms = map(float, _norms([layer.gradient for layer in layers]))
        after = dict(zip((layer.name for layer in layers), norms, strict=True))
        left = self._journal.spread(after)
        if np.allclose(left, last.norms * last.coefficient, rtol=_HELD, atol=0, equal_nan=True):
            found = {  # one at a time: they are copies
                layer.name: count([layer.gradient / last.coefficient])()[0] for layer in layers
            }
            norms = map(float, _norms(list(self._layers.values())))
            weights = dict(zip(self._layers, norms, strict=True))
            self._journal.look(found, weights, after, last=True)

    def _skip(self) -> None:
        self._journal.skipped += 1


def _look(watched: Mapping[str, Tensor], layers: list[Layer]) -> Look:
    weights = dict(zip(watched, _norms(list(watched.values())), strict=True))
    return Look(count([layer.gradient for layer in layers]), weights, None)


def _clip_(rule: Rule, watched: Mapping[str, Tensor]) -> Clipped:
    """What the rule did, with 2-norms also where it goes by others."""
    if getattr(rule, "norm_type", 2.0) == 2:
        return rule.clip_(watched.items())
    measured = _MEASURE.clip_(watched.items())
    did = rule.clip_(watched.items())
    return replace(measured, coefficient=did.coefficient, fired=did.fired)


def _norms(tensors: list[Tensor]) -> list[Tensor]:
    return tensor_norms(tensors, 2.0, torch.float32)
