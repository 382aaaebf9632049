"""What is learned from labels: a classifier of vectors, and a map to short ones."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradlab import train
from gradlab.arguments import one_of, whole, within
from gradlab.compress.affine import Affine, scale, vectors

MAPS = ("linear", "relu", "lstm")
_HIDDEN, _PIECES = 64, 7


def classifier(
    features: Tensor, labels: Tensor, *, weight_decay: float = 3e-5, iterations: int = 40
) -> Affine:
    r"""Softmax regression: the affine map to logits with the least cross-entropy.

    .. math:: -\tfrac1n \sum_i \log \mathrm{softmax}(x_i W + b)_{y_i} + \lambda \lVert W \rVert^2

    The features are centred and divided by one number, their root mean square length, so that the
    same ``weight_decay`` suits vectors of any length. It starts at zero and takes a fixed number of
    L-BFGS iterations: the same vectors give the same map, and no seed is needed.

    Args:
        features: (n, d), finite; the vectors must differ.
        labels: int64 (n,), from 0.
        weight_decay: λ, 0 or more.
        iterations: of L-BFGS, 1 or more.

    Returns:
        The map from features, as given, to logits: (d, classes).

    Raises:
        TypeError: ``features`` is no floating-point tensor.
        ValueError: shapes do not fit, or a value is not finite or out of its range.
    """
    mean, length = scale(vectors("features", features))
    inputs, classes = (features - mean) / length, _classes(features, labels)
    within("weight_decay", weight_decay, 0)
    weight = inputs.new_zeros(inputs.shape[1], classes, requires_grad=True)
    bias = inputs.new_zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=whole("iterations", iterations))

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(inputs @ weight + bias, labels)
        loss = loss + weight_decay * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    found = weight.detach() / length
    return Affine(found, bias.detach() - mean @ found)


def bottleneck(
    features: Tensor, labels: Tensor, k: int, *, kind: str = "linear", seed: int, steps: int = 300
) -> nn.Module:
    """A map to ``k`` numbers, trained together with a linear classifier that reads them.

    Adam with a learning rate of 0.003, batches of 128. The classifier is thrown away.

    Args:
        features: (n, d), finite; the vectors must differ.
        labels: int64 (n,), from 0.
        k: numbers that are left, from 1 to d.
        kind: ``"linear"``; ``"relu"``, with a hidden layer of 64; or ``"lstm"``, which reads the
            vector in 7 pieces, with a state of 64, and maps the last state linearly.
        seed: of the first weights and of the order of the batches.
        steps: of the optimizer, 1 or more.

    Returns:
        A module from (n, d) to (n, k), in evaluation mode, without gradients.

    Raises:
        TypeError: ``features`` is no floating-point tensor.
        ValueError: shapes do not fit, a value is not finite or out of its range, or an LSTM is to
            read vectors that 7 does not divide.
    """
    mean, length = scale(vectors("features", features))
    d, classes = features.shape[1], _classes(features, labels)
    whole("k", k, 1, d)
    one_of("kind", kind, MAPS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(whole("seed", seed, 0))
        short = nn.Sequential(_Standardise(mean, length / d**0.5), _map(kind, d, k))
        model = nn.Sequential(short, nn.Linear(k, classes))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in train.steps(model, optimizer, _batches(features, labels, seed, whole("steps", steps))):
        pass
    return short.eval().requires_grad_(False)


class _Standardise(nn.Module):
    """Centre vectors, and bring a feature's root mean square to 1: one number for all of them."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, vectors: Tensor) -> Tensor:
        return (vectors - self.mean) / self.deviation


class _Reader(nn.Module):
    """An LSTM that reads a vector piece by piece; its last state, mapped linearly."""

    def __init__(self, d: int, k: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(d // _PIECES, _HIDDEN, batch_first=True)
        self.out = nn.Linear(_HIDDEN, k)

    def forward(self, vectors: Tensor) -> Tensor:
        states, _ = self.lstm(vectors.unflatten(1, (_PIECES, -1)))
        short: Tensor = self.out(states[:, -1])
        return short


def _map(kind: str, d: int, k: int) -> nn.Module:
    if kind == "linear":
        return nn.Linear(d, k)
    if kind == "relu":
        return nn.Sequential(nn.Linear(d, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, k))
    if d % _PIECES:
        raise ValueError(f"features must have a multiple of {_PIECES} numbers, got {d}")
    return _Reader(d, k)


def _batches(
    features: Tensor, labels: Tensor, seed: int, steps: int
) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.randint(len(features), (128,), generator=generator)
        yield features[chosen], labels[chosen]


def _classes(features: Tensor, labels: Tensor) -> int:
    """How many classes there are, once the labels have been checked."""
    fits = labels.shape == features.shape[:1] and labels.dtype == torch.int64
    if not fits or int(labels.min()) < 0:
        raise ValueError(
            f"labels must be int64 of shape ({len(features)},), from 0, got {labels.dtype} of "
            f"shape {tuple(labels.shape)} from {labels.min().item() if labels.numel() else '-'}"
        )
    return int(labels.max()) + 1
