"""The run itself, and all that it takes to go back exactly."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from math import inf, isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from gradlab.arguments import one_of, positive, whole, within
from gradlab.clip import ByNorm, NonFiniteGradient, Percentile, Rule
from gradlab.clip.gradients import gather, joined
from gradlab.divergence import find
from gradlab.histogram import LogHistogram
from gradlab.steering.branch import Branch, Gradient, Taken
from gradlab.train import steps

Batch = tuple[Tensor, Tensor]
_MEASURE = ByNorm(inf)


@dataclass(frozen=True, eq=False)
class _Kept:
    """All that the next steps depend on, but for the settings."""

    model: dict[str, Any]
    optimizer: dict[str, Any]
    random: tuple[Tensor, ...]
    seen: dict[str, Tensor]
    gradient: Gradient | None

    @property
    def nbytes(self) -> int:
        state = chain.from_iterable(each.values() for each in self.optimizer["state"].values())
        return sum(v.nbytes for v in chain(self.model.values(), state) if isinstance(v, Tensor))


@dataclass(frozen=True, eq=False)
class Bookmark:
    """A whole run as it was: what ``Steered.bookmark`` returns and ``Steered.reset`` takes."""

    attributes: dict[str, Any]
    state: _Kept


class Steered:
    """A training run that waits for its next step, and whose settings may change before each.

    ``run.step(40); run.rewind(30); run.rule = ByNorm(0.1); run.step(10)`` leaves two branches: two
    futures from step 30. Nothing is random between them: the weights, the optimizer's state, the
    place in the stream of batches, torch's random numbers and the memory of ``Percentile`` all go
    back, so that with the same settings the same numbers come again, bit for bit on a CPU. The
    settings, ``learning_rate`` and ``rule``, do not: they stay where the hand has put them.

    Args:
        model: on the device of the batches; trained in place.
        optimizer: over its parameters. Setting ``learning_rate`` scales all its groups alike.
        batches: a function that begins the stream of (inputs, targets), the same each time, such as
            ``lambda: images.batches(64, seed=0)``. A stream that ends is begun again.
        rule: how to clip; None: measure only.
        loss: of (outputs, targets), 0-dim.
        every: a state is kept each ``every`` steps, at least 1. The first and the last always are.
        memory: for kept states, bytes. Where it does not suffice, ``every`` is doubled.

    Raises:
        TypeError: ``batches`` is no function, or one that goes on with the same stream.
        ValueError: the optimizer's learning rate is not positive, ``every`` or ``memory`` is below
            1, or the rule's ``nonfinite`` is not ``"raise"``.

    Note:
        On a GPU, some kernels of torch add in another order each time;
        ``torch.use_deterministic_algorithms`` says which. A model whose state is not all in its
        ``state_dict()`` does not come back whole either. And each branch is one seed.

    >>> from gradlab import models
    >>> model = models.mlp(3, 8, outputs=2)
    >>> batch = torch.ones(4, 8), torch.tensor([0, 1, 0, 1])
    >>> run = Steered(model, torch.optim.SGD(model.parameters(), lr=0.1), lambda: [batch])
    >>> run.step(8)
    >>> run.rewind(5)
    >>> run.learning_rate = 0.01
    >>> run.step()
    >>> [len(branch) for branch in run.branches], run.branch.forked_at
    ([8, 6], 5)
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        batches: Callable[[], Iterable[Batch]],
        *,
        rule: Rule | None = None,
        loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
        every: int = 5,
        memory: int = 128 * 2**20,
    ) -> None:
        if not callable(batches) or _is_spent(batches):
            got = "one stream" if callable(batches) else type(batches).__name__
            raise TypeError(
                "batches must be a function that begins the stream of batches anew, such as "
                f"lambda: images.batches(64, seed=0), got {got}"
            )
        self._model, self._optimizer, self._batches, self._loss = model, optimizer, batches, loss
        self._memory = whole("memory", memory)
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        first = positive("the learning rate of optimizer", rates[0])
        self._rates = [rate / first for rate in rates]
        devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
        self._devices = sorted(devices, key=str)
        self._random = self._global_random()
        self._stream: Iterator[Batch] | None = None

        self.learning_rate, self.rule = first, rule
        self.branches: tuple[Branch, ...] = (Branch(),)
        self.ahead = 0
        self.every = whole("every", every)
        self.gradient: Gradient | None = None
        self._kept: dict[int, _Kept] = {}
        self._keep()
        self._beginning = self.bookmark()

    @property
    def learning_rate(self) -> float:
        """Of the optimizer's first group, from the next step on; 0 or more."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = within("learning_rate", value, 0)

    @property
    def rule(self) -> Rule | None:
        """How to clip, from the next step on."""
        return self._rule

    @rule.setter
    def rule(self, rule: Rule | None) -> None:
        if rule is not None and rule.nonfinite != "raise":
            raise ValueError(f"rule must have nonfinite='raise', got {rule.nonfinite!r}")
        self._rule = rule

    @property
    def branch(self) -> Branch:
        """The present one."""
        return self.branches[-1]

    @property
    def position(self) -> int:
        """After how many steps the run stands."""
        return len(self.branch) - self.ahead

    @property
    def kept(self) -> tuple[int, ...]:
        """The steps that can be rewound to, from 0; the last step of the branch too."""
        return tuple(sorted({*self._kept, len(self.branch)}))

    @property
    def ended(self) -> bool:
        """Whether the branch has diverged and the run stands there."""
        return self.branch.diverged is not None and not self.ahead

    def step(self, number: int = 1) -> None:
        """Take steps with the present settings, until the branch ends.

        From a rewound position this forks first. After the last step ``gradient`` is measured.

        Args:
            number: how many, at least 1.

        Raises:
            ValueError: it is not; or the batches hold none.
        """
        for left in reversed(range(whole("number", number))):
            self.take(measure=not left)

    def take(self, *, measure: bool) -> None:
        """Take one step; where the branch has ended, none.

        Args:
            measure: whether to count the elements of the gradient, a few milliseconds. At steps
                that are kept they are counted anyway.
        """
        if self.ended:
            return
        if self.ahead:
            self.fork()
        rule, rate = self.rule, self.learning_rate  # another thread may turn them at any time
        for group, times in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * times
        keep = (self.position + 1) % self.every == 0
        before: list[LogHistogram] = []
        watch = (lambda model: before.append(_elements(model))) if measure or keep else None
        try:
            with self._own_random():
                batch = self._next_batch()
                (step,) = steps(
                    self._model,
                    self._optimizer,
                    [batch],
                    rule=rule or _MEASURE,
                    loss=self._loss,
                    watch=watch,
                )
        except NonFiniteGradient:
            with self._own_random():
                self._end(str(find(self._model, *batch, loss=self._loss)))
            return
        assert step.clipped is not None
        did = step.clipped
        loss, norm, coefficient = (float(v) for v in (step.loss, did.total_norm, did.coefficient))
        fired = bool(did.fired)
        taken = Taken(loss, norm, coefficient, fired, rate, rule)
        self.gradient = None
        if before:
            scaled = not fired or isinstance(rule, ByNorm | Percentile)
            after = None if scaled else _elements(self._model)
            self.gradient = Gradient(before[0], after, coefficient)
        self._change(steps=(*self.branch.steps, taken))
        if keep:
            self._keep()
            self._thin()
        if not isfinite(loss):
            self._end("the loss")

    def rewind(self, step: int) -> None:
        """Go back to a kept step of this branch, or forward again; the next step will fork.

        Args:
            step: one of ``kept``.

        Raises:
            ValueError: it is none of them.
        """
        one_of("step", step, self.kept)
        if not self.ahead:
            self._keep()
        self._restore(self._kept[step])
        self.ahead = len(self.branch) - step

    def fork(self) -> None:
        """Leave this branch here: it stays in ``branches``, and a new one goes on from here.

        Where the branch has no step of its own yet, it is the new one already.
        """
        here, parent = self.position, len(self.branches) - 1
        if len(self.branch) == self.branch.forked_at and not self.ended:
            return
        self._kept = {step: kept for step, kept in self._kept.items() if step <= here}
        self.branches = (*self.branches, Branch(self.branch.steps[:here], parent, here))
        self.ahead = 0

    def bookmark(self) -> Bookmark:
        """The whole run as it is now: state, settings and branches, to ``reset`` to."""
        names = ("branches", "ahead", "every", "learning_rate", "rule", "_kept")
        return Bookmark({name: getattr(self, name) for name in names}, self._state())

    def reset(self, to: Bookmark | None = None) -> None:
        """Go back to a bookmark, or to where the run was when it was made.

        Args:
            to: from ``bookmark()`` of the same run.
        """
        to = to or self._beginning
        for name, value in to.attributes.items():
            setattr(self, name, value)
        self._restore(to.state)

    def _state(self) -> _Kept:
        seen = self.rule.state_dict() if isinstance(self.rule, Percentile) else {}
        state = copy.deepcopy((self._model.state_dict(), self._optimizer.state_dict()))
        return _Kept(*state, self._random, seen, self.gradient)

    def _restore(self, kept: _Kept) -> None:
        self._model.load_state_dict(kept.model)
        # An optimizer takes the tensors it is given as its own, and would train on them.
        self._optimizer.load_state_dict(copy.deepcopy(kept.optimizer))
        if isinstance(self.rule, Percentile) and kept.seen:
            self.rule.load_state_dict(kept.seen)
        self._random, self.gradient, self._stream = kept.random, kept.gradient, None

    def _keep(self) -> None:
        self._kept = {**self._kept, self.position: self._state()}

    def _thin(self) -> None:
        while len(self._kept) > 2 and sum(k.nbytes for k in self._kept.values()) > self._memory:
            self.every *= 2
            self._kept = {n: kept for n, kept in self._kept.items() if n % self.every == 0}

    def _change(self, **what: Any) -> None:
        self.branches = (*self.branches[:-1], replace(self.branch, **what))

    def _end(self, where: str) -> None:
        self._change(diverged=where)
        self._stream = None

    def _next_batch(self) -> Batch:
        if self._stream is None:
            self._stream = islice(_endless(self._batches), self.position, None)
        return next(self._stream)

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """The run's own random numbers inside, the session's outside; an error takes none."""
        with torch.random.fork_rng(devices=self._devices):
            torch.set_rng_state(self._random[0])
            for device, state in zip(self._devices, self._random[1:], strict=True):
                torch.cuda.set_rng_state(state, device)
            try:
                yield
            except BaseException:
                self._stream = None
                raise
            self._random = self._global_random()

    def _global_random(self) -> tuple[Tensor, ...]:
        on_devices = [torch.cuda.get_rng_state(device) for device in self._devices]
        return (torch.get_rng_state(), *on_devices)


def _endless(batches: Callable[[], Iterable[Batch]]) -> Iterator[Batch]:
    for turn in count():
        empty = True
        for batch in batches():
            empty = False
            yield batch
        if empty:
            raise ValueError(f"batches must hold one batch or more, got none in turn {turn}")


def _is_spent(batches: Callable[[], Iterable[Batch]]) -> bool:
    """Whether a second call goes on where the first one stopped."""
    stream = batches()
    return isinstance(stream, Iterator) and stream is batches()


def _elements(model: nn.Module) -> LogHistogram:
    layers = gather(model.named_parameters())
    return LogHistogram.of(joined([layer.gradient for layer in layers], layers[0].gradient.device))
