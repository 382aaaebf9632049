"""What decides S4's two claims on clipping by value, each threshold at the rate that suits it."""

from __future__ import annotations

from collections.abc import Mapping

from gradlab.course.claims.claim import Verdict, Word, word_for
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import over_seeds, paired
from gradlab.course.lessons.thresholds.settings import PerSeed, Setting
from gradlab.course.sweep.records import Records


def _by_value(records: Records, optimizer: str) -> tuple[PerSeed, dict[float, PerSeed]]:
    """Accuracies without clipping, and with each ε; each at its best rate for the validation."""
    runs = records.where(optimizer=optimizer)
    found = {}
    for clip_value in runs.axis("clip_value"):
        chosen = runs.where(clip_value=clip_value)
        each = [Setting.of(chosen.where(lr=lr)) for lr in chosen.axis("lr")]
        best = max(each, key=lambda one: float(one.at_end("validation_accuracy").mean()))
        found[clip_value] = best.at_end()
    return found.pop(None), found


def combines(records: Records, better: float) -> Verdict:
    """S4-7: S4's rule under Adam and RMSProp, against each without it."""
    gains, told = {}, []
    for optimizer in ("Adam", "RMSProp", "SGD"):
        free, clipped = _by_value(records, optimizer)
        gains[optimizer] = paired(clipped[0.1], free)
        told.append(
            f"{optimizer}: {over_seeds(free):.1%} without clipping, {_changes(free, clipped)}"
        )
    word = word_for(
        gains[name].above(0) and gains[name].mean >= better for name in ("Adam", "RMSProp")
    )
    on = "; it depends on the optimizer" * (word == "depends")
    shown = Evidence("accuracy with ε = 0.1 minus without clipping", gains, (0, better))
    return Verdict(word, "; ".join(told) + on, (shown,))


def vanished_gradients_return(records: Records, least: float) -> Verdict:
    """S4-2: twenty layers whose gradient vanishes, clipped by value and not."""
    free, clipped = _by_value(records, "SGD")
    gains = {clip_value: paired(accuracy, free) for clip_value, accuracy in clipped.items()}
    escaped = [clip_value for clip_value, gain in gains.items() if gain.above(least)]
    word: Word = "holds" if 0.1 in escaped else "depends" if escaped else "fails"
    on = "; it depends on a tiny ε, and a rate raised in proportion" * (word == "depends")
    told = f"{over_seeds(free):.1%} without clipping at its best rate, {_changes(free, clipped)}"
    named = {f"ε = {clip_value:g}": gain for clip_value, gain in gains.items()}
    shown = Evidence("accuracy with ε minus without clipping", named, (least,))
    return Verdict(word, told + on, (shown,))


def _changes(free: PerSeed, clipped: Mapping[float, PerSeed]) -> str:
    changes = ((clip_value, paired(accuracy, free)) for clip_value, accuracy in clipped.items())
    return ", ".join(f"ε = {clip_value:g} {change:+.1%}" for clip_value, change in changes)
