"""The course: what its notebooks run on, its exercises, its lessons, and its recorded runs.

It imports the instrument (everything else in ``gradlab``), and the instrument never imports it.

- ``data``: real images and a text without a download, and the usual data sets with one
- ``models``: every network of the course
- ``device``: where to run, how much to run, and how to make a run repeatable
- ``exercises``: functions to write, that check themselves
- ``sweep``, ``records``: grids of runs that survive a crash, and the runs that ship
- ``claims``: what a claim is, and how recorded runs decide it
- ``lessons``: one folder per topic: what it measures, its runs, claims, pictures and panels
- ``notebooks``, ``doctor``: the course on this machine
"""
