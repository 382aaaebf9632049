"""What source S3 claims of sliding averages and of augmented pictures, and what decides it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, Word
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.averaging.experiment import (
    AUGMENTS,
    DECAYS,
    MAX_NORMS,
    SCHEDULES,
    SHOWN,
)
from gradlab.course.sweep.records import Records

PerSeed = NDArray[np.float64]

BETTER = 0.005
"""An accuracy is better if it is higher in every seed, and by this or more on average."""

LEARNS = 0.2
"""A run that ends under this test accuracy has learned nothing; chance is 0.1."""


def _average_generalises(records: Records, better: float = BETTER) -> Verdict:
    gains, told = {}, []
    plain = records.where(augment="none")
    for model in ("AlexNet", "VGG"):
        for schedule in SCHEDULES:
            for max_norm in MAX_NORMS:
                runs = plain.where(model=model, schedule=schedule, max_norm=max_norm)
                weights = _learned(runs)
                average = runs.values("averages")[:, DECAYS.index(SHOWN)]
                name = f"{model}, {schedule} rate, {_clipping(max_norm)}"
                gains[name] = paired(average, weights)
                told.append(f"{name}: {over_seeds(weights):.1%}, the average {gains[name]:+.1%}")
    return _verdict(gains, told, better, "the network, the schedule and clipping")


def _augmented_is_better(records: Records, name: str, better: float = BETTER) -> Verdict:
    gains, told = {}, []
    decayed = records.where(schedule="cosine")
    for model, what in (("AlexNet", "photographs"), ("CNN", "digits")):
        for max_norm in MAX_NORMS:
            runs = decayed.where(model=model, max_norm=max_norm)
            plain, augmented = (_learned(runs.where(augment=one)) for one in ("none", name))
            setting = f"{what}, {_clipping(max_norm)}"
            gains[setting] = paired(augmented, plain)
            told.append(f"{setting}: {over_seeds(plain):.1%} without, {gains[setting]:+.1%} with")
    return _verdict(gains, told, better, "the pictures and clipping")


def _flips_are_better(records: Records, better: float = BETTER) -> Verdict:
    return _augmented_is_better(records, "flips", better)


def _crops_are_better(records: Records, better: float = BETTER) -> Verdict:
    return _augmented_is_better(records, "crops", better)


def _learned(runs: Records) -> PerSeed:
    """Final accuracies; NaN, which decides nothing, where a run has learned nothing."""
    accuracy = runs.values("accuracy")
    return np.where(accuracy < LEARNS, np.nan, accuracy)


def _verdict(gains: Mapping[str, Seeds], told: list[str], better: float, on: str) -> Verdict:
    found = [gain.above(0) and gain.mean >= better for gain in gains.values()]
    word: Word = "holds" if all(found) else "depends" if any(found) else "fails"
    where = "; ".join(name for name, one in zip(gains, found, strict=True) if one)
    depends = f". It depends on {on}: better only with {where}" * (word == "depends")
    return Verdict(word, ". ".join(told) + depends)


def _clipping(max_norm: float | None) -> str:
    return "unclipped" if max_norm is None else f"λ = {max_norm:g}"


_FAIR = (
    "Both start from the same weights, see the same pictures in the same order, take the same "
    "number of steps at the same learning rate, at which training without clipping learns too; "
    "the accuracy is that on test pictures, which are never augmented. "
)
_BETTER = (
    f"Better: higher in every one of 5 seeds, and by {100 * BETTER:g} points or more on average. "
)

CLAIMS = (
    Claim(
        "S3-8",
        "A sliding average makes a model generalise better, and goes along with clipping.",
        f"Compare the last weights with their exponential moving average of decay {SHOWN:g} per "
        "step. Eight settings: AlexNet and VGG, each at a constant rate and at one that decays to "
        f"zero along a cosine, each without clipping and with λ = 1. {_BETTER}"
        "Holds if the average is better in all eight, fails if in none, depends otherwise.",
        "averaging",
        _average_generalises,
    ),
    Claim(
        "S3-9",
        "Training with random horizontal flips beats training without.",
        f"Four settings: AlexNet on photographs and a small CNN on digits, each without clipping "
        f"and with λ = 1; half of the pictures are flipped, or none. {_FAIR}{_BETTER}"
        "Holds if flips are better in all four, fails if in none, depends otherwise.",
        "averaging",
        _flips_are_better,
    ),
    Claim(
        "S3-10",
        "Training with random crops beats training without, slightly.",
        f"The same four settings; pictures are padded by {AUGMENTS['crops'][1]} pixels and cut "
        f"back at a random place, or left as they are. {_FAIR}{_BETTER}"
        "Holds if crops are better in all four, fails if in none, depends otherwise.",
        "averaging",
        _crops_are_better,
    ),
)
"""The claims of S3 on averages and augmentation."""
