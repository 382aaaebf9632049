"""What S4 claims of clipping in readers of scenes, and the rules that decide it.

All rules read the experiment ``scenes``: three tasks (temporal order, digit strips, relations), and
S4's three kinds of model (RNN, CRNN, and the Transformer with its two places of normalisation),
trained by SGD with momentum. S4 clips every element to [-0.1, 0.1]. A task with a model is a
*pair*, and with a rate a *setting*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, Word
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.scenes.experiment import READERS, VALUES
from gradlab.course.lessons.scenes.readers import CHANCE
from gradlab.course.sweep.records import Records

LEARNED = 0.1
"""Of the way from chance to all right: a run that ends with less has failed, as one that diverged
has. It is a test accuracy of 0.325 for order and relations, and of 0.1 for strips."""
MOST, FEW = 0.5, 0.2
"""Of the seeds: more than this fail; at most this fail."""
MARGIN = 0.02
"""Of accuracy: a gain or a loss is this at least, on average."""
GROWTH = 0.2
"""A run is unstable that diverges, or whose last losses are on average so much above its first."""

_NONE = (None, None)
_OURS = ("by value", VALUES[0])
_BY_NORM = ("by norm", 1.0)
_ROWS = 12  # of a picture of evidence

Clip = tuple[str | None, float | None]
Runs = NDArray[np.float64]  # by seed


def _settings(records: Records) -> Iterator[tuple[str, Records]]:
    """The runs of each task, model and rate."""
    for task in records.axis("task"):
        for model in READERS:
            pair = records.where(part="grid", task=task, model=model)
            for lr in pair.axis("lr"):
                yield f"{task}, {model}, {lr:g}", pair.where(lr=lr)


def _pairs(records: Records) -> Iterator[tuple[str, Records]]:
    """The runs of each task and model; the unclipped ones may have a smaller rate besides."""
    for task in records.axis("task"):
        for model in READERS:
            yield f"{task}, {model}", records.where(task=task, model=model)


def _tried(runs: Records, clip: Clip) -> bool:
    return len(runs.where(rule=clip[0], bound=clip[1])) > 0


def _values(runs: Records, name: str, clip: Clip) -> Runs:
    return runs.where(rule=clip[0], bound=clip[1]).values(name)


def _failed(runs: Records, clip: Clip, learned: float) -> Seeds:
    """1 where a seed has learned nothing to speak of; one that diverged has an accuracy of 0."""
    accuracy, chance = _values(runs, "accuracy", clip), CHANCE[runs.rows[0].cell["task"]]
    least = chance + learned * (1 - chance)
    return over_seeds(np.where(np.isnan(accuracy), np.nan, accuracy < least))


def _unstable(runs: Records, clip: Clip, growth: float) -> Seeds:
    """1 where a seed diverged, so that its loss is infinite, or its loss has grown."""
    first, last = (_values(runs, name, clip) for name in ("first_loss", "loss"))
    return over_seeds(np.where(np.isnan(last), np.nan, last > (1 + growth) * first))


def _by_value_stabilises(records: Records, learned: float, rescued: float) -> Verdict:
    settings = dict(_settings(records))
    fragile = {
        name: runs for name, runs in settings.items() if _failed(runs, _NONE, learned).mean > MOST
    }
    saved = {
        bound: [
            name
            for name, runs in fragile.items()
            if _tried(runs, ("by value", bound))
            and _failed(runs, ("by value", bound), learned).mean <= rescued
        ]
        for bound in VALUES
    }
    by_norm = sum(_failed(runs, _BY_NORM, learned).mean <= rescued for runs in fragile.values())
    ours = saved[VALUES[0]]
    word: Word = "fails" if not ours else "holds" if len(ours) == len(fragile) else "depends"
    told = ", ".join(f"{len(names)} clipped to {bound:g}" for bound, names in saved.items())
    on = f". It depends on the setting: rescued at {VALUES[0]:g} are {' · '.join(ours)}"
    gains = {
        name: paired(_values(runs, "accuracy", _OURS), _values(runs, "accuracy", _NONE))
        for name, runs in (fragile or settings).items()
    }
    return Verdict(
        word,
        f"{len(fragile)} of {len(settings)} settings fail unclipped; by value, rescued are "
        f"{told}; by norm, {by_norm} clipped to 1" + on * (word == "depends"),
        (_most(gains, "accuracy clipped to 0.1 minus unclipped"),),
    )


def _gains(records: Records, clip: Clip) -> dict[str, Seeds]:
    """What clipping changes in a pair, each side at the rate that validation chooses for it."""
    return {
        name: paired(_at_best(runs, clip), _at_best(runs, _NONE))
        for name, runs in _pairs(records)
        if _tried(runs, clip)
    }


def _at_best(runs: Records, clip: Clip) -> Runs:
    """Test accuracies at the rate with the best mean validation accuracy."""
    chosen = runs.where(rule=clip[0], bound=clip[1])
    validation = chosen.values("validation", by=("lr", "seed")).mean(1)
    best: Runs = chosen.values("accuracy", by=("lr", "seed"))[int(np.nanargmax(validation))]
    return best


def _models_train_better(records: Records, gain: float) -> Verdict:
    gains = _gains(records, _OURS)
    better = [name for name, one in gains.items() if one.above(0) and one.mean >= gain]
    word: Word = "holds" if len(better) == len(gains) else "depends" if better else "fails"
    by_norm = _gains(records, _BY_NORM).values()
    also = sum(one.above(0) and one.mean >= gain for one in by_norm)
    on = f"; it depends on task and model: better are {' · '.join(better)}"
    return Verdict(
        word,
        f"of {len(gains)} pairs of task and model {len(better)} are better clipped to "
        f"{VALUES[0]:g} by value, {also} clipped to 1 by norm; {_told(gains)}"
        + on
        * (word == "depends"),
        (_most(gains, "accuracy clipped to 0.1 minus unclipped", (0, gain)),),
    )


def _clipping_limits(records: Records, loss: float) -> Verdict:
    gains = {bound: _gains(records, ("by value", bound)) for bound in VALUES}
    worse = {
        bound: [name for name, one in found.items() if one.below(0) and one.mean <= -loss]
        for bound, found in gains.items()
    }
    halves = [2 * len(worse[bound]) > len(gains[bound]) for bound in VALUES]
    word: Word = "holds" if all(halves) else "depends" if any(worse.values()) else "fails"
    told = "; ".join(
        f"clipped to {bound:g} by value, {len(names)} of {len(gains[bound])} pairs are worse"
        + f" ({_told({name: gains[bound][name] for name in names})})" * bool(names)
        for bound, names in worse.items()
    )
    on = "; it depends on the bound, the task and the model" * (word == "depends")
    drawn = tuple(
        _most(gains[bound], f"accuracy clipped to {bound:g} minus unclipped", (-loss, 0))
        for bound in VALUES[::-1]
    )
    return Verdict(word, told + on, drawn)


def _clipping_unsettles(records: Records, growth: float) -> Verdict:
    calm = {n: runs for n, runs in _settings(records) if _unstable(runs, _NONE, growth).high == 0}
    clips = (*(("by value", bound) for bound in VALUES), _BY_NORM)
    seeds = {
        f"{name}, {rule[3]} {bound:g}": _unstable(runs, (rule, bound), growth)
        for name, runs in calm.items()
        for rule, bound in clips
        if _tried(runs, (rule, bound))
    }
    unsettled = {name: one for name, one in seeds.items() if one.high}
    most = any(one.mean > MOST for one in unsettled.values())
    word: Word = "holds" if most else "depends" if unsettled else "fails"
    on = "; it depends on the seed" * (word == "depends")
    named = f": {' · '.join(f'{name} ({one.mean:.0%})' for name, one in unsettled.items())}"
    return Verdict(
        word,
        f"{len(calm)} settings are stable unclipped; of these, clipped by value (v) or by norm "
        f"(n), {len(unsettled)} of {len(seeds)} are unstable in some seed"
        + named * bool(unsettled)
        + on,
        (_most(seeds, "clipped runs that became unstable", spec=".0%"),) if seeds else (),
    )


def _told(gains: Mapping[str, Seeds]) -> str:
    return "; ".join(f"{name} {one:+.1%}" for name, one in gains.items())


def _most(
    numbers: Mapping[str, Seeds], about: str, bounds: tuple[float, ...] = (0,), spec: str = "+.1%"
) -> Evidence:
    """The numbers farthest from zero, as many as a picture holds."""
    names = sorted(numbers, key=lambda name: -abs(numbers[name].mean))[:_ROWS]
    return Evidence(about, {name: numbers[name] for name in names}, bounds, spec)


_GRID = tuple({"part": "grid", "model": model} for model in READERS)

CLAIMS = (
    Claim(
        "S4-1",
        rule="Settings: three tasks, four models, and their rates; every one of 5 seeds counts. A "
        "run fails that diverges or comes less than a tenth of the way from chance to all "
        "right on test scenes; a network that says the blank everywhere reads no strip, so "
        "it fails. Of the settings in which more than half of 5 seeds fail unclipped, "
        "clipping to 0.1 by value rescues those in which it leaves at most one to fail. "
        "Holds if it rescues all, fails if none, depends otherwise.",
        decide=_by_value_stabilises,
        cutoffs={"learned": LEARNED, "rescued": FEW},
        needs=_GRID,
    ),
    Claim(
        "S4-4",
        rule="Pairs of a task and a model; unclipped, and clipped to 0.1 by value, each at the "
        "rate with the best mean validation accuracy of those tried, of which the unclipped "
        "runs of order and strips have one more. Better: the test accuracy is higher in "
        "every one of 5 seeds, and by 2 points or more on average. Holds if all pairs are "
        "better, fails if none is, depends otherwise.",
        decide=_models_train_better,
        cutoffs={"gain": MARGIN},
        needs=(*_GRID, {"part": "small"}),
    ),
    Claim(
        "S4-5",
        rule="The pairs of S4-4, clipped to 0.1 and to 0.01 by value, each at its own best rate. "
        "Worse: the test accuracy is lower than unclipped in every one of 5 seeds, and by 2 "
        "points or more on average. Holds if more than half of the pairs are worse at both "
        "bounds, fails if none is at either, depends otherwise.",
        decide=_clipping_limits,
        cutoffs={"loss": MARGIN},
        needs=(*_GRID, {"part": "small"}),
    ),
    Claim(
        "S4-6",
        rule="The settings of S4-1 that are stable unclipped in every one of 5 seeds. Unstable: a "
        "run diverges, or its last 20 losses are on average more than 1.2 times its first "
        "one. Clipped to 0.1 or 0.01 by value, or to 1 by norm: holds if one of these "
        "settings becomes unstable in more than half of the seeds, fails if none does in any "
        "seed, depends otherwise.",
        decide=_clipping_unsettles,
        cutoffs={"growth": GROWTH},
        needs=_GRID,
    ),
)
