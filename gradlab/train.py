"""One training loop, as a generator: whoever draws its steps can pause, watch or stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf, nan

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from gradlab.clip import ByNorm, Clipped, NonFiniteGradient, Rule
from gradlab.clip.gradients import gather
from gradlab.course.data import ImageData
from gradlab.divergence import Origin, find


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
    watch: Callable[[nn.Module], object] | None = None,
) -> Iterator[Step]:
    """Train ``model`` on ``batches``, one step each time the iterator is asked for the next.

    Forward, backward, clip, step: in this order, and nothing between two steps.

    Args:
        model: on the device of the batches; trained in place.
        optimizer: over the model's parameters.
        batches: (inputs, targets), as ``ImageData.batches`` gives them.
        rule: how to clip before each step; None: not at all. ``ByNorm(inf)`` measures only.
        loss: of (outputs, targets), 0-dim.
        watch: called with the model in each step, between backward and clip; changes nothing.

    Raises:
        NonFiniteGradient: the rule met an infinite or NaN gradient and is one that raises; the
            weights are those before the step.
    """
    model.train()
    for number, (inputs, targets) in enumerate(batches):
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        value.backward()
        if watch:
            watch(model)
        clipped = rule.clip_(model.named_parameters()) if rule else None
        optimizer.step()
        yield Step(number, value.detach(), clipped)


@dataclass(frozen=True, eq=False)
class Run:
    """One training run, as plain data; arrays have a row for each step taken, on the CPU.

    Args:
        losses: (n,) float64: of the batch, before the step.
        total_norms: (n,) float64: norm of the whole gradient before clipping.
        coefficients: (n,) float64: norm after clipping / norm before.
        fired: (n,) bool: whether clipping changed anything.
        layers: names of the parameters, for the columns of ``layer_norms``.
        layer_norms: (n, len(layers)) float64: norm of each parameter's gradient before clipping.
        accuracy: fraction of the test images named rightly at the end; NaN if none were given.
        diverged: where step n met an infinity or a NaN, which ended the run; None: nothing did.
    """

    losses: NDArray[np.float64]
    total_norms: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    fired: NDArray[np.bool_]
    layers: tuple[str, ...]
    layer_norms: NDArray[np.float64]
    accuracy: float
    diverged: Origin | None

    def __len__(self) -> int:
        return len(self.losses)


def run(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    rule: Rule | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    test: ImageData | None = None,
) -> Run:
    """Train until the batches end or a gradient is not finite; return what happened.

    Args:
        model: as for ``steps``, which does the work.
        optimizer: over the model's parameters.
        batches: (inputs, targets); finitely many, one at least.
        rule: how to clip before each step; None: measure only.
        loss: of (outputs, targets), 0-dim.
        test: images to measure the accuracy on, at the end.

    Raises:
        ValueError: there are no batches, or ``rule`` does not raise on what is not finite.

    Note:
        The accuracy of a run that diverged is that of its last finite weights, which are worth
        nothing. And one run is one seed: another may survive what this one did not.

    >>> from gradlab import models
    >>> model = models.mlp(3, 8, outputs=2)
    >>> batches = [(torch.ones(4, 8), torch.tensor([0, 1, 0, 1]))] * 5
    >>> len(run(model, torch.optim.SGD(model.parameters(), lr=0.1), batches))
    5
    """
    rule = rule or ByNorm(inf)
    if rule.nonfinite != "raise":
        raise ValueError(f"rule must have nonfinite='raise', got {rule.nonfinite!r}")
    taken: list[tuple[Tensor, Clipped]] = []
    diverged = None
    for batch in batches:
        try:
            (step,) = steps(model, optimizer, [batch], rule=rule, loss=loss)
        except NonFiniteGradient:
            diverged = find(model, *batch, loss=loss)
            break
        assert step.clipped is not None
        taken.append((step.loss, step.clipped))
    if not taken and diverged is None:
        raise ValueError("batches must hold one batch or more, got none")
    layers = tuple(layer.name for layer in gather(model.named_parameters()))
    return Run(
        losses=np.array([float(value) for value, _ in taken]),
        total_norms=np.array([float(did.total_norm) for _, did in taken]),
        coefficients=np.array([float(did.coefficient) for _, did in taken]),
        fired=np.array([bool(did.fired) for _, did in taken], bool),
        layers=layers,
        layer_norms=np.array([did.layer_norms.tolist() for _, did in taken]).reshape(
            len(taken), len(layers)
        ),
        accuracy=nan if test is None else accuracy(model, test),
        diverged=diverged,
    )


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
    # a CPU convolves pixel by pixel faster, all channels of one together
    order = torch.channels_last if device.type == "cpu" else torch.preserve_format
    right = sum(
        int((model(inputs.to(memory_format=order)).argmax(1) == labels).sum())
        for inputs, labels in images.in_order(batch_size, device=device)
    )
    model.train(was_training)
    return right / len(images)
