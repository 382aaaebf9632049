"""Grids of runs over any executor; one finished run is one line that survives a crash.

- ``Experiment``: which runs it is made of, and what one run does
- ``run``: run what is missing of an experiment, and record each run as it ends
- ``read``, ``recorded``: ``Records``, from a file and from those that ship with the course
"""

from gradlab.course.sweep.experiment import Experiment
from gradlab.course.sweep.grid import run
from gradlab.course.sweep.journal import read, recorded
from gradlab.course.sweep.provenance import Provenance
from gradlab.course.sweep.records import Records, Row
from gradlab.course.sweep.workers import cluster

__all__ = ["Experiment", "Provenance", "Records", "Row", "cluster", "read", "recorded", "run"]
