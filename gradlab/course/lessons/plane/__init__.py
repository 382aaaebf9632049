"""Clipping in the plane: what the rules do to a gradient of two elements."""

from gradlab.course.lessons.plane.controls import panel

__all__ = ["panel"]
