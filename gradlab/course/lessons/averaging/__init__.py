"""Averages of the weights, and augmented pictures: do they help, with clipping and without?

- ``keep``, ``shares``: weights kept while a network trains; how much of each is in an average
- ``averages_panel``: slide the decay; the average is put into the network, and measured
- ``preview_panel``: what training sees of flipped and cropped pictures
- ``average_gains_panel``, ``augmentation_gains_panel``: what both gain, in recorded runs
"""

from gradlab.course.lessons.averaging.controls import averages_panel
from gradlab.course.lessons.averaging.gains import (
    augmentation_gains_panel,
    average_gains_panel,
)
from gradlab.course.lessons.averaging.kept import keep, shares
from gradlab.course.lessons.averaging.preview import preview_panel

__all__ = [
    "augmentation_gains_panel",
    "average_gains_panel",
    "averages_panel",
    "keep",
    "preview_panel",
    "shares",
]
