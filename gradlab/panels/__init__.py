"""Panels: sliders over pictures of real gradients, ready to be shown at the end of a cell.

- ``cliff``: what does one step off the cliff look like, and what does clipping change?
- ``criteria``: which score picks the weights that can go?
- ``depth``: what do many layers, one after the other, make of a gradient?
- ``gap``: does a pruned network generalise better, or does it only know less?
- ``geometry``: where in the plane does clipping move a gradient, and does it turn it?
- ``per_sample``: what if every sample's gradient is clipped before they are averaged?
- ``race``: the same training, clipped differently; who learns, and who is lost?
- ``recurrence``: what do many steps through the same weights make of a gradient?
- ``rules``: when all clip rules leave the same length, who pays and who turns it?
- ``sensitivity``: which layer breaks first, when it is pruned and the others are not?
- ``sparsity``: which weights go, where, and what is left of the accuracy?
- ``speed``: what does a sparse network save, by size and by the stopwatch?
- ``steer``: a machine with a throttle: what becomes of a run when its settings change?
- ``threshold``: what would clipping at this threshold do to this gradient, or to a whole run?
- ``predict``: any panel, locked until its reader has predicted what it will show
"""

from gradlab.panels.cliff import cliff
from gradlab.panels.criteria import criteria
from gradlab.panels.depth import depth
from gradlab.panels.gap import gap
from gradlab.panels.geometry import geometry
from gradlab.panels.per_sample import per_sample
from gradlab.panels.predict import predict
from gradlab.panels.race import race
from gradlab.panels.recurrence import recurrence
from gradlab.panels.rules import rules
from gradlab.panels.sensitivity import sensitivity
from gradlab.panels.sparsity import sparsity
from gradlab.panels.speed import speed
from gradlab.panels.steer import steer
from gradlab.panels.threshold import threshold

__all__ = [
    "cliff",
    "criteria",
    "depth",
    "gap",
    "geometry",
    "per_sample",
    "predict",
    "race",
    "recurrence",
    "rules",
    "sensitivity",
    "sparsity",
    "speed",
    "steer",
    "threshold",
]
