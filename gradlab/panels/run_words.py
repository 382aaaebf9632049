"""What a rule would have done to a recorded run, in words, and what the run itself did."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradlab.panels.panel import counted, number, percent
from gradlab.recording import Recording
from gradlab.recording.counterfactual import WhatIf
from gradlab.recording.sampled import in_words
from gradlab.recording.suggestion import judge

_WAS = {
    "explosion guard": "an explosion guard",
    "in between": "more than an explosion guard",
    "step-size limiter": "a step-size limiter",
}


def would_in_words(would: WhatIf, every: int, shares: NDArray[np.float64]) -> str:
    """What a rule would have done.

    Args:
        would: its answer.
        every: how many steps lie between two histograms.
        shares: (n, L): of each layer, of the squared norm at all steps.
    """
    finite = np.isfinite(would.norm_before)
    fired = np.flatnonzero(would.fired)
    of = counted(int(finite.sum()), "step") + f" with a histogram (every {every}th)" * (
        would.error > 0
    )
    moved = _moved(would)
    drops = fired.size and not would.coefficient[fired].any()
    did = "dropped" if drops else "clipped"
    if not fired.size:
        return f"would have clipped none of {of}.{moved}"
    worst = would.norm_before if drops else -would.coefficient
    least = fired[np.argmax(worst[fired])]
    largest = would.layers[int(np.nanargmax(would.layer_norm_before[least]))]
    at = f"at step {would.steps[least]}, where {largest} has the largest gradient."
    hardest = f"Smallest coefficient {number(would.coefficient[least])}, {at}"
    degrees = np.degrees(np.arccos(would.cosine[fired])).max()
    turned = f" It turns them by up to {degrees:.1f}°." if degrees > 0.05 else ""
    spent = shares[would.steps[fired]].mean(axis=0)
    most = int(spent.argmax())
    spender = f"Over these steps {would.layers[most]} spends {percent(spent[most])} of ‖g‖²."
    before, after = would.norm_before[finite], would.norm_after[finite]
    judged = judge(would.norm_before, would.fired, would.clip, coefficient=would.coefficient)
    return (
        f"would have {did} {fired.size:,} of {of} ({percent(would.fraction)}): "
        f"{_WAS[judged.word]}.{moved} "
        f"{f'The largest {at}' if drops else hardest}{turned} {spender} "
        f"Largest norm {number(before.max())} → {number(after.max())}, "
        f"median {number(np.median(before))} → {number(np.median(after))}."
    )


def _moved(would: WhatIf) -> str:
    """Between which norms a threshold moved, after its warm-up."""
    if would.threshold is None:
        return ""
    warm = min(would.clip.warmup, len(would.steps))
    held = would.threshold[warm:]
    held = held[np.isfinite(held)]
    first = f" Its warm-up takes {counted(warm, 'step')}." * bool(warm)
    if not held.size:
        return first
    what = "it acts" if would.clip.part == "everything" else "it clips a layer of a gradient"
    low, high = number(held.min()), number(held.max())
    return f"{first} The norm above which {what} moves between {low} and {high}."


def of_the_run(recording: Recording) -> str:
    """What the run itself did and met, a sentence each."""
    said = [f"The run itself: {recording.judge().because}."]
    lost = np.flatnonzero(~np.isfinite(recording.total_norm))
    if lost.size:
        first = recording.nonfinite.get(int(lost[0]))
        where = f"step {lost[0]}" + (f", in {first}" if first else "")
        said.append(f"Not finite (crosses): {counted(lost.size, 'step')}, the first {where}.")
    if sampled := in_words(recording):
        said.append(sampled)
    if recording.skipped:
        said.append(f"The gradient scaler skipped {recording.skipped:,} more.")
    return " ".join(said)
