"""One training loop, as a generator: whoever draws its steps can pause, watch or stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from gradlab.clip import Clipped, Rule
from gradlab.data import ImageData


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


def steps(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    rule: Rule | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
) -> Iterator[Step]:
    """Train ``model`` on ``batches``, one step each time the iterator is asked for the next.

    Forward, backward, clip, step: in this order, and nothing between two steps.

    Args:
        model: on the device of the batches; trained in place.
        optimizer: over the model's parameters.
        batches: (inputs, targets), as ``ImageData.batches`` gives them.
        rule: how to clip before each step; None: not at all. ``ByNorm(inf)`` measures only.
        loss: of (outputs, targets), 0-dim.

    Raises:
        NonFiniteGradient: the rule met an infinite or NaN gradient and is one that raises; the
            weights are those before the step.
    """
    model.train()
    for number, (inputs, targets) in enumerate(batches):
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        value.backward()
        clipped = rule.clip_(model.named_parameters()) if rule else None
        optimizer.step()
        yield Step(number, value.detach(), clipped)


@torch.no_grad()
def accuracy(model: nn.Module, images: ImageData, *, batch_size: int = 500) -> float:
    """The fraction of ``images`` that ``model`` names rightly.

    Args:
        model: in evaluation mode while measured; afterwards in the mode it was in.
        images: one split of a data set.
        batch_size: images at a time, at least 1.

    Returns:
        Dimensionless, in [0, 1].

    Note:
        With n images it is known to about ``sqrt(a (1 - a) / n)``: 1.5 % at 70 % of 1,000 images.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    right = sum(
        int((model(inputs).argmax(1) == labels).sum())
        for inputs, labels in images.in_order(batch_size, device=device)
    )
    model.train(was_training)
    return right / len(images)
