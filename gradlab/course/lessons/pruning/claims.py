"""S1, image classification with pruning by gradient: what it claims, and what decides it."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, Word, word_for
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.pruning.questions import AMOUNTS, LARGEST
from gradlab.course.sweep.records import Records

Accuracies = NDArray[np.float64]  # (seeds, amounts)

HELD = 0.02
"""An accuracy holds where it falls by less than this, in every seed."""

ENOUGH, LEAD, TOLD, LOST = 0.5, 0.01, 0.02, 0.1
"""Cut-offs: a share of the weights, a lead in accuracy, a share of a time, a fall in accuracy."""

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


def _lasting(accuracy: Accuracies, held: float) -> float:
    """The largest amount up to which accuracy holds."""
    lasting = 0.0
    for amount in AMOUNTS[1:]:
        if not _change(accuracy, amount).above(-held):
            break
        lasting = amount
    return lasting


def _small_gradients_can_go(records: Records, accuracy: float, amount: float) -> Verdict:
    lasting = {
        importance: [
            _lasting(_test(records, part, importance), accuracy) for part in ("one shot", "tuned")
        ]
        for importance in ("gradient", "magnitude", "random")
    }
    at_once, tuned = lasting["gradient"]
    word: Word = "holds" if at_once >= amount else "depends" if tuned >= amount else "fails"
    dense = over_seeds(_test(records, "one shot", "gradient")[:, 0])
    told = "; ".join(
        f"by {importance}, at once {_up_to(first)}, after one more epoch {_up_to(then)}"
        for importance, (first, then) in lasting.items()
    )
    on = "; it depends on whether training goes on" * (word == "depends")
    changes = {
        f"{a:.0%}, {when}": _change(_test(records, part, "gradient"), a)
        for a in AMOUNTS[1:5]
        for when, part in {"at once": "one shot", "trained on": "tuned"}.items()
    }
    return Verdict(
        word,
        f"accuracy {dense:.1%} unpruned; it holds in every seed {told}{on}",
        (Evidence("change of accuracy, pruned by |gradient|", changes, (-accuracy,)),),
    )


def _up_to(amount: float) -> str:
    return f"up to {amount:.0%}" if amount else f"not even at {AMOUNTS[1]:.0%}"


def _the_gap_closes(records: Records, accuracy: float) -> Verdict:
    test = _test(records, "tuned", "gradient")
    gap = _test(records, "tuned", "gradient", "train") - test
    closed = {f"at {amount:.0%}": _change(gap, amount) for amount in (0.5, 0.8, 0.9)}
    changed = {f"at {amount:.0%}": _change(test, amount) for amount in (0.5, 0.8, 0.9)}
    better = [closed[at].below(0) and changed[at].above(-accuracy) for at in closed]
    told = [
        f"{at} the gap changes by {closed[at]:+.1%}, accuracy by {changed[at]:+.1%}"
        for at in closed
    ]
    word = word_for(better)
    on = "; it depends on the sparsity" * (word == "depends")
    return Verdict(
        word,
        f"gap {over_seeds(gap[:, 0]):.1%} unpruned; {'; '.join(told)}{on}",
        (
            Evidence("change of the gap between train and test", closed, (0,)),
            Evidence("change of test accuracy", changed, (-accuracy,)),
        ),
    )


def _gradient_is_a_good_measure(records: Records, lead: float) -> Verdict:
    leads = {rival: list(_leads(records, rival)) for rival in _RIVALS}
    ahead = {rival: [_ahead(one, lead) for one in found] for rival, found in leads.items()}
    behind = {rival: [_behind(one, lead) for one in found] for rival, found in leads.items()}
    good = [
        ahead["random"][k] and not any(behind[rival][k] for rival in _RIVALS[1:])
        for k in range(len(_SETTINGS))
    ]
    told = [
        f"against {rival} ahead in every seed in {sum(ahead[rival])}, behind in every seed "
        f"in {sum(behind[rival])} of {len(found)} settings, mean lead "
        f"{min(one.mean for one in found):+.1%} to {max(one.mean for one in found):+.1%}"
        for rival, found in leads.items()
    ]
    where = [f"{part} at {a:.0%}" for (part, a), one in zip(_SETTINGS, good, strict=True) if one]
    word = word_for(good)
    on = f"; it depends on sparsity and training: good only {', '.join(where)}"
    settings = [f"{part} at {amount:.0%}" for part, amount in _SETTINGS]
    drawn = (
        Evidence(
            f"accuracy by gradient minus by {rival}",
            dict(zip(settings, leads[rival], strict=True)),
            (-lead, lead),
        )
        for rival in _RIVALS[::-1]
    )
    return Verdict(word, "; ".join(told) + on * (word == "depends"), tuple(drawn))


def _leads(records: Records, rival: str) -> Iterator[Seeds]:
    """By how much the gradient is better, in each setting."""
    for part, amount in _SETTINGS:
        place = AMOUNTS.index(amount)
        ours, theirs = (_test(records, part, c)[:, place] for c in ("gradient", rival))
        yield paired(ours, theirs)


def _ahead(found: Seeds, lead: float) -> bool:
    return found.above(0) and found.mean >= lead


def _behind(found: Seeds, lead: float) -> bool:
    return found.below(0) and found.mean <= -lead


def _slower_and_half_precision_helps(records: Records, time: float) -> Verdict:
    steps = records.where(part="steps")
    dense, masked, half = (steps.values(name) for name in ("dense", "masked", "masked, half"))
    # round by round, so that other work on the machine hits both alike
    slower = over_seeds(np.median(masked / dense, 1) - 1)
    helps = over_seeds(np.median(half / masked, 1) - 1)
    found = slower.above(time), helps.below(-time)
    word = word_for(found)
    slow, helped = ("yes" if one else "no" for one in found)
    on = f"; it depends: slower in every seed: {slow}, helped in every seed: {helped}"
    ms = fmean(np.median(dense, 1).tolist())
    return Verdict(
        word,
        f"masks change the time of a training step ({ms:.1f} ms) by {slower:+.1%}; bfloat16 "
        f"changes that of a step with masks by {helps:+.1%}" + on * (word == "depends"),
        (
            Evidence(
                "change of a training step's time",
                {"by masks": slower, "by bfloat16, with masks": helps},
                (-time, time),
            ),
        ),
    )


def _large_weights_can_go(records: Records, held: float, lost: float) -> Verdict:
    printed, dense = records.where(part="printed"), _test(records, "one shot", "magnitude")
    change = paired(printed.values("test"), dense[:, 0])
    word: Word = "holds" if change.above(-held) else "fails" if change.below(-lost) else "depends"
    largest, smallest = (
        _change(_test(records, "one shot", c), 0.2) for c in (LARGEST, "magnitude")
    )
    return Verdict(
        word,
        f"the listing deletes {over_seeds(printed.values('share')):.1%} of all parameters and "
        f"changes accuracy by {change:+.1%}. With only the largest 20% of the weights deleted it "
        f"changes by {largest:+.1%}, with the smallest 20% by {smallest:+.1%}.",
        (
            Evidence(
                "change of accuracy",
                {"the listing": change, "largest 20 % gone": largest, "smallest 20 %": smallest},
                (-held, -lost),
            ),
        ),
    )


def _pruned(
    *importances: str, parts: tuple[str, ...] = ("one shot", "tuned")
) -> tuple[dict[str, str], ...]:
    """The cells with all layers ranked together."""
    everywhere = {"one shot": {"scope": "global"}, "tuned": {}}
    return tuple(
        {"part": part, "importance": importance} | everywhere[part]
        for part in parts
        for importance in importances
    )


CLAIMS = (
    Claim(
        "S1-1",
        "Prune by |gradient|, all layers together. Accuracy holds up to the largest amount at "
        "which, and below which, it is in every one of 5 seeds less than 2 points under that of "
        "the same training without pruning. Holds if that amount is 50 % or more at once, before "
        "any further training; depends if only after one more epoch; fails if not even then.",
        _small_gradients_can_go,
        {"accuracy": HELD, "amount": ENOUGH},
        _pruned("gradient", "magnitude", "random"),
    ),
    Claim(
        "S1-2",
        "Prune by |gradient|, train one more epoch, and compare with the same training without "
        "pruning, at 50, 80 and 90 %. Pruning helps at an amount if in every one of 5 seeds the "
        "gap is smaller while the test accuracy is less than 2 points lower: a gap that closes "
        "because nothing is learned does not count. Holds if it helps at all three amounts, "
        "fails if at none, depends otherwise.",
        _the_gap_closes,
        {"accuracy": HELD},
        ({"part": "tuned", "importance": "gradient"},),
    ),
    Claim(
        "S1-3",
        "Five settings: pruned at once by 30 and 50 %; with one more epoch, by 70, 80 and 90 %. "
        "One measure beats another in a setting if its test accuracy is higher in every one of "
        "5 seeds, and by 1 point or more on average. In a setting the gradient is good if it beats "
        "random choice and neither |w| nor |w g| beats it. Holds if it is good in all settings, "
        "fails if in none, depends otherwise.",
        _gradient_is_a_good_measure,
        {"lead": LEAD},
        _pruned("gradient", *_RIVALS),
    ),
    Claim(
        "S1-4",
        "Time training steps in turn, one with 90 % of the weights masked beside one without "
        "masks, and one with masks in bfloat16 beside one with masks in float32. Slower: the "
        "median ratio is more than 1.02 in every one of 5 seeds. Helps: it is less than 0.98 in "
        "every seed. Holds if both, fails if neither, depends otherwise.",
        _slower_and_half_precision_helps,
        {"time": TOLD},
        ({"part": "steps"},),
    ),
    Claim(
        "S1-5",
        "Run the listing to the letter on a trained network. Holds if the test accuracy falls by "
        "less than 2 points in every one of 5 seeds, fails if it falls by more than 10 points in "
        "every seed, depends otherwise.",
        _large_weights_can_go,
        {"held": HELD, "lost": LOST},
        ({"part": "printed"}, *_pruned(LARGEST, "magnitude", parts=("one shot",))),
    ),
)
"""The claims of S1."""
