"""Grids of runs over any executor; one finished run is one line that survives a crash.

- ``Experiment``: a grid of cells, and what is measured in one
- ``complete``: make the runs that a file does not hold yet, and record each as it ends
- ``read``, ``recorded``: ``Records``, from a file and from those that ship with the course
"""

from gradlab.sweep.experiment import Experiment
from gradlab.sweep.grid import complete
from gradlab.sweep.journal import read, recorded
from gradlab.sweep.provenance import Provenance
from gradlab.sweep.records import Records, Row
from gradlab.sweep.workers import cluster

__all__ = ["Experiment", "Provenance", "Records", "Row", "cluster", "complete", "read", "recorded"]
