"""Clipping before averaging: every example's gradient is bounded alone."""

from gradlab.course.lessons.samples.controls import panel
from gradlab.course.lessons.samples.gradients import per_sample_gradients

__all__ = ["panel", "per_sample_gradients"]
