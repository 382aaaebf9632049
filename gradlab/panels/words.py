"""What the threshold panel says of one gradient."""

from __future__ import annotations

from gradlab.clip.counted import Summary
from gradlab.histogram import LogHistogram
from gradlab.panels.panel import number, percent


def effect_in_words(summary: Summary, by_value: bool) -> str:
    """What a rule does to the gradient that is shown."""
    if not summary.fraction > 0:
        return f"nothing is clipped. The norm stays {number(summary.norm_before)}."
    verb = "clipped" if by_value else "scaled down"
    return (
        f"{percent(summary.fraction)} of the elements are {verb}. "
        f"Norm {number(summary.norm_before)} → {number(summary.norm_after)}. "
        f"Angle to the gradient before: {summary.degrees:.1f}° (cosine {summary.cosine:.3f})."
    )


def how_sure(view: LogHistogram, threshold: float) -> str:
    """Of a share that was counted in a sample."""
    if view.stride == 1:
        return ""
    low, high = view.fraction_interval(threshold)
    return (
        f" This is counted in a sample, one element in {view.stride}: the exact share lies between "
        f"{percent(low)} and {percent(high)}."
    )


def left_out(view: LogHistogram) -> str:
    """What a logarithmic axis cannot show."""
    parts = []
    if view.zeros:
        parts.append(f"{percent(view.zeros / view.numel)} are exactly zero")
    if view.nonfinite:
        parts.append(f"{view.nonfinite:,} are infinite or NaN")
    return f" Not in the picture: {' and '.join(parts)}." if parts else ""
