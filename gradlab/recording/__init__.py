"""The gradients of a training run, recorded by two lines, and what they answer.

``record`` opens a ``Recorder`` around a training loop, which clips, and leaves a ``Recording``:
norms of every step, histograms of some. It is plain data on the CPU, to be saved and loaded, and
asked what another rule would have done (``what_if``), which threshold it suggests (``suggest``) and
what its own rule was (``judge``).
"""

from gradlab.recording.counterfactual import WhatIf
from gradlab.recording.histograms import Histograms
from gradlab.recording.recorder import Recorder, record
from gradlab.recording.recording import Recording, load
from gradlab.recording.suggestion import Judgement, Suggestion, Suggestions

__all__ = [
    "Histograms",
    "Judgement",
    "Recorder",
    "Recording",
    "Suggestion",
    "Suggestions",
    "WhatIf",
    "load",
    "record",
]
