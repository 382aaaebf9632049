"""S3, and the two claims of S4 that its own small network settles; what decides each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from gradlab.course.claims.claim import Claim, Verdict, Word
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.thresholds.settings import Grid, PerSeed, Setting
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


def _grid(records: Records) -> Grid:
    return Grid(records.where(part="by norm"))


def _word(found: Iterable[bool]) -> Word:
    each = list(found)
    return "holds" if all(each) else "depends" if any(each) else "fails"


def _momentum(grid: Grid, model: str, max_norm: float | None, rate_of: float | None) -> Setting:
    """Runs with one threshold, at the rate that is best for another."""
    return grid.at(model, "momentum", grid.best(model, rate_of), max_norm)


def _explosion_stops(records: Records, learns: float = LEARNS) -> Verdict:
    grid = _grid(records)
    told, stopped = [], []
    for model in S3_MODELS:
        rates = [
            lr
            for lr in grid.rates(model)
            if over_seeds(grid.at(model, "momentum", lr, None).lost(learns)).above(0.5)
        ]
        lost = [grid.at(model, "momentum", lr, 1).lost(learns) for lr in rates]
        stopped += [not seeds.any() for seeds in lost]
        saved = [f"{lr:g}" for lr, seeds in zip(rates, lost, strict=True) if not seeds.any()]
        where = f"at {', '.join(f'{lr:g}' for lr in rates)}" if rates else "at no rate"
        told.append(
            f"{model}: without clipping every seed is lost {where}"
            + f"; λ = 1 saves every seed at {', '.join(saved) or 'none of them'}" * bool(rates)
        )
    word = _word(stopped) if stopped else "not testable"
    on = "; it depends on the learning rate" * (word == "depends")
    return Verdict(word, ". ".join(told) + on)


def _overfits_less(records: Records, least: float = OVERFITS) -> Verdict:
    grid = _grid(records)
    told, helps = [], []
    for model in S3_MODELS:
        free = _momentum(grid, model, None, None)
        clipped = _momentum(grid, model, 1, 1)
        gap = paired(clipped.gap, free.gap)
        accuracy = paired(clipped.at_end(), free.at_end())
        helps.append(gap.below(0) and gap.mean <= -least and accuracy.above(-least))
        told.append(
            f"{model}: gap {over_seeds(free.gap):+.1%} without clipping; λ = 1 changes it by "
            f"{gap:+.1%} and the test accuracy by {accuracy:+.1%}"
        )
    word = _word(helps)
    on = "; it depends on the network" * (word == "depends")
    return Verdict(word, ". ".join(told) + on)


def _one_is_no_clipping(records: Records, inert: float = INERT) -> Verdict:
    grid = _grid(records)
    told, never, often = [], [], []
    for model in S3_MODELS:
        clipped = over_seeds(_momentum(grid, model, 1, 1).numbers("clipped"))
        never.append(clipped.below(inert))
        often.append(clipped.above(inert))
        told.append(f"{model}: λ = 1 clips {clipped:.0%} of the steps at its best rate")
    word: Word = "holds" if all(never) else "fails" if all(often) else "depends"
    on = "; it depends on the network" * (word == "depends")
    return Verdict(word, ". ".join(told) + on)


def _slower(one: Setting, other: Setting, by: float) -> bool:
    """Whether it takes more steps, in every seed, to the same accuracy."""
    ours, theirs = one.steps_to(HALFWAY), other.steps_to(HALFWAY)
    return bool(np.isfinite(theirs).all() and (ours > (1 + by) * theirs).all())


def _steps(setting: Setting) -> str:
    """Steps to half-way, in words; seeds that never come there counted."""
    steps = setting.steps_to(HALFWAY)
    arrived = steps[np.isfinite(steps)]
    if not len(arrived):
        return "never"
    some = f", {len(arrived)} of {len(steps)} seeds" if len(arrived) < len(steps) else ""
    return f"{arrived.mean():.0f} steps ({arrived.min():.0f} to {arrived.max():.0f}{some})"


def _small_is_slow(records: Records, by: float = SLOWER) -> Verdict:
    grid = _grid(records)
    told, same_rate, own_rate = [], [], []
    for model in S3_MODELS:
        one, same, own = (_momentum(grid, model, *two) for two in ((1, 1), (0.1, 1), (0.1, 0.1)))
        same_rate.append(_slower(same, one, by))
        own_rate.append(_slower(own, one, by))
        told.append(
            f"{model}: to {HALFWAY:.0%}, λ = 1 needs {_steps(one)}, λ = 0.1 at the same rate "
            f"{_steps(same)}, at its own best rate {_steps(own)}"
        )
    word: Word = "holds" if all(own_rate) else "depends" if any(same_rate) else "fails"
    on = "; it depends on whether the rate may follow the threshold" * (word == "depends")
    return Verdict(word, ". ".join(told) + on)


def _large_is_slow_and_accurate(records: Records, by: float = SLOWER) -> Verdict:
    grid = _grid(records)
    told, found = [], []
    for model in S3_MODELS:
        one, ten = _momentum(grid, model, 1, 1), _momentum(grid, model, 10, 1)
        accuracy = paired(ten.at_end(), one.at_end())
        found.append(_slower(ten, one, by) and accuracy.above(0))
        told.append(
            f"{model}: to {HALFWAY:.0%}, λ = 1 needs {_steps(one)}, λ = 10 at the same rate "
            f"{_steps(ten)}; it changes the accuracy by {accuracy:+.1%}"
        )
    word = _word(found)
    on = "; it depends on the network" * (word == "depends")
    return Verdict(word, ". ".join(told) + on)


def _longer_costs_a_little(records: Records, little: float = LITTLE) -> Verdict:
    grid = _grid(records)
    told, costs, gains = [], [], []
    for model in S3_MODELS:
        runs = _momentum(grid, model, 1, 1)
        change = paired(runs.at_end(), runs.short)
        costs.append(change.below(0) and change.above(-little))
        gains.append(change.above(little))
        told.append(f"{model}: from the small T to the large, accuracy changes by {change:+.1%}")
    word: Word = "holds" if all(costs) else "fails" if all(gains) else "depends"
    on = "; it depends on the network" * (word == "depends")
    return Verdict(word, ". ".join(told) + on)


def _steps_matter_more(records: Records, times: float = FAR_MORE) -> Verdict:
    grid = _grid(records)
    told, found = [], []
    for model in S3_MODELS:
        for lr in grid.rates(model):
            one, ten = (grid.at(model, "momentum", lr, max_norm) for max_norm in (1, 10))
            if one.lost(LEARNS).any():
                continue
            of_steps, of_threshold = one.at_end() - one.short, np.abs(ten.at_end() - one.at_end())
            far_more = paired(of_steps, times * of_threshold).above(0)
            found.append(far_more)
            told.append(
                f"{model} at rate {lr:g}: T {over_seeds(of_steps):+.1%}, λ "
                f"{over_seeds(of_threshold):.1%}"
            )
    word = _word(found)
    on = "; it depends on the learning rate and the network" * (word == "depends")
    return Verdict(word, f"far more in {sum(found)} of {len(found)} places: {'; '.join(told)}{on}")


def _by_value(records: Records, part: str, optimizer: str) -> tuple[PerSeed, dict[float, PerSeed]]:
    """Accuracies without clipping, and with each ε; each at its best rate for the validation."""
    runs = records.where(part=part, optimizer=optimizer)
    found = {}
    for clip_value in runs.axis("clip_value"):
        chosen = runs.where(clip_value=clip_value)
        each = [Setting.of(chosen.where(lr=lr)) for lr in chosen.axis("lr")]
        best = max(each, key=lambda one: float(one.at_end("validation_accuracy").mean()))
        found[clip_value] = best.at_end()
    return found.pop(None), found


def _combines(records: Records, better: float = BETTER) -> Verdict:
    told, found = [], []
    for optimizer in ("SGD", "RMSProp", "Adam"):
        free, clipped = _by_value(records, "by value", optimizer)
        gains = {clip_value: paired(accuracy, free) for clip_value, accuracy in clipped.items()}
        if optimizer != "SGD":
            found.append(gains[0.1].above(0) and gains[0.1].mean >= better)
        told.append(f"{optimizer}: {over_seeds(free):.1%} without clipping; {_changes(gains)}")
    word = _word(found)
    on = "; it depends on the optimizer" * (word == "depends")
    return Verdict(word, ". ".join(told) + on)


def _vanished_gradients_return(records: Records, least: float = ESCAPES) -> Verdict:
    free, clipped = _by_value(records, "vanishing", "SGD")
    gains = {clip_value: paired(accuracy, free) for clip_value, accuracy in clipped.items()}
    escaped = [clip_value for clip_value, gain in gains.items() if gain.above(least)]
    word: Word = "holds" if 0.1 in escaped else "depends" if escaped else "fails"
    on = "; it depends on a tiny ε, and a rate raised in proportion" * (word == "depends")
    told = f"{over_seeds(free):.1%} without clipping at its best rate; {_changes(gains)}"
    return Verdict(word, told + on)


def _changes(gains: Mapping[float, Seeds]) -> str:
    return ", ".join(f"ε = {clip_value:g} {gain:+.1%}" for clip_value, gain in gains.items())


_BEST = "the rate is the best of those tried for that threshold on pictures kept for this choice"
_LOST = "a run that diverged counts as chance"

CLAIMS = (
    Claim(
        "S3-1",
        "Clipping stops gradients from exploding.",
        "A run is lost if its gradient becomes infinite or NaN, or if it ends under 20 % test "
        "accuracy. Take AlexNet, VGG and ResNet under momentum, at all rates at which every one of "
        "5 seeds is lost without clipping. Holds if λ = 1 loses no seed at any of them, fails if "
        "it loses some at each of them, depends otherwise.",
        "thresholds",
        _explosion_stops,
    ),
    Claim(
        "S3-2",
        "Clipping reduces over-fitting.",
        "Compare the gap between train and test accuracy with λ = 1 and without clipping, each at "
        f"its best rate: {_BEST}. Clipping helps a network if the gap is smaller in every seed, by "
        "2 points or more on average, while the test accuracy falls by less than 2 points in every "
        "seed. Holds if it helps AlexNet, VGG and ResNet, fails if none, depends otherwise.",
        "thresholds",
        _overfits_less,
    ),
    Claim(
        "S3-3",
        "λ = 1 means no clipping at all.",
        "Count the steps that λ = 1 clips at its best rate. Holds if they are under 1 % in every "
        "seed of AlexNet, VGG and ResNet, fails if they are more in every seed of all three, "
        "depends otherwise.",
        "thresholds",
        _one_is_no_clipping,
    ),
    Claim(
        "S3-4",
        "A small λ converges slowly.",
        "Count steps to 50 % test accuracy. λ = 0.1 is slower than λ = 1 if it needs more than 1.2 "
        "times as many in every seed. Holds if it is slower in AlexNet, VGG and ResNet with each "
        "threshold at its own best rate; depends if it is slower only at the best rate of λ = 1, "
        "in one network at least; fails if not even then.",
        "thresholds",
        _small_is_slow,
    ),
    Claim(
        "S3-5",
        "A larger λ learns more slowly and ends slightly more accurate.",
        "Compare λ = 10 with λ = 1 at the best rate of λ = 1. It is so in a network if λ = 10 "
        "needs more than 1.2 times as many steps to 50 % test accuracy and ends more accurate, "
        "both in every seed. Holds if it is so in AlexNet, VGG and ResNet, fails if in none, "
        f"depends otherwise; {_LOST}.",
        "thresholds",
        _large_is_slow_and_accurate,
    ),
    Claim(
        "S3-6",
        "More iterations converge faster, and may cost a little accuracy.",
        "The first steps of a longer run are those of a shorter one, so speed is the same by "
        "construction. What can differ is the accuracy at the end: with λ = 1 at its best rate, "
        "S3's large T against its small T. Holds if it falls, by less than 2 points, in every seed "
        "of all three networks, fails if it rises by more than 2 points in every seed of all "
        "three, depends otherwise.",
        "thresholds",
        _longer_costs_a_little,
    ),
    Claim(
        "S3-7",
        "The number of iterations matters far more than λ.",
        "At every rate at which no seed of λ = 1 is lost (under 20 %), compare what S3's large T "
        "adds to the accuracy of its small T with what λ = 10 changes of that of λ = 1. Far more: "
        "3 times as much or more in every seed. Holds if it is so at all these rates in AlexNet, "
        f"VGG and ResNet, fails if at none, depends otherwise; {_LOST}.",
        "thresholds",
        _steps_matter_more,
    ),
    Claim(
        "S4-2",
        "Clipping prevents vanishing gradients too.",
        "Train twenty layers whose gradient vanishes, without clipping and with S4's by value, "
        f"each ε at its best rate: {_BEST}. A threshold helps if it adds 10 points or more to the "
        "accuracy in every seed. Holds if ε = 0.1, which is S4's, helps; depends if only a smaller "
        "ε does, with a rate raised in proportion; fails if none does.",
        "thresholds",
        _vanished_gradients_return,
    ),
    Claim(
        "S4-7",
        "Clipping combines with Adam and RMSProp, to better effect.",
        "Train S4's network with and without clipping by value at its ε = 0.1, each at its best "
        f"rate: {_BEST}. Better: higher in every seed, by 1 point or more on average. Holds if it "
        "is better under Adam and under RMSProp, fails if under neither, depends otherwise.",
        "thresholds",
        _combines,
    ),
)
"""The claims of S3 about thresholds, and two of S4."""
