"""The course as static pages: every panel's pictures are drawn in advance, and no kernel runs.

- ``settings``: which positions of a panel's controls a page shows; ``capture``: the pictures there
- ``run``: a notebook, in a process of its own; ``page``: its HTML; ``build``: the whole site
"""
