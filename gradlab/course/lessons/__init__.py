"""The lessons: one folder per topic, with all that belongs to it.

In a lesson stand what it measures, how that is drawn (``picture``), its panels (``controls``), its
grid of runs (``experiment``) and its claims (``claims``). A lesson imports the instrument and what
lessons run on, and nothing of another lesson. Its ``__init__`` names what notebooks use.

- ``broken_runs``: training scripts with one fault each, and a clinic to name it in
- ``cliff``: the loss of the smallest recurrent network, and a step off its wall
- ``growth``: a gradient sent back through many layers, and through time
- ``plane``: clipping a gradient of two numbers
- ``samples``: the gradient of each example of a batch, clipped before they are averaged
- ``rules``: all clip rules at equal strength
- ``race``: the same training, clipped differently
- ``pruning``: which weights can go
- ``features``: how short a feature vector can be
- ``detection``: a detector of faces, clipped while it learns, and its thresholds afterwards
- ``averaging``: averages of the weights and augmented pictures, with clipping and without
- ``report_card``: the ledger of claims, to filter and open
- ``scenes``: readers of small scenes: who needs clipping, and what else would have helped
- ``spikes``: a loss spike: which number warns, and six treatments from before it
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any

from gradlab.course.claims import Claim
from gradlab.course.claims.sources import STATEMENTS
from gradlab.course.sweep import Experiment


def experiments() -> dict[str, Experiment]:
    """Every lesson's experiment, by the name under which ``gradlab sweep`` runs it."""
    found: list[Experiment] = _collected("experiment", "EXPERIMENT")
    return {experiment.name: experiment for experiment in found}


def claims() -> dict[str, Claim]:
    """Every lesson's claims, by number, in the sources' order."""
    found: list[tuple[Claim, ...]] = _collected("claims", "CLAIMS")
    by_number = {claim.number: claim for claim in sum(found, ())}
    return {number: by_number[number] for number in STATEMENTS if number in by_number}


def _collected(room: str, name: str) -> list[Any]:
    """What the lessons that have such a room call by that name in it."""
    lessons = (lesson.name for lesson in iter_modules(__path__, f"{__name__}."))
    rooms = (f"{lesson}.{room}" for lesson in lessons)
    return [getattr(import_module(one), name) for one in rooms if find_spec(one)]
