"""What source S0 claims of short feature vectors, and the rules that decide it.

All four rules read the records of the experiment ``features``, on test digits that nothing was
trained on, in every one of its seeds. A seed has its own training digits, network and random map.
Seed 0 served to try the experiment out, and is not among those that decide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, Word, word_for
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.features.experiment import FULL, LENGTHS, MAP_LENGTHS, TIMED_LENGTHS
from gradlab.course.lessons.features.lengths import LINEAR, NAMES
from gradlab.course.sweep.records import Records

LOSS, GAIN = 0.01, 0.005
"""Cut-offs: a fall of accuracy that may be, and a gain that counts."""

_ROUNDING = 1e-6  # accuracies are whole thousandths: exactly 0.01 is not more
_KINDS = ("network", "pixels")


def _s0_1(records: Records, loss: float) -> Verdict:
    tested: list[bool] = []
    said, drawn = [], []
    for kind in _KINDS:
        full = _values(records, features=kind, map="none")
        for name in LINEAR:
            change = {
                k: paired(_values(records, features=kind, map=name, k=k), full) for k in LENGTHS
            }
            keeps = {k: change[k].above(-loss - _ROUNDING) for k in LENGTHS}
            tested += keeps.values()
            numbers = {f"{k} numbers": change[k] for k in LENGTHS}
            about = f"change of accuracy, {NAMES[name]} of {kind}"
            drawn.append(Evidence(about, numbers, (-loss,)))
            from_here = [k for k in LENGTHS if all(keeps[n] for n in LENGTHS if n >= k)]
            said.append(f"{kind} {name} {_from(from_here)}")
    word = word_for(tested)
    return Verdict(word, f"accuracy is kept with {'; '.join(said)}", tuple(drawn))


def _from(lengths: list[int]) -> str:
    if not lengths:
        return "from no length on"
    return f"from {lengths[0]} numbers on (1 : {FULL / lengths[0]:.3g})"


def _s0_2(records: Records) -> Verdict:
    full = _values(records, "classifier_parameters", map="none")
    alone, together, said = [], [], []
    drawn: dict[str, dict[str, Seeds]] = {"map and classifier": {}, "the classifier alone": {}}
    for name in LINEAR:
        for k in TIMED_LENGTHS:
            cell = {"map": name, "k": k, "timed": True}
            parameters = _values(records, "classifier_parameters", **cell)
            with_map = parameters + _values(records, "map_parameters", **cell)
            times = over_seeds(_values(records, "classifier_time", **cell))
            whole = over_seeds(_values(records, "whole_time", **cell))
            alone.append(paired(parameters, full).below(0) and times.below(1))
            together.append(paired(with_map, full).below(0) and whole.below(1))
            drawn["map and classifier"][f"{name} {k}"] = whole
            drawn["the classifier alone"][f"{name} {k}"] = times
            said.append(
                f"{name} {k}: parameters × {np.mean(parameters / full):.2g}, with the map "
                f"× {np.mean(with_map / full):.2g}; time × {times:.2f}, with the map × {whole:.2f}"
            )
    word: Word = "holds" if all(together) else "depends" if all(alone) else "fails"
    about = "time, in units of that for all numbers:"
    evidence = (Evidence(f"{about} {of}", found, (1,), ".2f") for of, found in drawn.items())
    return Verdict(word, ". ".join(said), tuple(evidence))


def _s0_3(records: Records, gain: float) -> Verdict:
    return _all_or_some(
        "accuracy with unit length minus without",
        {
            f"{kind} {name}": paired(
                *(_over_lengths(records, kind, name, unit=unit) for unit in (True, False))
            )
            for kind in _KINDS
            for name in ("none", *LINEAR)
        },
        gain,
    )


def _s0_4(records: Records, gain: float) -> Verdict:
    return _all_or_some(
        "accuracy minus that of the linear map",
        {
            f"{name} {k}": paired(*(_values(records, map=each, k=k) for each in (name, "linear")))
            for name in ("relu", "lstm")
            for k in MAP_LENGTHS
        },
        gain,
    )


def _all_or_some(about: str, gains: dict[str, Seeds], least: float) -> Verdict:
    """Are all, some or none positive in every seed, and so much on average?"""
    better = [gain.above(0) and gain.mean >= least for gain in gains.values()]
    word = word_for(better)
    because = "; ".join(f"{name} {gain:+.1%}" for name, gain in gains.items())
    return Verdict(word, because, (Evidence(about, gains, (least,)),))


def _values(records: Records, result: str = "accuracy", **cell: object) -> NDArray[np.float64]:
    """One number per seed, NaN where a run is missing: usually of a network's features as is."""
    usual = {"features": "network", "unit": False, "timed": False}
    chosen = records.where(**usual | cell)
    found = dict(zip(chosen.axis("seed"), chosen.values(result), strict=True))
    return np.array([found.get(seed, np.nan) for seed in records.axis("seed")])


def _over_lengths(records: Records, kind: str, name: str, *, unit: bool) -> NDArray[np.float64]:
    """Each seed's accuracy, averaged over all lengths that the map was tried at."""
    lengths = (FULL,) if name == "none" else LENGTHS
    found = [_values(records, features=kind, map=name, unit=unit, k=k) for k in lengths]
    averages: NDArray[np.float64] = np.mean(found, axis=0)
    return averages


def _linear(**same: object) -> tuple[dict[str, object], ...]:
    """The cells with all numbers, and with those that a linear map leaves."""
    return tuple({"map": name, "timed": False} | same for name in ("none", *LINEAR))


CLAIMS = (
    Claim(
        "S0-1",
        rule="A length keeps accuracy if in every seed it is at most one point below the accuracy "
        "of all 784 numbers. The claim holds if the PCA, random and learned linear maps each keep "
        "it at every length from 2 to 256, from pixels and from a network's features; it fails if "
        "none does at any length; otherwise it depends on the length and the map.",
        decide=_s0_1,
        cutoffs={"loss": LOSS},
        needs=_linear(unit=False),
    ),
    Claim(
        "S0-2",
        rule="In every seed, for the three linear maps to 8 and to 64 numbers, against softmax "
        "regression on all 784, timed in turn within one run. The claim holds if map and "
        "classifier together have fewer parameters and take less time to make, project and train; "
        "it depends on whether one counts the map if only the classifiers alone always do; it "
        "fails if not even these do.",
        decide=_s0_2,
        needs=(
            {"unit": False, "features": "network", "map": "none"},
            {"timed": True},
        ),
    ),
    Claim(
        "S0-3",
        rule="Eight settings: pixels or a network's features; all 784 numbers, or shortened by "
        "PCA, at random, or by the learned linear map, the accuracy then averaged over eight "
        "lengths. A setting is better with unit length if it gains in every seed, and half a "
        "point on average. The claim holds if all are better, fails if none is, and otherwise "
        "depends on the setting.",
        decide=_s0_3,
        cutoffs={"gain": GAIN},
        needs=_linear(),
    ),
    Claim(
        "S0-4",
        rule="Maps to 2, 8 and 32 numbers with a ReLU and with an LSTM, against the linear map "
        "with the same training: steps, batches, optimizer. One is better if it gains in every "
        "seed, and half a point on average. The claim holds if all six are better, fails if none "
        "is, and otherwise depends on the map and the length.",
        decide=_s0_4,
        cutoffs={"gain": GAIN},
        needs=({"features": "network", "unit": False, "timed": False},),
    ),
)
