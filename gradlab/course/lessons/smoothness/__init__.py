"""Why clipping can be fast: a curve whose curvature grows with its slope."""

from gradlab.course.lessons.smoothness.controls import panel

__all__ = ["panel"]
