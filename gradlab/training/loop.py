"""The training step, and the loop over it: whoever draws its steps can pause, watch or stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from gradlab.clip import Clipped, Rule

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Step:
    """One optimizer step.

    Args:
        number: of the step, from 0.
        loss: 0-dim, of the batch, before the step; left on the model's device.
        clipped: what the rule did; None where there was no rule.
    """

    number: int
    loss: Tensor
    clipped: Clipped | None


def step(
    model: nn.Module,
    optimizer: Optimizer,
    batch: Batch,
    *,
    clip: Rule | None = None,
    loss: Loss = F.cross_entropy,
    watch: Callable[[nn.Module], object] | None = None,
    number: int = 0,
) -> Step:
    """Take one training step on one batch, and return what it did.

    Forward, backward, clip, step: in this order, and nothing else. The gradient that the optimizer
    has seen stays in the parameters.

    Args:
        model: on the device of the batch; trained in place, in the mode it is in.
        optimizer: over the model's parameters.
        batch: (inputs, targets).
        clip: how to clip before the step; None: not at all. ``ByNorm(inf)`` measures only.
        loss: of (outputs, targets), 0-dim.
        watch: called with the model between backward and clip; changes nothing.
        number: what the step is to be called.

    Raises:
        NonFiniteGradient: the rule met an infinite or NaN gradient and is one that raises; the
            weights are those before the step.
    """
    inputs, targets = batch
    optimizer.zero_grad()
    value = loss(model(inputs), targets)
    value.backward()
    if watch:
        watch(model)
    clipped = clip.clip_(model.named_parameters()) if clip else None
    optimizer.step()
    return Step(number, value.detach(), clipped)


def steps(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[Batch],
    *,
    clip: Rule | None = None,
    loss: Loss = F.cross_entropy,
    watch: Callable[[nn.Module], object] | None = None,
) -> Iterator[Step]:
    """Train ``model`` on ``batches``, one step each time the iterator is asked for the next.

    Args:
        model: on the device of the batches; trained in place, in training mode.
        optimizer: over the model's parameters.
        batches: (inputs, targets), one for each step.
        clip, loss, watch: as for ``step``.

    Raises:
        NonFiniteGradient: as ``step``.
    """
    model.train()
    for number, batch in enumerate(batches):
        yield step(model, optimizer, batch, clip=clip, loss=loss, watch=watch, number=number)
