"""Which weights can go: score them, rank them, cut, and hold what is cut at zero.

Scores are measured once and sorted once; every move of a slider is a look-up::

    scores = prune.score(model, "taylor", images.batches(64, seed=0, steps=10))
    ranking = prune.rank(scores)
    cut = ranking.at(0.9)            # counts, sparsity per layer, threshold: at once
    cut.emptied                      # layers of which nothing would be left
    prune.apply_(model, cut)         # masks, held by torch.nn.utils.prune
    prune.sparsity(model)            # exact zeros, per layer and in total

``prune_to_`` does all of it, for a ``Schedule`` between two training steps; ``restore_`` takes the
masks off, ``bake_`` leaves the zeros in the weights. Zeros alone save no time: ``narrow`` takes
whole channels out, and ``cost`` and ``latency`` say what that gains.
"""

from gradlab.prune.channels import narrow
from gradlab.prune.cost import Cost, Latency, cost, latency
from gradlab.prune.masks import apply_, bake_, masks, prune_to_, restore_
from gradlab.prune.ranking import Cut, Ranking, rank
from gradlab.prune.schedule import Schedule
from gradlab.prune.scores import CRITERIA, Scores, score
from gradlab.prune.sparsity import Sparsity, sparsity
from gradlab.prune.weights import Weight, prunable, survey

__all__ = [
    "CRITERIA",
    "Cost",
    "Cut",
    "Latency",
    "Ranking",
    "Schedule",
    "Scores",
    "Sparsity",
    "Weight",
    "apply_",
    "bake_",
    "cost",
    "latency",
    "masks",
    "narrow",
    "prunable",
    "prune_to_",
    "rank",
    "restore_",
    "score",
    "sparsity",
    "survey",
]
