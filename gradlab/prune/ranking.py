"""Scores in order: sorted once, so that every question of a slider is a look-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradlab.arguments import one_of, within
from gradlab.prune.scores import GONE, Scores
from gradlab.prune.zeros import Sparsity


@dataclass(frozen=True, eq=False, repr=False)
class Cut(Sparsity):
    """Which weights go, as counts; ``mask`` and ``masks`` say it weight by weight.

    ``sizes``, ``zeros``, ``per_layer``, ``total`` and ``emptied`` are those of the model once the
    masks are on it.

    Args:
        thresholds: (L,) float64: the smallest score that stays in a layer, or in the whole model
            if all layers were ranked together; inf where nothing stays.
        _ranks: of every weight among all, in its own shape.
        _first: (L,) the lowest rank that stays in each layer.
    """

    thresholds: NDArray[np.float64]
    _ranks: Mapping[str, Tensor] = field(repr=False)
    _first: NDArray[np.int64] = field(repr=False)

    def mask(self, layer: str) -> Tensor:
        """The mask of one layer: bool, in the weight's shape, on the CPU; True where it stays.

        Raises:
            ValueError: there is no such layer.
        """
        one_of("layer", layer, self.layers)
        return self._ranks[layer] >= int(self._first[self.layers.index(layer)])

    def masks(self) -> dict[str, Tensor]:
        """The masks of all layers, by name of the weight."""
        return {layer: self.mask(layer) for layer in self.layers}


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """Every weight's place among all, by score; ``rank`` makes one.

    Args:
        importance: how the scores were measured, in words.
        layers: names of the weights, in the model's order.
        sorted_scores: (n,) all scores, ascending.
        ranks: by name, int32: each weight's place in that order.
        places: for each layer, its ranks ascending.
        gone: (L,) how many weights of each layer a mask holds at zero already.
        left_out: the weights without scores, by name, with the reason in words.
    """

    importance: str
    layers: tuple[str, ...]
    sorted_scores: NDArray[np.floating]
    ranks: Mapping[str, Tensor]
    places: Sequence[NDArray[np.int32]]
    gone: NDArray[np.int64]
    left_out: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.sorted_scores)

    def __repr__(self) -> str:
        out = "".join(f"; {name} left out: {why}" for name, why in self.left_out.items())
        return (
            f"Ranking({len(self):,} weights in {len(self.layers)} layers by {self.importance}{out})"
        )

    def cut(self, amount: float, *, per_layer: bool = False) -> Cut:
        """What goes when a share ``amount`` of the weights with the smallest scores goes.

        As ``torch.nn.utils.prune``: ``round(amount * n)`` weights out of all n together, as
        ``global_unstructured`` takes them, or out of each layer's n, as ``l1_unstructured`` does.
        Of weights with the same score the first in the model's order goes first (torch leaves
        that open), so that a larger amount takes all that a smaller one does, and more.

        Args:
            amount: dimensionless, in [0, 1]: of all weights, those included that a mask holds at
                zero already. They stay there; a smaller amount than theirs changes nothing.
            per_layer: the same share of every layer.

        Raises:
            ValueError: ``amount`` is not a number in [0, 1].

        Note:
            Scores of different layers need not be comparable: all layers together may lose a whole
            layer, which ``emptied`` then names.
        """
        amount = within("amount", amount, 0, 1)
        if not per_layer:
            return self._from(round(amount * len(self)))
        counts = [round(amount * len(places)) for places in self.places]
        zeros = np.maximum(np.array(counts, np.int64), self.gone)
        first = np.array(
            [self._rank(places, k) for places, k in zip(self.places, zeros, strict=True)], np.int64
        )
        return self._cut(zeros, first)

    def cut_below(self, threshold: float) -> Cut:
        """What goes when every weight with a score below ``threshold`` goes.

        Args:
            threshold: the score's unit, finite, rounded to the precision of the scores; a score
                equal to it stays.

        Raises:
            ValueError: ``threshold`` is not a finite number.
        """
        threshold = within("threshold", threshold, -np.inf)
        with np.errstate(over="ignore"):  # in the scores' own precision: else numpy widens them all
            own = self.sorted_scores.dtype.type(threshold)
        return self._from(int(np.searchsorted(self.sorted_scores, own)))

    def _from(self, rank: int) -> Cut:
        """All ranks from ``rank`` stay."""
        rank = max(rank, int(self.gone.sum()))
        zeros = [np.searchsorted(places, np.int32(rank)) for places in self.places]
        return self._cut(np.array(zeros, np.int64), np.full(len(zeros), rank, np.int64))

    def _rank(self, places: NDArray[np.int32], count: int) -> int:
        """The rank that is the first to stay when ``count`` of a layer go."""
        return int(places[count]) if count < len(places) else len(self)

    def _cut(self, zeros: NDArray[np.int64], first: NDArray[np.int64]) -> Cut:
        within_order = np.minimum(first, len(self) - 1)
        kept = self.sorted_scores[within_order].astype(np.float64)
        return Cut(
            self.layers,
            np.array([len(places) for places in self.places], np.int64),
            zeros,
            np.where(first < len(self), kept, np.inf),
            self.ranks,
            first,
        )


def rank(scores: Scores) -> Ranking:
    """Every weight's place among all, by score: sorted once, in O(n log n).

    Memory is 12 bytes a weight, 16 where scores are float64.

    Args:
        scores: of a model, as ``score`` returns them, or anybody's own.

    Raises:
        ValueError: a score is NaN or plus infinity; there is none.

    >>> own = Scores("own", {"fc.weight": torch.tensor([[0.3, 0.1], [0.2, 0.4]])}, {})
    >>> cut = rank(own).cut(0.5)
    >>> cut
    2 of 4 weights are zero (50.0%)
    >>> cut.masks()["fc.weight"]
    tensor([[ True, False],
            [False,  True]])
    """
    for name, values in scores.values.items():
        if values.isnan().any() or values.isposinf().any():
            raise ValueError(f"scores must be finite, got inf or NaN in {name}")
    flat = [values.detach().reshape(-1).cpu() for values in scores.values.values()]
    if not sum(map(len, flat)):
        raise ValueError("scores must hold one weight or more, got none")
    ascending, order = torch.cat(flat).sort(stable=True)
    places = torch.empty(len(order), dtype=torch.int32)
    places[order] = torch.arange(len(order), dtype=torch.int32)
    parts = places.split([len(part) for part in flat])
    return Ranking(
        importance=scores.importance,
        layers=tuple(scores.values),
        sorted_scores=ascending.numpy(),
        ranks={
            name: part.view(values.shape)
            for (name, values), part in zip(scores.values.items(), parts, strict=True)
        },
        places=[np.sort(part.numpy()) for part in parts],
        gone=np.array([int((part == GONE).sum()) for part in flat], np.int64),
        left_out=scores.left_out,
    )
