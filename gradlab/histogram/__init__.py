"""A gradient counted by magnitude: sort nothing, keep counts.

``LogHistogram.of(tensor)`` counts a tensor, ``by_layer(model)`` every gradient of a model, and
``+`` merges. The counts answer for every threshold, in time that does not depend on their number.

- ``log``, ``layers``: ``LogHistogram``, and the questions it answers; those of many tensors
- ``evenly``: the distribution within and over the bins that answers them
- ``codes``: the bins: the top bits of a float32, and how they are counted
- ``found``, ``counting``: what was counted, of many tensors in one pass
- ``sampling``: how a large tensor is counted from a part of it, and how sure that is
- ``threads``: what counts, where there is much
- ``magnitudes``, ``scaled``: many histograms clamped, or scaled, at once
- ``running``: quantiles of all numbers seen so far, in the same bins
"""

from gradlab.histogram.layers import by_layer
from gradlab.histogram.log import LogHistogram

__all__ = ["LogHistogram", "by_layer"]
