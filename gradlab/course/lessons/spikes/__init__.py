"""A loss spike: clip, skip or rewind?

- ``spiking``, ``onset``: a small run that spikes for a cause of your choice; where it does
- ``alarms``: a detector, on whatever is measured at each step
- ``futures``: six futures of a run, yours too, from some steps before its spike
- ``warnings_panel``, ``futures_panel``: both in recorded runs; slide them
"""

from gradlab.course.lessons.spikes.detector import alarms
from gradlab.course.lessons.spikes.future_controls import futures_panel
from gradlab.course.lessons.spikes.runs import onset, spiking
from gradlab.course.lessons.spikes.treatments import futures
from gradlab.course.lessons.spikes.warning_controls import warnings_panel

__all__ = ["alarms", "futures", "futures_panel", "onset", "spiking", "warnings_panel"]
