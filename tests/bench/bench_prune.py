"""A move of the sparsity slider beside torch's own pruning, and the accuracy it is shown with.

`python tests/bench/bench_prune.py [pairs]`
"""

import copy
import statistics
import sys
import time

import torch
from timing import machine, paired, table
from torch import nn
from torch.nn.utils import prune as torch_prune

from gradlab import prune
from gradlab.course import data, device, models

SIZES = (100_000, 1_000_000, 11_000_000)


def layers_of(size):
    """Ten square layers with about `size` weights together."""
    torch.manual_seed(0)
    side = round((size / 10) ** 0.5)
    return nn.Sequential(*(nn.Linear(side, side, bias=False) for _ in range(10)))


def look_up(_, ranking, amount):
    """All that a readout shows of one place of the slider, then of the same place by threshold."""
    cut = ranking.cut(amount)
    return [
        (cut.zeros, cut.per_layer, cut.total, cut.thresholds, cut.emptied)
        for cut in (cut, ranking.cut_below(cut.thresholds[0]))
    ]


def mask(model, ranking, amount):
    """What ``global_unstructured`` does, from a ranking."""
    prune.apply_(model, ranking.cut(amount))


def slide(model, pairs, act):
    """Torch's own `global_unstructured`, and `act` on a fresh model, in turns."""
    ranking = prune.rank(prune.score(model))
    amounts = torch.linspace(0.01, 0.99, pairs + 2).tolist()
    ours, theirs = iter(amounts), iter(amounts)
    fresh = []

    def unstructured():
        layers = [(layer, "weight") for layer in fresh.pop()]
        torch_prune.global_unstructured(layers, torch_prune.L1Unstructured, amount=next(theirs))

    return paired(
        unstructured,
        lambda: act(fresh.pop(), ranking, next(ours)),
        pairs,
        before=lambda: fresh.append(copy.deepcopy(model)),
    )


def once(function):
    """What a function returns, and the seconds that it took."""
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def main(pairs: int) -> None:
    """Print the tables."""
    print(f"{machine()}; {pairs} pairs\n")
    print("a: torch's global_unstructured; b: gradlab, the scores having been ranked before\n")
    rows = []
    for size in SIZES:
        model = layers_of(size)
        looked = slide(model, pairs, look_up)
        rows.append(looked.row(f"{size:,} weights, looked up twice", "b <= 50 ms, ratio >= 20"))
        masked = slide(model, pairs, mask)
        rows.append(masked.row(f"{size:,} weights, masked"))
    print(table(rows), "\n")

    rows = []
    for size in SIZES:
        model = layers_of(size)
        scores, scoring = once(lambda model=model: prune.score(model))
        ranking, sorting = once(lambda scores=scores: prune.rank(scores))
        masks, masking = once(ranking.cut(0.5).masks)
        _, applying = once(lambda model=model, masks=masks: prune.apply_(model, masks))
        seconds = (scoring, sorting, masking, applying)
        rows.append((f"{size:,} weights", *(f"{1e3 * second:.0f} ms" for second in seconds)))
    print(table(rows, ("once per model", "score", "rank", "masks", "apply_")), "\n")

    budget, images = device.budget("cpu"), data.load("patches", "test")
    torch.manual_seed(0)
    model = models.pruning_cnn(budget.width)
    seconds = [once(lambda: images.accuracy(model))[1] for _ in range(pairs + 2)][2:]
    median, worst = 1e3 * statistics.median(seconds), 1e3 * max(seconds)
    print(
        f"accuracy of pruning_cnn({budget.width}) on {len(images):,} images: "
        f"median {median:.0f} ms, worst {worst:.0f} ms of {len(seconds)}; target <= 150 ms"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20)
