"""What decides S3's claims on sliding averages and on augmented pictures."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, word_for
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import Seeds, paired
from gradlab.course.lessons.averaging.experiment import (
    AUGMENTS,
    DECAYS,
    MAX_NORMS,
    SCHEDULES,
    SHOWN,
)
from gradlab.course.sweep.records import Records

BETTER = 0.005
"""An accuracy is better if it is higher in every seed, and by this or more on average."""

LEARNS = 0.2
"""A run that ends under this test accuracy has learned nothing, and decides nothing."""


def _average_generalises(records: Records, better: float) -> Verdict:
    gains = {}
    for model, schedule, max_norm in product(("AlexNet", "VGG"), SCHEDULES, MAX_NORMS):
        runs = records.where(model=model, schedule=schedule, max_norm=max_norm)
        average = runs.values("averages")[:, DECAYS.index(SHOWN)]
        setting = f"{model}, {schedule} rate, {_clipping(max_norm)}"
        gains[setting] = paired(average, _accuracies(runs))
    about = "accuracy of the average minus that of the last weights"
    return _verdict(gains, better, about, "the network, the schedule and clipping")


def _flips_are_better(records: Records, better: float) -> Verdict:
    return _augmented_is_better(records, "flips", better)


def _crops_are_better(records: Records, better: float) -> Verdict:
    return _augmented_is_better(records, "crops", better)


def _augmented_is_better(records: Records, name: str, better: float) -> Verdict:
    gains = {}
    for (model, what), max_norm in product(_TAUGHT, MAX_NORMS):
        runs = records.where(model=model, max_norm=max_norm)
        augmented, plain = (_accuracies(runs.where(augment=one)) for one in (name, "none"))
        gains[f"{what}, {_clipping(max_norm)}"] = paired(augmented, plain)
    return _verdict(
        gains, better, f"accuracy with {name} minus without", "the pictures and clipping"
    )


def _accuracies(runs: Records) -> NDArray[np.float64]:
    """By seed at the end; NaN where a run has learned nothing."""
    accuracy = runs.values("accuracy")
    return np.where(accuracy < LEARNS, np.nan, accuracy)


def _verdict(gains: Mapping[str, Seeds], better: float, about: str, on: str) -> Verdict:
    found = [gain.above(0) and gain.mean >= better for gain in gains.values()]
    word = word_for(found)
    told = "; ".join(f"{setting} {gain:+.1%}" for setting, gain in gains.items())
    where = "; ".join(setting for setting, one in zip(gains, found, strict=True) if one)
    depends = f". It depends on {on}: better only with {where}" * (word == "depends")
    return Verdict(word, f"{about}: {told}{depends}", (Evidence(about, gains, (0.0,)),))


def _clipping(max_norm: float | None) -> str:
    return "unclipped" if max_norm is None else f"λ = {max_norm:g}"


_TAUGHT = (("AlexNet", "photographs"), ("CNN", "digits"))
_FAIR = (
    "Both start from the same weights, see the same pictures in the same order, take the same "
    "number of steps at the same learning rate, at which training without clipping learns too; "
    "the accuracy is that on test pictures, which are never augmented. "
)
_BETTER = (
    f"Better: higher in every one of 5 seeds, and by {100 * BETTER:g} points or more on average. "
)


def _augmented_or_not(name: str) -> tuple[dict[str, str], ...]:
    """The runs that tell what this augmentation does."""
    return tuple(
        {"model": model, "schedule": "cosine", "augment": augment}
        for (model, _), augment in product(_TAUGHT, ("none", name))
    )


CLAIMS = (
    Claim(
        "S3-8",
        f"Compare the last weights with their exponential moving average of decay {SHOWN:g} per "
        "step. Eight settings: AlexNet and VGG, each at a constant rate and at one that decays to "
        f"zero along a cosine, each without clipping and with λ = 1. {_BETTER}"
        "Holds if the average is better in all eight, fails if in none, depends otherwise.",
        _average_generalises,
        {"better": BETTER},
        tuple({"model": model, "augment": "none"} for model in ("AlexNet", "VGG")),
    ),
    Claim(
        "S3-9",
        f"Four settings: AlexNet on photographs and a small CNN on digits, each without clipping "
        f"and with λ = 1; half of the pictures are flipped, or none. {_FAIR}{_BETTER}"
        "Holds if flips are better in all four, fails if in none, depends otherwise.",
        _flips_are_better,
        {"better": BETTER},
        _augmented_or_not("flips"),
    ),
    Claim(
        "S3-10",
        f"The same four settings as for flips; pictures are padded by {AUGMENTS['crops'][1]} "
        f"pixels and cut back at a random place, or left as they are. {_FAIR}{_BETTER}"
        "Holds if crops are better in all four, fails if in none, depends otherwise.",
        _crops_are_better,
        {"better": BETTER},
        _augmented_or_not("crops"),
    ),
)
"""The claims of S3 on averages and augmentation."""
