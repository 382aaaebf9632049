"""S2 and S4 on detectors: what they claim, and what decides it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, Word
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.detection.questions import CUTS
from gradlab.course.sweep.records import Records

POINT = 0.01
"""Better: by more than this on average, and in every seed."""

REAL_TIME = 25.0  # pictures a second
FASTER = 0.95  # of the time

Scores = NDArray[np.float64]


def _best(records: Records, **where: object) -> tuple[str, Scores]:
    """AP50 by seed at the setting that is best on average, and that setting in words."""
    chosen = records.where(**where)
    names = tuple(n for n in ("lr", "max_norm", "warmup") if len(chosen.axis(n)) > 1)
    settings = {tuple(row.cell[name] for name in names) for row in chosen}
    found = {
        setting: chosen.where(**dict(zip(names, setting, strict=True))).values("ap50")
        for setting in settings
    }
    best = max(found, key=lambda setting: (np.mean(found[setting]), str(setting)))
    told = ", ".join(f"{name} {value:g}" for name, value in zip(names, best, strict=True))
    return told, found[best]


def _better(change: Seeds) -> bool:
    return change.above(0) and change.mean > POINT


def _word(found: Iterable[bool]) -> Word:
    each = list(found)
    return "holds" if all(each) else "depends" if any(each) else "fails"


def _low_scores_out(records: Records) -> Verdict:
    after = records.where(part="after")
    ap, f1 = after.values("ap50"), after.values("f1")
    changes = [paired(column, ap[:, 0]) for column in ap.T[1:]]
    least_harm = max(changes, key=lambda change: change.mean)
    f1_change = paired(after.values("f1_at_cut"), f1[:, 0])
    word = _word((any(map(_better, changes)), _better(f1_change)))
    half = CUTS.index(0.5)
    return Verdict(
        word,
        f"AP50 {over_seeds(ap[:, 0]):.3f} with all candidates from {CUTS[0]}; no cut raises it "
        f"(the mildest: {least_harm:+.4f}; at {CUTS[half]}: {changes[half - 1]:+.3f}). F1 "
        f"{over_seeds(f1[:, 0]):.3f}; at the cut chosen on other pictures it changes by "
        f"{f1_change:+.3f}" + "; it depends on what is called accuracy" * (word == "depends"),
    )


def _real_time(records: Records) -> Verdict:
    speed = records.where(part="speed")
    ours, large = (over_seeds(speed.values(name)) for name in ("ours", "retinanet"))
    word = _word(found.above(REAL_TIME) for found in (ours, large))
    return Verdict(
        word,
        f"pictures a second, one at a time at 224 pixels with suppression: this detector "
        f"{ours:.0f}; torchvision's RetinaNet with ResNet-50 {large:.1f}"
        + "; it depends on the detector"
        * (word == "depends"),
    )


def _accumulating(records: Records) -> Verdict:
    told, helps = [], []
    grid, steps = records.where(part="grid", warmup=0), records.where(part="steps")
    for optimizer in ("SGD", "AdamW"):
        same = {"optimizer": optimizer, "max_norm": 1.0}
        one, four = (_best(grid, accumulate=n, **same)[1] for n in (1, 4))
        (lr,) = steps.where(optimizer=optimizer).axis("lr")
        pairs = {
            "over as many pictures": (four, one),
            "over as many steps": (
                steps.where(optimizer=optimizer).values("ap50"),
                grid.where(accumulate=1, lr=lr, **same).values("ap50"),
            ),
        }
        for name, (ours, theirs) in pairs.items():
            change = paired(ours, theirs)
            helps.append(_better(change))
            told.append(f"{optimizer}, {name}: {change:+.3f}")
    word = _word(helps)
    on = "; it depends on the optimizer, and on whether further pictures are free" * (
        word == "depends"
    )
    return Verdict(word, f"AP50 with four micro-batches a step: {'; '.join(told)}{on}")


def _accuracy_and_speed(records: Records) -> Verdict:
    after = records.where(part="after")
    f1 = paired(after.values("f1_at_cut"), after.values("raw_f1"))
    at = after.values("ap50")[np.arange(len(after)), _cuts(after)]
    ap = paired(at, after.values("raw_ap50"))
    time = over_seeds(after.values("time_ratio"))
    accurate, fast = _better(f1) and _better(ap), time.below(FASTER)
    word = _word((accurate, fast))
    alarms, hard = (
        [sum(score >= 0.2 for score, *_ in row.result[name]) for row in after if row.result]
        for name in ("astronaut", "hard_astronaut")
    )
    on = f"; it depends: more accurate {accurate}, faster {fast}" * (word == "depends")
    return Verdict(
        word,
        f"a cut and suppression change F1 by {f1:+.3f} and AP50 by {ap:+.3f}, and take the time of "
        f"a picture to {time:.3f} of what it was{on}. On the astronaut, with one face, boxes from "
        f"0.2 on: {_counts(alarms)}; after training on hard negatives: {_counts(hard)}",
    )


def _cuts(after: Records) -> list[int]:
    return [CUTS.index(cut) for cut in after.values("cut").tolist()]


def _counts(found: list[int]) -> str:
    return ", ".join(map(str, found))


def _clipped_detectors_detect_better(records: Records) -> Verdict:
    told, better = [], []
    grid = records.where(part="grid", accumulate=1)
    for optimizer in ("SGD", "AdamW"):
        free = grid.where(optimizer=optimizer, max_norm=None)
        setting, without = _best(free)
        told.append(f"{optimizer} unclipped {over_seeds(without):.3f} at {setting}")
        norms = [value for value in grid.axis("max_norm") if value is not None]
        by_norm = [
            _best(grid, optimizer=optimizer, max_norm=value, warmup=0)
            for value in norms
            if len(grid.where(optimizer=optimizer, max_norm=value, warmup=0))
        ]
        ways = {
            "by norm": max(by_norm, key=lambda found: float(np.mean(found[1]))),
            "by value 0.1": _best(records, part="value", optimizer=optimizer),
        }
        for way, (where, found) in ways.items():
            change = paired(found, without)
            better.append(_better(change))
            told.append(f"{way} {change:+.3f} at {where}")
    word = _word(better)
    on = "; it depends on the optimizer and the way to clip" * (word == "depends")
    return Verdict(word, f"best AP50: {'; '.join(told)}{on}")


CLAIMS = (
    Claim(
        "S2-1",
        "Removing low-confidence results raises detection accuracy.",
        "Candidates of one trained detector in each of 5 seeds, after non-maximum suppression, cut "
        "at scores from 0.05 to 0.9. Raises: higher in every seed, and by more than 0.01 on "
        "average, than with all candidates from 0.01. Asked of AP50, at any cut, and of F1, at the "
        "cut that is best on other pictures. Holds if it raises both, fails if neither, depends if "
        "one.",
        "detection",
        _low_scores_out,
    ),
    Claim(
        "S2-2",
        "The detector is fast enough for real time.",
        "Pictures a second, one at a time, 224 pixels, one thread of a CPU, network and "
        "suppression together: of this course's detector, and of torchvision's RetinaNet with "
        "ResNet-50. Real time: more than 25 in every one of 5 seeds. Holds if both, fails if "
        "neither, depends if one.",
        "detection",
        _real_time,
    ),
    Claim(
        "S2-3",
        "Accumulating gradients helps.",
        "Steps of four micro-batches of 8 pictures against steps of one, clipped at norm 1, with "
        "SGD and with AdamW: over as many pictures, each at its own best rate; and over as many "
        "steps, which takes four times the pictures, at one rate. Helps: AP50 is higher in every "
        "one of 5 seeds, and by more than 0.01 on average. Holds if it helps in all four, fails if "
        "in none, depends otherwise.",
        "detection",
        _accumulating,
    ),
    Claim(
        "S2-4",
        "With it, accuracy and speed both improve clearly on a face data set.",
        "Pictures with pasted faces, in place of WIDER FACE. Post-processing, a score cut chosen "
        "on other pictures and non-maximum suppression at 0.5, against all candidates from 0.01. "
        "More accurate: F1 and AP50 both higher in every one of 5 seeds, and by more than 0.01 on "
        "average. Faster: network and post-processing take less than 95 % of the time of the "
        "network alone in every seed. Holds if both, fails if neither, depends if one.",
        "detection",
        _accuracy_and_speed,
    ),
    Claim(
        "S4-3",
        "A detector trained with clipping detects better.",
        "With SGD and with AdamW, clipped by norm at the best threshold tried, without a warm-up,"
        " and by value at S4's 0.1, each at its own best rate, against no clipping at its best "
        "rate, with a warm-up or without. Better: AP50 higher in every one of 5 seeds, and by "
        "more than 0.01 on average. Holds if better in all four, fails if in none, depends "
        "otherwise. Best is by the mean over the same seeds, for both sides alike.",
        "detection",
        _clipped_detectors_detect_better,
    ),
)
"""The claims of S2, and S4's on detectors."""
