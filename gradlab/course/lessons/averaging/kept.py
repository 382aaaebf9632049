"""Weights that were kept while a network trained, and their exponential moving averages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gradlab.arguments import whole, within


def shares(count: int, decay: float) -> Tensor:
    r"""How much of each of ``count`` weights is in their exponential moving average.

    The average starts at the first weights, ``e_1 = w_1``, and each later ones are mixed in by
    ``e_n = d e_{n-1} + (1 - d) w_n``. Written out, it is one weighted sum:

    .. math:: e_n = d^{n-1} w_1 + \sum_{i=2}^{n} (1 - d)\, d^{n-i} w_i

    Source: Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging", for
    averages of weights; with a decay, as ``torch.optim.swa_utils.get_ema_multi_avg_fn`` has it.

    Args:
        count: n, at least 1.
        decay: d, dimensionless, from 0 (the last weights alone) to 1 (the first alone).

    Returns:
        (count,) float64, dimensionless, the oldest first; their sum is 1.

    Raises:
        ValueError: an argument is out of range.

    Note:
        With a large decay and few weights, most of the average is the first weights.

    >>> shares(4, 0.5).tolist()
    [0.125, 0.125, 0.25, 0.5]
    """
    whole("count", count)
    decay = within("decay", decay, 0, 1)
    powers = decay ** torch.arange(count - 1, -1, -1, dtype=torch.float64)
    return torch.cat([powers[:1], (1 - decay) * powers[1:]])


@dataclass(frozen=True, eq=False)
class Kept:
    """The weights of one training run, at some of its steps.

    Args:
        model: the network whose weights they are; ``load_`` changes them.
        steps: (n,) after how many steps each was kept.
        weights: (n, P) float32, all parameters one after another, on the model's device.
    """

    model: nn.Module
    steps: tuple[int, ...]
    weights: Tensor

    def average(self, decay: float, count: int) -> Tensor:
        """The moving average, after the first ``count`` kept weights: (P,) float32."""
        mix = shares(count, decay).to(self.weights)
        return mix @ self.weights[:count]

    @torch.no_grad()
    def load_(self, decay: float, count: int) -> nn.Module:
        """The model, with that average for its weights."""
        parameters = list(self.model.parameters())
        parts = self.average(decay, count).split([p.numel() for p in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.copy_(part.view(parameter.shape))
        return self.model


def keep(model: nn.Module, training: Iterable[object], every: int) -> Kept:
    """Train, and keep the weights after each ``every`` steps.

    Args:
        model: that is trained.
        training: steps that train it, such as ``training.steps(model, optimizer, batches)``.
        every: steps, at least 1.

    Raises:
        ValueError: the model has batch normalisation or other buffers, ``every`` is below 1, the
            training ended before, or the weights became infinite or NaN.

    Note:
        Running statistics of batch normalisation belong to the weights they were collected with,
        and not to an average; ``torch.optim.swa_utils.update_bn`` collects new ones.
    """
    whole("every", every)
    if names := [name for name, _ in model.named_buffers()]:
        raise ValueError(
            f"model must have no buffers, got {names[0]!r}: they belong to the weights they were "
            "collected with"
        )
    steps: list[int] = []
    weights: list[Tensor] = []
    for taken, _ in enumerate(training, 1):
        if taken % every == 0:
            weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
            steps.append(taken)
            if not weights[-1].isfinite().all():
                raise ValueError(f"the training must stay finite, got NaN or inf by step {taken}")
    if not weights:
        raise ValueError(f"every must be at most the number of steps, got {every}")
    return Kept(model, tuple(steps), torch.stack(weights))
