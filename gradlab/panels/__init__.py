"""Panels: sliders over pictures of real gradients, ready to be shown at the end of a cell.

- ``threshold``: what would clipping at this threshold do to this gradient?
"""

from gradlab.panels.threshold import threshold

__all__ = ["threshold"]
