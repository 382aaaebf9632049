"""Panels: sliders over pictures of real gradients, ready to be shown at the end of a cell.

- ``threshold``: what would clipping at this threshold do to this gradient?
- ``predict``: any panel, locked until its reader has predicted what it will show
"""

from gradlab.panels.predict import predict
from gradlab.panels.threshold import threshold

__all__ = ["predict", "threshold"]
