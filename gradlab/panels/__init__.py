"""Panels: sliders over pictures of real gradients, ready to be shown at the end of a cell.

- ``depth``: what do many layers, one after the other, make of a gradient?
- ``recurrence``: what do many steps through the same weights make of a gradient?
- ``threshold``: what would clipping at this threshold do to this gradient?
- ``predict``: any panel, locked until its reader has predicted what it will show
"""

from gradlab.panels.depth import depth
from gradlab.panels.predict import predict
from gradlab.panels.recurrence import recurrence
from gradlab.panels.threshold import threshold

__all__ = ["depth", "predict", "recurrence", "threshold"]
