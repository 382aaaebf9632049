"""The run itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf, isfinite
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from gradlab.arguments import one_of, positive, whole, within
from gradlab.clip import ByNorm, NonFiniteGradient, Rule
from gradlab.clip.gradients import gather, joined
from gradlab.histogram import LogHistogram
from gradlab.training.branch import Branch, Gradient, Taken
from gradlab.training.divergence import find
from gradlab.training.loop import step
from gradlab.training.random import Random
from gradlab.training.state import Bookmark, State
from gradlab.training.stream import Batch, Stream


class Steered:
    """A training run that waits for its next step, and whose settings may change before each.

    ``run.step(40); run.rewind(30); run.clip = ByNorm(0.1); run.step(10)`` leaves two branches: two
    futures from step 30. Nothing is random between them: the weights, the optimizer's state, the
    place in the stream of batches, torch's random numbers and what the clip rule has seen all go
    back, so that with the same settings the same numbers come again, bit for bit on a CPU. The
    settings, ``learning_rate``, ``clip`` and ``skipped``, do not: they stay where the hand has put
    them.

    Args:
        model: on the device of the batches; trained in place.
        optimizer: over its parameters. Setting ``learning_rate`` scales all its groups alike.
        batches: a function that begins the stream of (inputs, targets), the same each time, such as
            ``lambda: images.batches(64, seed=0)``. A stream that ends is begun again.
        clip: how to clip; None: measure only.
        loss: of (outputs, targets), 0-dim.
        every: a state is kept each ``every`` steps, at least 1. The first and the last always are.
        memory: for kept states, bytes. Where it does not suffice, ``every`` is doubled.

    Raises:
        TypeError: ``batches`` is no function, or one that goes on with the same stream.
        ValueError: the optimizer's learning rate is not positive, ``every`` or ``memory`` is below
            1, or ``nonfinite`` of ``clip`` is not ``"raise"``.

    Note:
        On a GPU, some kernels of torch add in another order each time;
        ``torch.use_deterministic_algorithms`` says which. A model whose state is not all in its
        ``state_dict()`` does not come back whole either. A step draws from generators of the run's
        own, which start where torch's are now; it refuses ``torch.utils.checkpoint`` around
        dropout, and on CUDA the dropout of an RNN (``gradlab.training.random`` says why). And each
        branch is one seed.

    >>> import torch
    >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
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
        clip: Rule | None = None,
        loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
        every: int = 5,
        memory: int = 128 * 2**20,
    ) -> None:
        self.model, self.optimizer, self._loss = model, optimizer, loss
        self._stream, self.random = Stream(batches), Random(model)
        self._memory = whole("memory", memory)
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        first = positive("the learning rate of optimizer", rates[0])
        self._rates = [rate / first for rate in rates]
        self.learning_rate, self.clip, self.skipped = first, clip, range(0)
        self.branches: tuple[Branch, ...] = (Branch(),)
        self.ahead = 0
        self.every = whole("every", every)
        self.gradient: Gradient | None = None
        self._kept: dict[int, State] = {}
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
    def clip(self) -> Rule | None:
        """How to clip, from the next step on."""
        return self._clip

    @clip.setter
    def clip(self, clip: Rule | None) -> None:
        if clip is not None and clip.nonfinite != "raise":
            raise ValueError(f"clip must have nonfinite='raise', got {clip.nonfinite!r}")
        self._clip = clip

    @property
    def skipped(self) -> range:
        """Places in the stream, from 0, whose batches are left out; the later ones move up."""
        return self._skipped

    @skipped.setter
    def skipped(self, skipped: range) -> None:
        if not isinstance(skipped, range) or skipped.step != 1 or skipped.start < 0:
            raise ValueError(f"skipped must be a range of places, 0 or more, got {skipped!r}")
        self._skipped = skipped

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
            NotImplementedError: the model draws where no generator of the run's can be given.
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
        clip, rate = self.clip, self.learning_rate  # another thread may turn them at any time
        for group, times in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * times
        keep = (self.position + 1) % self.every == 0
        before: list[LogHistogram] = []
        watch = (lambda model: before.append(_elements(model))) if measure or keep else None
        self.model.train()
        try:
            with self.random.own():
                batch = self._stream.batch(self._place())
                way: Any = {"clip": clip or ByNorm(inf), "loss": self._loss, "watch": watch}
                did = step(self.model, self.optimizer, batch, **way)
        except NonFiniteGradient:
            self.gradient = None
            with self.random.own():
                self._change(diverged=str(find(self.model, *batch, loss=self._loss)))
            return
        assert did.clipped is not None
        norm, coefficient = float(did.clipped.total_norm), float(did.clipped.coefficient)
        fired = bool(did.clipped.fired)
        taken = Taken(float(did.loss), norm, coefficient, fired, rate, clip)
        self.gradient = None
        if before:
            scaled = not fired or (clip is not None and clip.part == "everything")
            after = None if scaled else _elements(self.model)
            self.gradient = Gradient(before[0], after, coefficient)
        self._change(steps=(*self.branch.steps, taken))
        if keep:
            self._keep()
            self._thin()
        if not isfinite(taken.loss):
            self._change(diverged="the loss")

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
        names = ("branches", "ahead", "every", "learning_rate", "clip", "skipped", "_kept")
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

    def _place(self) -> int:
        """Of the next batch in the stream."""
        here, skipped = self.position, self.skipped
        return here + (len(skipped) if here >= skipped.start else 0)

    def _state(self) -> State:
        return State.of(self.model, self.optimizer, self.random, self.clip, self.gradient)

    def _restore(self, state: State) -> None:
        state.restore(self.model, self.optimizer, self.random, self.clip)
        self.gradient = state.gradient

    def _keep(self) -> None:
        self._kept = {**self._kept, self.position: self._state()}

    def _thin(self) -> None:
        while len(self._kept) > 2 and sum(k.nbytes for k in self._kept.values()) > self._memory:
            self.every *= 2
            self._kept = {n: kept for n, kept in self._kept.items() if n % self.every == 0}

    def _change(self, **what: Any) -> None:
        self.branches = (*self.branches[:-1], replace(self.branch, **what))


def _elements(model: nn.Module) -> LogHistogram:
    layers = gather(model.named_parameters())
    return LogHistogram.of(joined([layer.gradient for layer in layers], layers[0].gradient.device))
