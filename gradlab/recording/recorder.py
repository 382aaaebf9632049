"""What stands around a training loop: it owns the clip, and keeps what it saw."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from math import inf, nan
from types import TracebackType
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradlab.clip import ByNorm, Clipped, NonFiniteGradient, Rule
from gradlab.clip.gradients import Layer, gather
from gradlab.recording.journal import Journal
from gradlab.recording.looking import gradient_norms, look, look_at_last
from gradlab.recording.optimizers import settings_of
from gradlab.recording.precision import unscale_, watching_skips
from gradlab.recording.ranks import agree, is_sharded, unwrapped
from gradlab.recording.recording import Recording
from gradlab.recording.updates import Weights, copied, moments, update_norms
from gradlab.recording.waiting import Pending, read_back
from gradlab.recording.watched import Watched

_MEASURE = ByNorm(inf, nonfinite="allow")
_WAITING = 64  # steps whose numbers stay on the device, to be read back together
_LOOKS = 8  # and of these, steps whose counts do

_active: WeakSet[Recorder] = WeakSet()


class Recorder:
    """Clips and records at every ``optimizer.step()`` inside its ``with`` block; see ``record``.

    Entered again, it goes on where it stopped.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None,
        clip: Rule | None,
        journal: Journal,
        scaler: torch.amp.GradScaler | None,
        updates: bool,
        exact: bool,
    ) -> None:
        self._model, self._optimizer, self._scaler = unwrapped(model), optimizer, scaler
        self._updates, self._exact = updates, exact
        self._before: Weights = {}
        self._clip, self._journal = clip, journal
        self._watched = Watched(self._model, optimizer, journal.sizes)
        self._waiting: list[Pending] = []
        self._calls = 0
        self._open = ExitStack()

    def __enter__(self) -> Recorder:
        watched = self._watched.now()
        agree(
            clip=self._clip,
            every=self._journal.every,
            memory=self._journal.memory,
            updates=self._updates,
            exact=self._exact,
            layers=[(name, *weight.shape) for name, weight in watched.items()],
        )
        mine = set(map(id, watched.values()))
        for other in _active:
            if other._optimizer is self._optimizer and mine & set(
                map(id, other._watched.now().values())
            ):
                which = "model" if self._optimizer is None else "optimizer"
                raise ValueError(
                    f"{which} must have no other open recorder for the same parameters: a step is "
                    "clipped only once; got one that has"
                )
        _active.add(self)
        self._open.callback(_active.discard, self)
        if self._optimizer is not None:
            self._open.callback(self._optimizer.register_step_pre_hook(self._before_step).remove)
        if self._optimizer is not None and self._updates:
            self._open.callback(self._optimizer.register_step_post_hook(self._after_step).remove)
        if self._optimizer is not None and self._scaler is not None:
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
        self._read_back()
        if error is None or not is_sharded(self._watched.layers):  # or the other ranks may be gone
            look_at_last(self._journal, self._watched.layers, self._clip or _MEASURE, self._exact)

    @property
    def recording(self) -> Recording:
        """What was recorded until now, also inside the loop; later steps do not change it."""
        self._read_back()
        return self._journal.recording(self._clip and self._clip.with_bound(self._clip.bound))

    def use(self, clip: Rule) -> None:
        """Clip by this rule; for loops that say how to clip only when they have begun.

        Raises:
            ValueError: there have been steps already, and they were clipped by another, or not.
        """
        begun = self._waiting or self._journal.rows
        if repr(self._clip) != repr(clip) and (self._clip or begun):
            raise ValueError(
                f"clip must stay what it was at the first step, {self._clip}, got {clip}"
            )
        self._clip = self._clip or clip

    def clip_(self) -> Tensor:
        """The norm of the whole gradient, before it was clipped and recorded just now.

        For a loop that updates the weights by itself: it stands where ``clip_grad_norm_`` stood.

        Returns:
            0-dim, on the device of the gradients; nothing waits for it.

        Raises:
            RuntimeError: the recorder is not open, or has an optimizer, and clips at its steps.
            NonFiniteGradient: from a rule that raises.

        >>> import gradlab
        >>> from gradlab import clip
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> with gradlab.record(model, clip=clip.ByNorm(1.0)) as recorder:
        ...     model(torch.tensor([3.0, 4.0])).backward()
        ...     print(recorder.clip_())
        ...     _ = model.weight.data.add_(model.weight.grad, alpha=-0.1)
        tensor(5.)
        """
        if self._optimizer is not None:
            raise RuntimeError(
                f"clip_() is for loops without an optimizer: this recorder clips by itself, where "
                f"{type(self._optimizer).__name__} is about to step"
            )
        if self not in _active:
            raise RuntimeError("clip_() must be called inside the recorder's with block")
        return self._meet(None).total_norm

    def _before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Meet the gradients now or, where the step brings a closure, when that has made them."""
        self._calls += 1
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._meet_scaled(optimizer)
            return None

        def met() -> Any:
            loss = closure()
            self._meet_scaled(optimizer)
            return loss

        rest = {name: value for name, value in kwargs.items() if name != "closure"}
        return (args[0], met, *args[2:]), rest

    def _meet_scaled(self, optimizer: Optimizer) -> None:
        """Meet gradients that a ``GradScaler`` may have left scaled, or not finite."""
        rule, found_inf = self._clip or _MEASURE, getattr(optimizer, "found_inf", None)
        if rule.nonfinite != "allow" and found_inf is not None and found_inf.item():
            self._skip()  # here, or the rule would raise where the optimizer goes on
            return
        unscale_(optimizer)
        self._meet(optimizer)

    @torch.no_grad()
    def _meet(self, optimizer: Optimizer | None) -> Clipped:
        rule = self._clip or _MEASURE
        looks = sum(step.look is not None for step in self._waiting)
        if len(self._waiting) >= _WAITING or looks >= _LOOKS:
            self._read_back()
        watched = self._watched.now()
        layers = gather(watched.items())
        number = len(self._journal.rows) + len(self._waiting)
        closer = look(watched, layers, self._exact) if number % self._journal.every == 0 else None
        complaint = None
        try:
            clipped = _clip_(rule, layers)
        except NonFiniteGradient as error:
            clipped, complaint = _MEASURE.clip_layers_(layers), error
        if closer and rule.part != "everything":
            closer = closer._replace(after=gradient_norms(layers))
        names, found_inf = [layer.name for layer in layers], getattr(optimizer, "found_inf", None)
        self._waiting.append(Pending(self._rate(optimizer), names, clipped, found_inf, closer))
        if complaint:
            raise complaint
        if closer and self._updates:
            self._before = copied(watched)
        return clipped

    def _after_step(self, optimizer: Optimizer, *_: Any) -> None:
        """Measure what a step that is looked at closer did to the weights."""
        before, self._before = self._before, {}
        if before:
            last = self._waiting.pop()
            assert last.look is not None
            ratios, found = moments(self._watched.layers, optimizer, self._exact)
            updates = update_norms(self._watched.layers, before)
            measured = last.look._replace(updates=updates, ratios=ratios, moments=found)
            self._waiting.append(last._replace(look=measured))

    def _rate(self, optimizer: Optimizer | None) -> float | Tensor:
        """The learning rate of the step; the settings are kept when the first one is met."""
        if optimizer is None:
            return nan
        self._journal.optimizer = self._journal.optimizer or settings_of(optimizer)
        rate: float | Tensor = optimizer.param_groups[0].get("lr", nan)
        return rate.detach().clone() if isinstance(rate, Tensor) else rate  # it moves in place

    def _read_back(self) -> None:
        """Move what waits on the device into the journal, in one go."""
        waiting, self._waiting = self._waiting, []
        read_back(waiting, self._journal)

    def _skip(self) -> None:
        self._journal.skipped += 1


def _clip_(rule: Rule, layers: list[Layer]) -> Clipped:
    """What the rule did, with 2-norms also where it goes by others."""
    if getattr(rule, "norm_type", 2.0) == 2:
        return rule.clip_layers_(layers)
    measured = _MEASURE.clip_layers_(layers)
    did = rule.clip_layers_(layers)
    return replace(measured, coefficient=did.coefficient, fired=did.fired)
