"""Heavy-tailed noise: what clipping saves, and the bias that it costs."""

from gradlab.course.lessons.tails.controls import panel
from gradlab.course.lessons.tails.noise import Noise

__all__ = ["Noise", "panel"]
