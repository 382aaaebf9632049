"""How a gradient grows or shrinks on its way back: through layers, and through time."""

from gradlab.course.lessons.growth.depth_controls import depth_panel
from gradlab.course.lessons.growth.recurrence_controls import recurrence_panel

__all__ = ["depth_panel", "recurrence_panel"]
