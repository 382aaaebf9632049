"""S2 and S4 on detectors: what decides their claims."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradlab.course.claims.claim import Claim, Verdict, word_for
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import Seeds, over_seeds, paired
from gradlab.course.lessons.detection.questions import CUTS
from gradlab.course.sweep.records import Records

POINT = 0.01
"""Better: by more than this on average, and in every seed."""

REAL_TIME = 25.0
"""Pictures a second."""

SAVED = 0.05
"""Faster: by more than this share of the time."""

_OPTIMIZERS = ("SGD", "AdamW")

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


def _better(change: Seeds, gain: float) -> bool:
    return change.above(0) and change.mean > gain


def _low_scores_out(after: Records, gain: float) -> Verdict:
    ap, f1 = after.values("ap50"), after.values("f1")
    changes = {cut: paired(ap[:, k], ap[:, 0]) for k, cut in enumerate(CUTS) if k}
    f1_change = paired(after.values("f1_at_cut"), f1[:, 0])
    word = word_for((any(_better(c, gain) for c in changes.values()), _better(f1_change, gain)))
    best = max(changes, key=lambda cut: changes[cut].mean)
    shown = Evidence(
        "change by leaving low scores out",
        {"F1, cut at its best": f1_change}
        | {f"AP50, cut at {cut:g}": changes[cut] for cut in CUTS[1:]},
        (0.0, gain),
        "+.3f",
    )
    return Verdict(
        word,
        f"AP50 {over_seeds(ap[:, 0]):.3f} with all candidates from {CUTS[0]}; of all cuts, "
        f"{best:g} changes it for the best, by {changes[best]:+.4f}, and 0.5 by "
        f"{changes[0.5]:+.3f}. F1 {over_seeds(f1[:, 0]):.3f}; at the cut chosen on other pictures "
        f"it changes by {f1_change:+.3f}"
        + "; it depends on what is called accuracy"
        * (word == "depends"),
        (shown,),
    )


def _real_time(speed: Records, rate: float) -> Verdict:
    ours, large = map(over_seeds, speed.values("per_second").T)
    word = word_for(found.above(rate) for found in (ours, large))
    shown = Evidence(
        "pictures a second at 224 pixels",
        {"this detector": ours, "RetinaNet, ResNet-50": large},
        (rate,),
        ".3g",
    )
    return Verdict(
        word,
        f"pictures a second, one at a time at 224 pixels with suppression: this detector "
        f"{ours:.0f}; torchvision's RetinaNet with ResNet-50 {large:.1f}"
        + "; it depends on the detector"
        * (word == "depends"),
        (shown,),
    )


def _accumulating(records: Records, gain: float) -> Verdict:
    grid, steps = records.where(part="grid"), records.where(part="steps")
    changes = {}
    for optimizer in _OPTIMIZERS:
        one, four = (_best(grid, optimizer=optimizer, accumulate=n)[1] for n in (1, 4))
        changes[f"{optimizer}, same pictures"] = paired(four, one)
        longer = steps.where(optimizer=optimizer)
        (lr,) = longer.axis("lr")
        alike = grid.where(optimizer=optimizer, accumulate=1, lr=lr)
        changes[f"{optimizer}, same steps"] = paired(longer.values("ap50"), alike.values("ap50"))
    word = word_for(_better(change, gain) for change in changes.values())
    told = "; ".join(f"{name} {change:+.3f}" for name, change in changes.items())
    on = "; it depends on what is held equal, pictures or steps"
    return Verdict(
        word,
        f"AP50 with four micro-batches a step minus with one: {told}{on * (word == 'depends')}",
        (Evidence("AP50, four micro-batches minus one", changes, (0.0, gain), "+.3f"),),
    )


def _accuracy_and_speed(after: Records, gain: float, saved: float) -> Verdict:
    f1 = paired(after.values("f1_at_cut"), after.values("raw_f1"))
    ap = paired(after.values("ap50_at_cut"), after.values("nms")[:, -1])
    time = over_seeds(after.values("time_ratio") - 1)
    accurate, fast = _better(f1, gain) and _better(ap, gain), time.below(-saved)
    word = word_for((accurate, fast))
    alarms, hard = (
        ", ".join(str(len(row.result[name])) for row in after if row.result)
        for name in ("astronaut", "hard_astronaut")
    )
    on = f"; it depends: more accurate {accurate}, faster {fast}" * (word == "depends")
    return Verdict(
        word,
        f"a cut and suppression change F1 by {f1:+.3f}, AP50 by {ap:+.3f}, and the time of a "
        f"picture by {time:+.1%}{on}. On the astronaut, with one face, boxes that score 0.2 or "
        f"more, by seed (at most 8 are kept): {alarms}; trained on hard negatives: {hard}",
        (
            Evidence("change by cut and suppression", {"F1": f1, "AP50": ap}, (0.0, gain), "+.3f"),
            Evidence("time of a picture", {"with, to without": time}, (-saved,)),
        ),
    )


def _clipped_detectors_detect_better(records: Records, gain: float) -> Verdict:
    told, changes = [], {}
    for optimizer in _OPTIMIZERS:
        grid = records.where(part="grid", optimizer=optimizer)
        setting, without = _best(grid, max_norm=None)
        told.append(f"{optimizer} unclipped {over_seeds(without):.3f} at {setting}")
        plain = grid.where(warmup=0)
        by_norm = [_best(plain, max_norm=bound) for bound in plain.axis("max_norm") if bound]
        ways = {
            "by norm": max(by_norm, key=lambda found: float(np.mean(found[1]))),
            "by value": _best(records, part="value", optimizer=optimizer),
        }
        for way, (where, found) in ways.items():
            changes[f"{optimizer}, {way}"] = change = paired(found, without)
            told.append(f"{way} {change:+.3f} at {where}")
    word = word_for(_better(change, gain) for change in changes.values())
    on = "; it depends on the optimizer and the way to clip" * (word == "depends")
    shown = Evidence("AP50, clipped minus unclipped", changes, (0.0, gain), "+.3f")
    return Verdict(word, f"best AP50: {'; '.join(told)}{on}", (shown,))


CLAIMS = (
    Claim(
        "S2-1",
        rule="Candidates of one trained detector in each of 5 seeds, after non-maximum "
        "suppression, cut at scores from 0.05 to 0.9. Raises: higher in every seed, and by more "
        "than 0.01 on average, than with all candidates from 0.01. Asked of AP50, at any cut, and "
        "of F1, at the cut that is best on other pictures. Holds if it raises both, fails if "
        "neither, depends if one.",
        decide=_low_scores_out,
        cutoffs={"gain": POINT},
        needs=({"part": "after"},),
    ),
    Claim(
        "S2-2",
        rule="Pictures a second, one at a time, 224 pixels, one thread of a CPU, network and "
        "suppression together: of this course's detector, and of torchvision's RetinaNet with "
        "ResNet-50. Real time: more than 25 in every one of 5 seeds. Holds if both, fails if "
        "neither, depends if one.",
        decide=_real_time,
        cutoffs={"rate": REAL_TIME},
        needs=({"part": "speed"},),
    ),
    Claim(
        "S2-3",
        rule="Steps of four micro-batches of 8 pictures against steps of one, clipped at norm 1, "
        "with SGD and with AdamW: over as many pictures, each at its own best rate; and over as "
        "many steps, which takes four times the pictures, at one rate. Helps: AP50 is higher in "
        "every one of 5 seeds, and by more than 0.01 on average. Holds if it helps in all four, "
        "fails if in none, depends otherwise.",
        decide=_accumulating,
        cutoffs={"gain": POINT},
        needs=({"part": "grid", "warmup": 0, "max_norm": 1.0}, {"part": "steps"}),
    ),
    Claim(
        "S2-4",
        rule="Pictures with pasted faces, in place of WIDER FACE. Post-processing, a score cut "
        "chosen on other pictures and non-maximum suppression at 0.5, against all candidates from "
        "0.01. More accurate: F1 and AP50 both higher in every one of 5 seeds, and by more than "
        "0.01 on average. Faster: network and post-processing take less than 95 % of the time of "
        "the network alone in every seed. Holds if both, fails if neither, depends if one.",
        decide=_accuracy_and_speed,
        cutoffs={"gain": POINT, "saved": SAVED},
        needs=({"part": "after"},),
    ),
    Claim(
        "S4-3",
        rule="With SGD and with AdamW, clipped by norm at the best threshold tried, without a "
        "warm-up, and by value at S4's 0.1, each at its own best rate, against no clipping at its "
        "best rate, with a warm-up or without. Better: AP50 higher in every one of 5 seeds, and by "
        "more than 0.01 on average. Holds if better in all four, fails if in none, depends "
        "otherwise. Best is by the mean over the same seeds, for both sides alike.",
        decide=_clipped_detectors_detect_better,
        cutoffs={"gain": POINT},
        needs=({"part": "grid", "accumulate": 1}, {"part": "value"}),
    ),
)
"""The claims of S2, and S4's on detectors."""
