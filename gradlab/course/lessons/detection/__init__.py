"""A detector of faces: who needs clipping to learn it, and what its thresholds do afterwards."""

from gradlab.course.lessons.detection.controls import sees_panel
from gradlab.course.lessons.detection.learning import learning_panel
from gradlab.course.lessons.detection.losses import loss
from gradlab.course.lessons.detection.runs import live
from gradlab.course.lessons.detection.training import Pictures
from gradlab.course.lessons.detection.weights import trained

__all__ = ["Pictures", "learning_panel", "live", "loss", "sees_panel", "trained"]
