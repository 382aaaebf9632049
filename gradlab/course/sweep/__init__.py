"""Grids of runs over any executor; one finished run is one line that survives a crash.

- ``Experiment``: a grid of cells, and what is measured in one
- ``complete``: make the runs that a file does not hold yet, and record each as it ends
- ``read``, ``recorded``: ``Records``, from a file and from those that ship with the course
"""

from gradlab.course.sweep.experiment import Experiment
from gradlab.course.sweep.grid import complete
from gradlab.course.sweep.journal import read, recorded
from gradlab.course.sweep.workers import cluster

__all__ = ["Experiment", "cluster", "complete", "read", "recorded"]
