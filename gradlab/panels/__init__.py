"""Panels: sliders over pictures, ready to be shown at the end of a cell.

- ``threshold``: what would clipping at this threshold do to this gradient, or to a whole run?
- ``history``: what happened in this run, step by step and layer by layer?
- ``steer``: a machine with a throttle: what becomes of a run when its settings change?
- ``sparsity``: which weights go, where, and what is left of the accuracy?

``panel`` is what all panels share, ``live`` the picture that repaints only what moved. The course's
lessons bring panels of their own.
"""

from gradlab.panels.past import history
from gradlab.panels.pruned import sparsity
from gradlab.panels.steering import steer
from gradlab.panels.thresholds import threshold

__all__ = ["history", "sparsity", "steer", "threshold"]
