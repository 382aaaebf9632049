"""S1, image classification with pruning by gradient: what it claims, and what decides it."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, Word
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.pruning.questions import AMOUNTS, LARGEST
from gradlab.course.sweep.records import Records

Accuracies = NDArray[np.float64]  # (seeds, amounts)

HELD = 0.02
"""An accuracy holds where it falls by less than this, in every seed."""

_RIVALS = ("random", "magnitude", "taylor")
_SETTINGS = (("one shot", 0.3), ("one shot", 0.5), ("tuned", 0.7), ("tuned", 0.8), ("tuned", 0.9))


def _test(records: Records, part: str, importance: str, split: str = "test") -> Accuracies:
    """Accuracies with all layers ranked together, by seed and amount."""
    chosen = records.where(part=part, importance=importance)
    if part == "one shot":
        chosen = chosen.where(scope="global")
    return chosen.values(split)


def _change(accuracy: Accuracies, amount: float) -> Seeds:
    """What pruning this amount changes, against the same training without pruning."""
    return paired(accuracy[:, AMOUNTS.index(amount)], accuracy[:, 0])


def _lasting(accuracy: Accuracies) -> float:
    """The largest amount up to which accuracy holds."""
    lasting = 0.0
    for amount in AMOUNTS[1:]:
        if not _change(accuracy, amount).above(-HELD):
            break
        lasting = amount
    return lasting


def _small_gradients_can_go(records: Records) -> Verdict:
    lasting = {
        importance: [_lasting(_test(records, part, importance)) for part in ("one shot", "tuned")]
        for importance in ("gradient", "magnitude", "random")
    }
    at_once, tuned = lasting["gradient"]
    word: Word = "holds" if at_once >= 0.5 else "depends" if tuned >= 0.5 else "fails"
    dense = over_seeds(_test(records, "one shot", "gradient")[:, 0])
    told = "; ".join(
        f"by {importance}, at once {_up_to(first)}, after one more epoch {_up_to(then)}"
        for importance, (first, then) in lasting.items()
    )
    on = "; it depends on whether training goes on" * (word == "depends")
    return Verdict(word, f"accuracy {dense:.1%} unpruned; it holds in every seed {told}{on}")


def _up_to(amount: float) -> str:
    return f"up to {amount:.0%}" if amount else f"not even at {AMOUNTS[1]:.0%}"


def _the_gap_closes(records: Records) -> Verdict:
    test = _test(records, "tuned", "gradient")
    gap = _test(records, "tuned", "gradient", "train") - test
    told, better = [], []
    for amount in (0.5, 0.8, 0.9):
        closed, changed = _change(gap, amount), _change(test, amount)
        better.append(closed.below(0) and changed.above(-HELD))
        told.append(f"at {amount:.0%} the gap changes by {closed:+.1%}, accuracy by {changed:+.1%}")
    word: Word = "holds" if all(better) else "depends" if any(better) else "fails"
    on = "; it depends on the sparsity" * (word == "depends")
    return Verdict(word, f"gap {over_seeds(gap[:, 0]):.1%} unpruned; {'; '.join(told)}{on}")


def _gradient_is_a_good_measure(records: Records) -> Verdict:
    leads = {rival: list(_leads(records, rival)) for rival in _RIVALS}
    good = [
        _ahead(leads["random"][k]) and not any(_behind(leads[r][k]) for r in _RIVALS[1:])
        for k in range(len(_SETTINGS))
    ]
    told = [
        f"against {rival} ahead in every seed in {sum(map(_ahead, found))}, behind in every seed "
        f"in {sum(map(_behind, found))} of {len(found)} settings, mean lead "
        f"{min(lead.mean for lead in found):+.1%} to {max(lead.mean for lead in found):+.1%}"
        for rival, found in leads.items()
    ]
    where = [f"{part} at {a:.0%}" for (part, a), one in zip(_SETTINGS, good, strict=True) if one]
    word: Word = "holds" if all(good) else "depends" if any(good) else "fails"
    on = f"; it depends on sparsity and training: good only {', '.join(where)}"
    return Verdict(word, "; ".join(told) + on * (word == "depends"))


def _leads(records: Records, rival: str) -> Iterator[Seeds]:
    """By how much the gradient is better, in each setting."""
    for part, amount in _SETTINGS:
        place = AMOUNTS.index(amount)
        ours, theirs = (_test(records, part, c)[:, place] for c in ("gradient", rival))
        yield paired(ours, theirs)


def _ahead(lead: Seeds) -> bool:
    return lead.above(0) and lead.mean >= 0.01


def _behind(lead: Seeds) -> bool:
    return lead.below(0) and lead.mean <= -0.01


def _slower_and_half_precision_helps(records: Records) -> Verdict:
    steps = records.where(part="steps")
    dense, masked, half = (steps.values(name) for name in ("dense", "masked", "masked, half"))
    # round by round, so that other work on the machine hits both alike
    slower = over_seeds(np.median(masked / dense, 1) - 1)
    helps = over_seeds(np.median(half / masked, 1) - 1)
    found = slower.above(0.02), helps.below(-0.02)
    word: Word = "holds" if all(found) else "depends" if any(found) else "fails"
    slow, helped = ("yes" if one else "no" for one in found)
    on = f"; it depends: slower in every seed: {slow}, helped in every seed: {helped}"
    ms = fmean(np.median(dense, 1).tolist())
    return Verdict(
        word,
        f"masks change the time of a training step ({ms:.1f} ms) by {slower:+.1%}; bfloat16 "
        f"changes that of a step with masks by {helps:+.1%}" + on * (word == "depends"),
    )


def _large_weights_can_go(records: Records) -> Verdict:
    printed, dense = records.where(part="printed"), _test(records, "one shot", "magnitude")
    change = paired(printed.values("test"), dense[:, 0])
    word: Word = "holds" if change.above(-HELD) else "fails" if change.below(-0.1) else "depends"
    largest, smallest = (
        _change(_test(records, "one shot", c), 0.2) for c in (LARGEST, "magnitude")
    )
    return Verdict(
        word,
        f"the listing deletes {over_seeds(printed.values('share')):.1%} of all parameters and "
        f"changes accuracy by {change:+.1%}. With only the largest 20% of the weights deleted it "
        f"changes by {largest:+.1%}, with the smallest 20% by {smallest:+.1%}.",
    )


CLAIMS = (
    Claim(
        "S1-1",
        "Weights with a small gradient can be removed while accuracy holds.",
        "Prune by |gradient|, all layers together. Accuracy holds up to the largest amount at "
        "which, and below which, it is in every one of 5 seeds less than 2 points under that of "
        "the same training without pruning. Holds if that amount is 50 % or more at once, before "
        "any further training; depends if only after one more epoch; fails if not even then.",
        "pruning",
        _small_gradients_can_go,
    ),
    Claim(
        "S1-2",
        "Pruning makes the model generalise better: the gap between train and test shrinks.",
        "Prune by |gradient|, train one more epoch, and compare with the same training without "
        "pruning, at 50, 80 and 90 %. Pruning helps at an amount if in every one of 5 seeds the "
        "gap is smaller while the test accuracy is less than 2 points lower: a gap that closes "
        "because nothing is learned does not count. Holds if it helps at all three amounts, "
        "fails if at none, depends otherwise.",
        "pruning",
        _the_gap_closes,
    ),
    Claim(
        "S1-3",
        "The gradient is a good measure of a weight's importance.",
        "Five settings: pruned at once by 30 and 50 %; with one more epoch, by 70, 80 and 90 %. "
        "One measure beats another in a setting if its test accuracy is higher in every one of "
        "5 seeds, and by 1 point or more on average. In a setting the gradient is good if it beats "
        "random choice and neither |w| nor |w g| beats it. Holds if it is good in all settings, "
        "fails if in none, depends otherwise.",
        "pruning",
        _gradient_is_a_good_measure,
    ),
    Claim(
        "S1-4",
        "Pruning slows training down, and half precision helps.",
        "Time training steps in turn, one with 90 % of the weights masked beside one without "
        "masks, and one with masks in bfloat16 beside one with masks in float32. Slower: the "
        "median ratio is more than 1.02 in every one of 5 seeds. Helps: it is less than 0.98 in "
        "every seed. Holds if both, fails if neither, depends otherwise.",
        "pruning",
        _slower_and_half_precision_helps,
    ),
    Claim(
        "S1-5",
        "The printed listing prunes: it sets every weight above a threshold of 0.001 to zero.",
        "Run the listing to the letter on a trained network. Holds if the test accuracy falls by "
        "less than 2 points in every one of 5 seeds, fails if it falls by more than 10 points in "
        "every seed, depends otherwise.",
        "pruning",
        _large_weights_can_go,
    ),
)
"""The claims of S1."""
