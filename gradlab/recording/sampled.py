"""What a recording says of counts that come from a sample."""

from __future__ import annotations

from gradlab.histogram.sampling import interval
from gradlab.recording.recording import Recording


def in_words(recording: Recording) -> str:
    """From how many elements of how many, and how sure that is; empty where all were counted."""
    stride = recording.histograms.stride
    if stride == 1:
        return ""
    column = int(recording.histograms.strides.max(axis=0).argmax())
    numel = int(recording.sizes[column])
    low, high = interval(0.5, numel, stride)
    return (
        f"Large layers are counted in a sample (of {recording.layers[column]}, {numel // stride:,} "
        f"of {numel:,} elements): a share of a layer's elements is known to "
        f"{50 * (high - low):.1f} percentage points; norms and largest elements are exact."
    )
