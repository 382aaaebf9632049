"""The maps from long vectors to k numbers: principal components, random, and learned ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from sklearn.decomposition import PCA
from sklearn.random_projection import GaussianRandomProjection
from torch import Tensor, nn

from gradlab import training
from gradlab.arguments import one_of, whole
from gradlab.course.lessons.features.vectors import Floats, Labels, spread

MAPS = ("none", "pca", "random", "linear", "relu", "lstm")
STEPS = 300
_HIDDEN, _PIECES = 64, 7


@dataclass(frozen=True)
class Map:
    """A map from (n, d) to (n, k), and how many numbers it holds."""

    transform: Callable[[Floats], Floats]
    parameters: int


def fit(by: str, vectors: Floats, labels: Labels, k: int, *, seed: int) -> Map:
    """A map that shortens vectors such as these to k numbers.

    Args:
        by: ``"none"``, for k = d: leaves them as they are; ``"pca"``: the directions in which they
            differ most, which know nothing of labels; ``"random"``: random directions, which have
            not even seen the vectors; ``"linear"``, ``"relu"`` (with a hidden layer of 64) or
            ``"lstm"`` (reads the vector in 7 pieces, with a state of 64, and maps the last state
            linearly): trained together with a linear classifier, which is thrown away; 300 steps
            of Adam with a learning rate of 0.003, batches of 128.
        vectors: (n, d), finite; they must differ.
        labels: (n,), from 0.
        k: numbers that are left, from 1 to d.
        seed: of the random directions, and of a learned map's first weights and order of batches.

    Raises:
        ValueError: an argument is none of these, or an LSTM is to read vectors that 7 does not
            divide.
    """
    one_of("by", by, MAPS)
    d = vectors.shape[1]
    whole("k", k, d if by == "none" else 1, d)
    if by == "none":
        return Map(lambda vectors: vectors, 0)
    if by == "pca":
        pca = PCA(k, svd_solver="covariance_eigh").fit(vectors)  # exact, whatever k
        return Map(pca.transform, (d + 1) * k)
    if by == "random":
        dice = GaussianRandomProjection(k, random_state=seed).fit(vectors)
        return Map(dice.transform, d * k)
    return _learned(by, vectors, labels, k, seed)


def _learned(kind: str, vectors: Floats, labels: Labels, k: int, seed: int) -> Map:
    mean, length = spread(vectors)
    d, classes = vectors.shape[1], int(labels.max()) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        standardise = _Standardise(torch.from_numpy(mean), length / d**0.5)
        short = nn.Sequential(standardise, *_layers(kind, d, k))
        model = nn.Sequential(short, nn.Linear(k, classes))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    for _ in training.steps(model, optimizer, _batches(vectors, labels, seed)):
        pass

    @torch.no_grad()
    def transform(vectors: Floats) -> Floats:
        shortened: Floats = short(torch.from_numpy(vectors)).numpy()
        return shortened

    return Map(transform, sum(weights.numel() for weights in short.parameters()))


def _layers(kind: str, d: int, k: int) -> list[nn.Module]:
    if kind == "linear":
        return [nn.Linear(d, k)]
    if kind == "relu":
        return [nn.Linear(d, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, k)]
    if d % _PIECES:
        raise ValueError(f"vectors must have a multiple of {_PIECES} numbers, got {d}")
    return [_Reader(d // _PIECES), nn.Linear(_HIDDEN, k)]


class _Standardise(nn.Module):
    """Centre vectors, and bring a feature's root mean square to 1: one number for all of them."""

    def __init__(self, mean: Tensor, deviation: float) -> None:
        super().__init__()
        self._mean, self._deviation = mean, deviation

    def forward(self, vectors: Tensor) -> Tensor:
        return (vectors - self._mean) / self._deviation


class _Reader(nn.Module):
    """The last state of an LSTM that reads a vector piece by piece."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._lstm = nn.LSTM(width, _HIDDEN, batch_first=True)

    def forward(self, vectors: Tensor) -> Tensor:
        states: Tensor = self._lstm(vectors.unflatten(1, (_PIECES, -1)))[0]
        return states[:, -1]


def _batches(vectors: Floats, labels: Labels, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    inputs, targets = torch.from_numpy(vectors), torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        chosen = torch.randint(len(inputs), (128,), generator=generator)
        yield inputs[chosen], targets[chosen]
