"""S3, and the two claims of S4 that its own small network settles; what decides each."""

from __future__ import annotations

import numpy as np

from gradlab.course.claims.claim import Claim, Verdict, Word, word_for
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.thresholds.by_value import combines, vanished_gradients_return
from gradlab.course.lessons.thresholds.settings import Grid, Setting
from gradlab.course.lessons.thresholds.setups import S3_MODELS
from gradlab.course.sweep.records import Records

LEARNS = 0.2
"""A run that ends under this test accuracy is lost; chance is 0.1."""

OVERFITS = 0.02
"""A gap between train and test that changes by less than this has not changed."""

INERT = 0.01
"""A threshold that clips a smaller share of the steps does nothing."""

SLOWER = 0.2
"""More than this share of steps more, to the same accuracy, is slower."""

LITTLE = 0.02
"""An accuracy that changes by less than this changes a little."""

FAR_MORE = 3.0
"""Times an effect is larger than another if it is far larger."""

BETTER = 0.01
"""An accuracy is better if it is higher by this on average, and higher in every seed."""

ESCAPES = 0.1
"""By how much an accuracy must rise before a network has escaped from vanished gradients."""

HALFWAY = 0.5
"""Speed is measured as steps to this test accuracy."""


def _momentum(grid: Grid, model: str, max_norm: float | None, rate_of: float | None) -> Setting:
    """Runs with one threshold, at the rate that is best for another."""
    return grid.at(model, "momentum", grid.best(model, rate_of), max_norm)


def _explosion_stops(records: Records, lost: float) -> Verdict:
    grid = Grid(records)
    shares: dict[str, Seeds] = {}
    for model in S3_MODELS:
        for lr in grid.rates(model):
            free, clipped = (grid.at(model, "momentum", lr, max_norm) for max_norm in (None, 1))
            if free.lost(lost).all():
                shares[f"{model} {lr:g}"] = over_seeds(clipped.lost(lost))
    if not shares:
        return Verdict("not testable", "without clipping some of 5 seeds learn at every rate")
    word = word_for(share.below(0.5) for share in shares.values())
    on = "; it depends on the learning rate" * (word == "depends")
    told = ", ".join(f"{place} {share:.0%}" for place, share in shares.items())
    shown = Evidence("share of runs lost with λ = 1, by rate", shares, (0.5,), ".0%")
    return Verdict(word, f"where all runs without clipping are lost: {told}{on}", (shown,))


def _overfits_less(records: Records, least: float) -> Verdict:
    grid = Grid(records)
    gaps, accuracies = {}, {}
    for model in S3_MODELS:
        free, clipped = (_momentum(grid, model, max_norm, max_norm) for max_norm in (None, 1))
        gaps[model] = paired(clipped.gap, free.gap)
        accuracies[model] = paired(clipped.at_end(), free.at_end())
    helps = [
        gap.below(0) and gap.mean <= -least and accuracies[model].above(-least)
        for model, gap in gaps.items()
    ]
    word = word_for(helps)
    on = "; it depends on the network" * (word == "depends")
    told = "; ".join(
        f"{model}: λ = 1 changes the gap by {gap:+.1%}, the test accuracy by "
        f"{accuracies[model]:+.1%}"
        for model, gap in gaps.items()
    )
    shown = (
        Evidence("gap with λ = 1 minus gap without clipping", gaps, (0, -least)),
        Evidence("accuracy with λ = 1 minus without clipping", accuracies, (-least,)),
    )
    return Verdict(word, told + on, shown)


def _one_is_no_clipping(records: Records, inert: float) -> Verdict:
    grid = Grid(records)
    shares = {
        model: over_seeds(_momentum(grid, model, 1, 1).numbers("clipped")) for model in S3_MODELS
    }
    never = all(share.below(inert) for share in shares.values())
    often = all(share.above(inert) for share in shares.values())
    word: Word = "holds" if never else "fails" if often else "depends"
    on = "; it depends on the network" * (word == "depends")
    told = "; ".join(f"{model}: {share:.0%} of the steps" for model, share in shares.items())
    shown = Evidence("share of the steps that λ = 1 clips", shares, (inert,), ".0%")
    return Verdict(word, told + on, (shown,))


def _speed(one: Setting, other: Setting) -> Seeds:
    """Of one setting, in units of the other's; 0 where it never comes half-way."""
    with np.errstate(invalid="ignore"):  # a seed in which neither comes there says nothing
        return over_seeds(other.steps_to(HALFWAY) / one.steps_to(HALFWAY))


def _small_is_slow(records: Records, slower: float) -> Verdict:
    grid = Grid(records)
    own, same = {}, {}
    for model in S3_MODELS:
        one = _momentum(grid, model, 1, 1)
        own[model] = _speed(_momentum(grid, model, 0.1, 0.1), one)
        same[model] = _speed(_momentum(grid, model, 0.1, 1), one)
    bound = 1 / (1 + slower)
    slow, slow_at_same = ([speed.below(bound) for speed in each.values()] for each in (own, same))
    word: Word = "holds" if all(slow) else "depends" if any(slow_at_same) else "fails"
    on = "; it depends on whether the rate may follow the threshold" * (word == "depends")
    told = "; ".join(
        f"{model}: {own[model]:.2f} times as fast at its own best rate, {same[model]:.2f} at that "
        "of λ = 1"
        for model in S3_MODELS
    )
    shown = (
        Evidence("speed of λ = 0.1 to that of λ = 1, each at its rate", own, (bound,), ".2f"),
        Evidence("the same, both at the best rate of λ = 1", same, (bound,), ".2f"),
    )
    return Verdict(word, told + on, shown)


def _large_is_slow_and_accurate(records: Records, slower: float) -> Verdict:
    grid = Grid(records)
    speeds, changes = {}, {}
    for model in S3_MODELS:
        one, ten = (_momentum(grid, model, max_norm, 1) for max_norm in (1, 10))
        speeds[model] = _speed(ten, one)
        changes[model] = paired(ten.at_end(), one.at_end())
    bound = 1 / (1 + slower)
    found = [speeds[model].below(bound) and changes[model].above(0) for model in S3_MODELS]
    word = word_for(found)
    on = "; it depends on the network" * (word == "depends")
    told = "; ".join(
        f"{model}: {speeds[model]:.2f} times as fast, accuracy {changes[model]:+.1%}"
        for model in S3_MODELS
    )
    shown = (
        Evidence("accuracy with λ = 10 minus with λ = 1", changes, (0,)),
        Evidence("speed of λ = 10 to that of λ = 1", speeds, (bound,), ".2f"),
    )
    return Verdict(word, told + on, shown)


def _longer_costs_a_little(records: Records, little: float) -> Verdict:
    grid = Grid(records)
    changes = {}
    for model in S3_MODELS:
        runs = _momentum(grid, model, 1, 1)
        changes[model] = paired(runs.at_end(), runs.short)
    costs = all(change.below(0) and change.above(-little) for change in changes.values())
    gains = all(change.above(little) for change in changes.values())
    word: Word = "holds" if costs else "fails" if gains else "depends"
    on = "; it depends on the network" * (word == "depends")
    told = "; ".join(f"{model} {change:+.1%}" for model, change in changes.items())
    shown = Evidence("accuracy at the large T minus at the small", changes, (-little, 0, little))
    return Verdict(word, f"from the small T to the large: {told}{on}", (shown,))


def _steps_matter_more(records: Records, times: float) -> Verdict:
    grid = Grid(records)
    leads, told = {}, []
    for model in S3_MODELS:
        for lr in grid.rates(model):
            one, ten = (grid.at(model, "momentum", lr, max_norm) for max_norm in (1, 10))
            if one.lost(LEARNS).any():
                continue
            of_steps, of_threshold = one.at_end() - one.short, np.abs(ten.at_end() - one.at_end())
            leads[f"{model} {lr:g}"] = paired(of_steps, times * of_threshold)
            told.append(
                f"{model} at rate {lr:g}: T {over_seeds(of_steps):+.1%}, λ "
                f"{over_seeds(of_threshold):.1%}"
            )
    if not leads:
        return Verdict("not testable", "with λ = 1 some of 5 seeds are lost at every rate")
    found = [lead.above(0) for lead in leads.values()]
    word = word_for(found)
    on = "; it depends on the learning rate and the network" * (word == "depends")
    shown = Evidence(f"what T adds, minus {times:g} times what λ changes", leads, (0,))
    because = f"far more in {sum(found)} of {len(found)} places: {'; '.join(told)}{on}"
    return Verdict(word, because, (shown,))


_BEST = "the rate is the best of those tried for that threshold on pictures kept for this choice"
_S3 = tuple({"part": "by norm", "optimizer": "momentum", "model": model} for model in S3_MODELS)
_LOST = "a run that diverged counts as chance"

CLAIMS = (
    Claim(
        "S3-1",
        "A run is lost if its gradient becomes infinite or NaN, or if it ends under 20 % test "
        "accuracy. Take AlexNet, VGG and ResNet under momentum, at all rates at which every one of "
        "5 seeds is lost without clipping. Holds if λ = 1 loses no seed at any of them, fails if "
        "it loses some at each of them, depends otherwise.",
        _explosion_stops,
        {"lost": LEARNS},
        _S3,
    ),
    Claim(
        "S3-2",
        "Compare the gap between train and test accuracy with λ = 1 and without clipping, each at "
        f"its best rate: {_BEST}. Clipping helps a network if the gap is smaller in every seed, by "
        "2 points or more on average, while the test accuracy falls by less than 2 points in every "
        "seed. Holds if it helps AlexNet, VGG and ResNet, fails if none, depends otherwise.",
        _overfits_less,
        {"least": OVERFITS},
        _S3,
    ),
    Claim(
        "S3-3",
        "Count the steps that λ = 1 clips at its best rate. Holds if they are under 1 % in every "
        "seed of AlexNet, VGG and ResNet, fails if they are more in every seed of all three, "
        "depends otherwise.",
        _one_is_no_clipping,
        {"inert": INERT},
        _S3,
    ),
    Claim(
        "S3-4",
        "Count steps to 50 % test accuracy. λ = 0.1 is slower than λ = 1 if it needs more than 1.2 "
        "times as many in every seed. Holds if it is slower in AlexNet, VGG and ResNet with each "
        "threshold at its own best rate; depends if it is slower only at the best rate of λ = 1, "
        "in one network at least; fails if not even then.",
        _small_is_slow,
        {"slower": SLOWER},
        _S3,
    ),
    Claim(
        "S3-5",
        "Compare λ = 10 with λ = 1 at the best rate of λ = 1. It is so in a network if λ = 10 "
        "needs more than 1.2 times as many steps to 50 % test accuracy and ends more accurate, "
        "both in every seed. Holds if it is so in AlexNet, VGG and ResNet, fails if in none, "
        f"depends otherwise; {_LOST}.",
        _large_is_slow_and_accurate,
        {"slower": SLOWER},
        _S3,
    ),
    Claim(
        "S3-6",
        "The first steps of a longer run are those of a shorter one, so speed is the same by "
        "construction. What can differ is the accuracy at the end: with λ = 1 at its best rate, "
        "S3's large T against its small T. Holds if it falls, by less than 2 points, in every seed "
        "of all three networks, fails if it rises by more than 2 points in every seed of all "
        "three, depends otherwise.",
        _longer_costs_a_little,
        {"little": LITTLE},
        _S3,
    ),
    Claim(
        "S3-7",
        "At every rate at which no seed of λ = 1 is lost (under 20 %), compare what S3's large T "
        "adds to the accuracy of its small T with what λ = 10 changes of that of λ = 1. Far more: "
        "3 times as much or more in every seed. Holds if it is so at all these rates in AlexNet, "
        f"VGG and ResNet, fails if at none, depends otherwise; {_LOST}.",
        _steps_matter_more,
        {"times": FAR_MORE},
        _S3,
    ),
    Claim(
        "S4-2",
        "Train twenty layers whose gradient vanishes, without clipping and with S4's by value, "
        f"each ε at its best rate: {_BEST}. A threshold helps if it adds 10 points or more to the "
        "accuracy in every seed. Holds if ε = 0.1, which is S4's, helps; depends if only a smaller "
        "ε does, with a rate raised in proportion; fails if none does.",
        vanished_gradients_return,
        {"least": ESCAPES},
        ({"part": "vanishing"},),
    ),
    Claim(
        "S4-7",
        "Train S4's network with and without clipping by value at its ε = 0.1, each at its best "
        f"rate: {_BEST}. Better: higher in every seed, by 1 point or more on average. Holds if it "
        "is better under Adam and under RMSProp, fails if under neither, depends otherwise.",
        combines,
        {"better": BETTER},
        ({"part": "by value"},),
    ),
)
"""The claims of S3 about thresholds, and two of S4."""
