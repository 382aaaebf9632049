"""Clipping in the plane, and in many dimensions: what the rules do to a gradient's direction."""

from gradlab.course.lessons.plane.controls import panel
from gradlab.course.lessons.plane.dimensions_controls import dimensions_panel

__all__ = ["dimensions_panel", "panel"]
