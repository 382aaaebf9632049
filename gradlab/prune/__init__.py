"""Which weights can go: score them, rank them, cut, and hold what is cut at zero.

Scores are measured once and sorted once; every move of a slider is a look-up::

    scores = prune.score(model, "taylor", images.batches(64, seed=0, steps=10))
    ranking = prune.rank(scores)
    cut = ranking.cut(0.9)           # counts, sparsity per layer, threshold: at once
    cut.emptied                      # layers of which nothing would be left
    prune.apply_(model, cut)         # masks, held by torch.nn.utils.prune
    prune.sparsity(model)            # exact zeros, per layer and in total

``prune_to_`` does all of it, for a ``Schedule`` between two training steps; ``restore_`` takes the
masks off, ``make_permanent_`` leaves the zeros in the weights. Zeros alone save no time:
``remove_channels`` takes whole channels out, and ``cost`` and ``latency`` say what that gains.
"""

from gradlab.prune.channels import remove_channels
from gradlab.prune.costs import cost, latency
from gradlab.prune.masks import apply_, make_permanent_, prune_to_, restore_
from gradlab.prune.ranking import rank
from gradlab.prune.schedule import Schedule
from gradlab.prune.scores import IMPORTANCES, score
from gradlab.prune.zeros import sparsity

__all__ = [
    "IMPORTANCES",
    "Schedule",
    "apply_",
    "cost",
    "latency",
    "make_permanent_",
    "prune_to_",
    "rank",
    "remove_channels",
    "restore_",
    "score",
    "sparsity",
]
