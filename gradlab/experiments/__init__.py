"""The course's experiments: the grid of each, and what is measured in a cell."""

from gradlab.experiments.features import FEATURES
from gradlab.experiments.pruning import PRUNING
from gradlab.sweep import Experiment

_EXPERIMENTS: tuple[Experiment, ...] = (FEATURES, PRUNING)

ALL = {experiment.name: experiment for experiment in _EXPERIMENTS}
"""Every experiment, by the name under which ``gradlab sweep`` runs it."""
