"""What S4 claims of clipping in readers of scenes, and the rules that decide it.

All rules read the experiment ``scenes``: three tasks (temporal order, digit strips, relations), and
S4's three kinds of model (RNN, CRNN, and the Transformer with its two places of the normalisation),
trained by SGD with momentum. S4 clips every element to [-0.1, 0.1]. A task with a model is a
*pair*; with a rate, a *setting*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, Word
from gradlab.course.claims.seeds import LEAST_SEEDS, Seeds, TooFewSeeds, paired
from gradlab.course.lessons.scenes.experiment import RATES, READERS, VALUES
from gradlab.course.lessons.scenes.readers import TASKS
from gradlab.course.sweep.records import Records

LEARNED = {"order": 0.4, "strips": 0.1, "relations": 0.4}
"""A run fails that ends with a test accuracy below this, or in numbers that are not finite. By
chance alone, order and relations are 0.25 and strips 0."""
MOST, FEW = 3, 1
"""Of five seeds: at least, and at most."""
MARGIN = 0.02
"""Of accuracy: what a gain or a loss must be at least, on average."""
WORSE = 1.2
"""A run is unstable that diverges, or whose last 20 losses are on average this times its first."""


@dataclass(frozen=True)
class _Setting:
    """The runs of one task, model and rate, each array by seed."""

    task: str
    model: str
    lr: float
    records: Records

    def __str__(self) -> str:
        return f"{self.task}, {self.model}, rate {self.lr:g}"

    def _of(self, name: str, rule: str | None, bound: float | None) -> NDArray[np.float64]:
        found = self.records.where(rule=rule, bound=bound).values(name)
        if np.isfinite(self.records.where(rule=rule, bound=bound).values("accuracy")).sum() < (
            LEAST_SEEDS
        ):
            raise TooFewSeeds(f"only {len(found)} seeds of {self}, and {LEAST_SEEDS} are needed")
        return found

    def failed(self, rule: str | None = None, bound: float | None = None) -> int:
        """How many seeds learned nothing to speak of, or diverged; these have accuracy 0."""
        return int((self._of("accuracy", rule, bound) < LEARNED[self.task]).sum())

    def unstable(self, rule: str | None = None, bound: float | None = None) -> int:
        """How many seeds diverged, or ended with a larger loss than they began with."""
        first, last = (self._of(name, rule, bound) for name in ("first_loss", "loss"))
        return int((~np.isfinite(last) | (last > WORSE * first)).sum())


def _settings(records: Records) -> Iterator[_Setting]:
    grid = records.where(part="grid")
    for task in TASKS:
        for model in READERS:
            for lr in RATES:
                yield _Setting(task, model, lr, grid.where(task=task, model=model, lr=lr))


def _by_value_stabilises(records: Records) -> Verdict:
    fragile = [one for one in _settings(records) if one.failed() >= MOST]
    counts = {
        bound: Counter(_change(one.failed("by value", bound)) for one in fragile)
        for bound in VALUES
    }
    ours = counts[VALUES[0]]
    word: Word = (
        "holds" if ours["rescued"] == len(fragile) > 0 else "depends" if ours["rescued"] else "fails"
    )
    rescued = [str(one) for one in fragile if one.failed("by value", VALUES[0]) <= FEW]
    by_norm = sum(one.failed("by norm", 1.0) <= FEW for one in fragile)
    told = "; ".join(
        f"clipped to {bound:g} by value, {found['rescued']} of them are rescued, "
        f"{found['helped']} helped in part, {found['not']} not"
        for bound, found in counts.items()
    )
    return Verdict(
        word,
        f"{len(fragile)} of {len(list(_settings(records)))} settings fail unclipped in {MOST} or "
        f"more of 5 seeds; {told}; clipped to 1 by norm, {by_norm} are rescued"
        + (f". It depends on the setting: rescued are {' · '.join(rescued)}" if rescued else ""),
    )


def _change(failures: int) -> str:
    return "rescued" if failures <= FEW else "helped" if failures < MOST else "not"


@dataclass(frozen=True)
class _Pair:
    """One task with one model, at the rates that the validation split chooses."""

    task: str
    model: str
    records: Records

    def __str__(self) -> str:
        return f"{self.task}, {self.model}"

    def best(self, rule: str | None, bound: float | None) -> tuple[float, NDArray[np.float64]]:
        """The rate with the best mean validation accuracy, and the test accuracies there."""
        chosen = self.records.where(rule=rule, bound=bound)
        validation = chosen.values("validation", by=("lr", "seed"))
        test = chosen.values("accuracy", by=("lr", "seed"))
        place = int(np.nan_to_num(validation, nan=-1.0).mean(1).argmax())
        return chosen.axis("lr")[place], test[place]

    def gain(self, rule: str, bound: float) -> Seeds:
        """What clipping changes in the test accuracy, each side at its own best rate."""
        return paired(self.best(rule, bound)[1], self.best(None, None)[1])


def _pairs(records: Records) -> list[_Pair]:
    """Unclipped runs have one more rate to choose from, a smaller one."""
    found = []
    for task in TASKS:
        for model in READERS:
            both = records.where(task=task, model=model, optimizer="SGD", warm_up=False)
            rows = tuple(row for row in both if row.cell["part"] in ("grid", "small"))
            found.append(_Pair(task, model, Records(records.provenance, rows)))
    return found


def _better(gain: Seeds) -> bool:
    return gain.above(0) and gain.mean >= MARGIN


def _worse(gain: Seeds) -> bool:
    return gain.below(0) and gain.mean <= -MARGIN


def _models_train_better(records: Records) -> Verdict:
    gains = {str(pair): pair.gain("by value", VALUES[0]) for pair in _pairs(records)}
    better = [name for name, gain in gains.items() if _better(gain)]
    worse = [name for name, gain in gains.items() if _worse(gain)]
    word: Word = "holds" if len(better) == len(gains) else "depends" if better else "fails"
    by_norm = sum(_better(pair.gain("by norm", 1.0)) for pair in _pairs(records))
    told = "; ".join(f"{name} {gain:+.1%}" for name, gain in gains.items())
    return Verdict(
        word,
        f"better in {len(better)} and worse in {len(worse)} of {len(gains)} pairs ({by_norm} "
        f"better if clipped to 1 by norm): {told}"
        + "; it depends on task and model" * (word == "depends"),
    )


def _clipping_limits(records: Records) -> Verdict:
    limited: dict[float, list[str]] = {}
    told = []
    for bound in VALUES:
        gains = {str(pair): pair.gain("by value", bound) for pair in _pairs(records)}
        limited[bound] = [name for name, gain in gains.items() if _worse(gain)]
        named = f" ({' · '.join(f'{n} {gains[n]:+.1%}' for n in limited[bound])})"
        told.append(
            f"clipped to {bound:g} by value, {len(limited[bound])} of {len(gains)} pairs are worse"
            + named * bool(limited[bound])
        )
    pairs = len(_pairs(records))
    halves = [2 * len(found) > pairs for found in limited.values()]
    word: Word = "holds" if all(halves) else "depends" if any(limited.values()) else "fails"
    on = "; it depends on the bound, the task and the model" * (word == "depends")
    return Verdict(word, "; ".join(told) + on)


def _clipping_unsettles(records: Records) -> Verdict:
    calm = [one for one in _settings(records) if one.unstable() == 0]
    clips = (*(("by value", bound) for bound in VALUES), ("by norm", 1.0))
    seeds = {
        f"{one}, {rule} {bound:g}": one.unstable(rule, bound) for one in calm for rule, bound in clips
    }
    unsettled = {name: count for name, count in seeds.items() if count}
    most = any(count >= MOST for count in unsettled.values())
    word: Word = "holds" if most else "depends" if unsettled else "fails"
    told = f": {' · '.join(f'{name} in {n} of 5' for name, n in unsettled.items())}" if unsettled else ""
    on = "; it depends on the seed" * (word == "depends")
    return Verdict(
        word,
        f"{len(calm)} settings are stable unclipped in every seed; clipped in one of "
        f"{len(clips)} ways, {len(unsettled)} of {len(seeds)} are unstable in some seed{told}{on}",
    )


CLAIMS = (
    Claim(
        "S4-1",
        "Clipping by value stabilises training.",
        f"36 settings: three tasks, four models, rates {', '.join(f'{r:g}' for r in RATES)}. A run "
        "fails that diverges or ends below a test accuracy of 0.4 (order, relations) or 0.1 "
        "(strips, where a network that says the blank everywhere reads nothing). Of the settings "
        "that fail unclipped in 3 or more of 5 seeds, clipping to 0.1 by value rescues those in "
        "which it leaves at most 1 to fail. Holds if it rescues all, fails if none, depends "
        "otherwise.",
        "scenes",
        _by_value_stabilises,
    ),
    Claim(
        "S4-4",
        "RNN, CRNN and Transformer models for scenes train better with it.",
        "12 pairs of a task and a model. Unclipped and clipped to 0.1 by value, each at the rate "
        "with the best mean validation accuracy of those tried, of which the unclipped runs of the "
        "two long tasks have one more. Better: the test accuracy is higher in every one of 5 seeds, "
        "and by 2 points or more on average. Holds if all pairs are better, fails if none is, "
        "depends otherwise.",
        "scenes",
        _models_train_better,
    ),
    Claim(
        "S4-5",
        "Clipping limits what the model can learn.",
        "The pairs of S4-4, clipped to 0.1 and to 0.01 by value, each at its own best rate. Worse: "
        "the test accuracy is lower than unclipped in every one of 5 seeds, and by 2 points or more "
        "on average. Holds if more than half of the pairs are worse at both bounds, fails if none "
        "is at either, depends otherwise.",
        "scenes",
        _clipping_limits,
    ),
    Claim(
        "S4-6",
        "Clipping can itself make training numerically unstable.",
        "The settings of S4-1 that are stable unclipped in every seed. Unstable: a run diverges, or "
        "the mean of its last 20 losses is more than 1.2 times its first loss. Clipped to 0.1 or "
        "0.01 by value, or to 1 by norm: holds if such a setting becomes unstable in 3 or more of 5 "
        "seeds, fails if none does in any seed, depends otherwise.",
        "scenes",
        _clipping_unsettles,
    ),
)
