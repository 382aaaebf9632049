"""A whole training run, and what happened in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from gradlab.clip import ByNorm, Clipped, NonFiniteGradient, Rule
from gradlab.clip.gradients import gather
from gradlab.training.divergence import Origin, find
from gradlab.training.loop import Batch, Loss, step


@dataclass(frozen=True, eq=False)
class Run:
    """One training run, as plain data; arrays have a row for each step taken, on the CPU.

    Args:
        loss: (n,) float64: of the batch, before the step.
        total_norm: (n,) float64: norm of the whole gradient before clipping.
        coefficient: (n,) float64: norm after clipping / norm before.
        fired: (n,) bool: whether clipping changed anything.
        layers: names of the parameters, for the columns of ``layer_norms``.
        layer_norms: (n, len(layers)) float64: norm of each parameter's gradient before clipping.
        accuracy: of the model at the end, as ``accuracy`` measured it; NaN if it was not asked.
        diverged: where step n met an infinity or a NaN, which ended the run; None: nothing did.
    """

    loss: NDArray[np.float64]
    total_norm: NDArray[np.float64]
    coefficient: NDArray[np.float64]
    fired: NDArray[np.bool_]
    layers: tuple[str, ...]
    layer_norms: NDArray[np.float64]
    accuracy: float
    diverged: Origin | None

    def __len__(self) -> int:
        return len(self.loss)


def train(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[Batch],
    *,
    clip: Rule | None = None,
    loss: Loss = F.cross_entropy,
    accuracy: Callable[[nn.Module], float] | None = None,
) -> Run:
    """Train until the batches end or a gradient is not finite; return what happened.

    Args:
        model: as for ``steps``.
        optimizer: over the model's parameters.
        batches: (inputs, targets); finitely many, one at least.
        clip: how to clip before each step; None: measure only.
        loss: of (outputs, targets), 0-dim.
        accuracy: of the model, measured at the end, such as ``test.accuracy`` of the course's
            images; None: not measured.

    Raises:
        ValueError: there are no batches, or ``clip`` does not raise on what is not finite.

    Note:
        The accuracy of a run that diverged is that of its last finite weights, which are worth
        nothing. And one run is one seed: another may survive what this one did not.

    >>> import torch
    >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> batches = [(torch.ones(4, 8), torch.tensor([0, 1, 0, 1]))] * 5
    >>> len(train(model, torch.optim.SGD(model.parameters(), lr=0.1), batches))
    5
    """
    clip = clip or ByNorm(inf)
    if clip.nonfinite != "raise":
        raise ValueError(f"clip must have nonfinite='raise', got {clip.nonfinite!r}")
    model.train()
    taken: list[tuple[Tensor, Clipped]] = []
    diverged = None
    for batch in batches:
        try:
            did = step(model, optimizer, batch, clip=clip, loss=loss)
        except NonFiniteGradient:
            diverged = find(model, *batch, loss=loss)
            break
        assert did.clipped is not None
        taken.append((did.loss, did.clipped))
    if not taken and diverged is None:
        raise ValueError("batches must hold one batch or more, got none")
    layers = tuple(layer.name for layer in gather(model.named_parameters()))
    return Run(
        loss=np.array([float(value) for value, _ in taken]),
        total_norm=np.array([float(did.total_norm) for _, did in taken]),
        coefficient=np.array([float(did.coefficient) for _, did in taken]),
        fired=np.array([bool(did.fired) for _, did in taken], bool),
        layers=layers,
        layer_norms=np.array([did.layer_norms.tolist() for _, did in taken]).reshape(
            len(taken), len(layers)
        ),
        accuracy=nan if accuracy is None else accuracy(model),
        diverged=diverged,
    )
