"""The gradients of a training run, recorded by two lines, and what they answer."""

from gradlab.recording.histograms import Histograms
from gradlab.recording.recorder import Recorder, record
from gradlab.recording.recording import Judgement, Recording, Suggestion, Suggestions, WhatIf

__all__ = [
    "Histograms",
    "Judgement",
    "Recorder",
    "Recording",
    "Suggestion",
    "Suggestions",
    "WhatIf",
    "record",
]
