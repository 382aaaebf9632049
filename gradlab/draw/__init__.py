"""Pictures from plain data: artists on given axes, nothing computed, nothing opened.

Every ``draw_*`` function takes axes and numbers and returns the artists that a panel may move
afterwards. One look and one set of colours, safe for the colour-blind, serve all pictures. This is
internal: who draws imports from the module.

What all pictures share:

- ``figure``: figures and axes that carry the look themselves, whatever ``rcParams`` say
- ``style``: colours, ticks, names that fit, and the marker of a threshold

What the instrument draws:

- ``gradients``: a gradient's magnitudes and norms, before and after clipping
- ``recorded``: a recorded run; its parts are ``layers``, ``firing`` and two curves
- ``sparsity``, ``weights``: accuracy over sparsity; which weights go
- ``steer``: a run with a throttle, and its other futures

The course's lessons draw what is their own in a ``picture`` of their own.
"""
