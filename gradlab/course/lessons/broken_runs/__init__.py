"""Broken runs: training scripts with one fault each, seen through the instrument's panels.

- ``scripts``: three that work; ``faults``: the lines to change; ``tasks``, ``running``: their runs
- ``signs``: what gives each fault away, as a number; ``health``, ``suspects``: who shows which
- ``patients``, ``replies``, ``listing``, ``clinic_controls``: the reader names the fault
- ``strangers``: runs of other networks, of which the curves are seen first; ``controls``: the ward
- ``bench_picture``, ``bench_controls``: the experiment that tells two suspects apart
"""

from gradlab.course.lessons.broken_runs.bench_controls import bench
from gradlab.course.lessons.broken_runs.controls import Ward
from gradlab.course.lessons.broken_runs.health import checkup
from gradlab.course.lessons.broken_runs.running import run
from gradlab.course.lessons.broken_runs.scripts import network
from gradlab.course.lessons.broken_runs.suspects import table

__all__ = ["Ward", "bench", "checkup", "network", "run", "table"]
