"""Pictures from plain data: artists on given axes, nothing computed, nothing opened; internal.

Every ``draw_*`` function takes axes and numbers and returns the artists that a panel may move
afterwards. One style and one set of colours, safe for the colour-blind, serve all pictures.
"""
