"""The cliff: the loss of a recurrent network of one unit, and a step off its wall."""

from gradlab.course.lessons.cliff.controls import panel

__all__ = ["panel"]
