"""A ranking of weights, counted by score: what the sparsity panel shows of each cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradlab import prune
from gradlab.prune.ranking import Cut, Ranking
from gradlab.prune.scores import Scores

EDGES = np.geomspace(1e-5, 1, 61)  # of scores, relative to the largest


@dataclass(frozen=True, eq=False)
class Ranked:
    """A ranking, and how many weights of each layer have which score.

    Args:
        ranking: of all weights.
        largest: magnitude of a score.
        counts: (L, bars) weights of each layer in each bar.
        before: (L, bars) weights of each layer that go before those of the bar.
    """

    ranking: Ranking
    largest: float
    counts: NDArray[np.int64]
    before: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Scores) -> Ranked:
        """All weights in the order of their scores, and the counts."""
        ranking = prune.rank(scores)
        magnitudes = np.abs(np.nan_to_num(ranking.sorted_scores, neginf=0))
        largest = float(magnitudes.max()) or 1.0
        bars = np.searchsorted(EDGES[1:-1], magnitudes / largest, side="right")
        counts = np.stack(
            [np.bincount(bars[places], minlength=len(EDGES) - 1) for places in ranking.places]
        )
        before = counts.cumsum(1) - counts
        if bars[0] > bars[-1]:  # the largest go first
            before = counts[:, ::-1].cumsum(1)[:, ::-1] - counts
        return cls(ranking, largest, counts, before)

    def going(self, cut: Cut) -> NDArray[np.int64]:
        """(bars,) how many weights of each bar go."""
        going = np.clip(cut.zeros[:, None] - self.before, 0, self.counts)
        return np.asarray(going.sum(0))
