"""Clip rules at equal strength: when all leave the same length, who pays and who turns it?"""

from gradlab.course.lessons.rules.controls import panel

__all__ = ["panel"]
