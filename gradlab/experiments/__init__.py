"""The course's experiments: which runs each one is made of, and what one run does."""

from gradlab.course.lessons.features.experiment import EXPERIMENT as FEATURES
from gradlab.experiments.pruning import PRUNING
from gradlab.sweep import Experiment

_EXPERIMENTS: tuple[Experiment, ...] = (FEATURES, PRUNING)

ALL = {experiment.name: experiment for experiment in _EXPERIMENTS}
"""Every experiment, by the name under which ``gradlab sweep`` runs it."""
