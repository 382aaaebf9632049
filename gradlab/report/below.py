"""What stands below a figure and below a table: what else their reader must know of the run."""

from __future__ import annotations

from gradlab.recording import Recording
from gradlab.recording.sampled import in_words


def below(recording: Recording, *, sampled: bool) -> str:
    """What clipped before the recorder, and what ``sampled`` counts come from; may be empty."""
    stop = recording.clipped_before
    said = [f"The run: {stop}."] if stop else []
    return " ".join([*said, in_words(recording)] if sampled else said)
