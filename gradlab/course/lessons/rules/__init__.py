"""Clip rules at equal strength: which layers does each shorten most, and which turns it most?"""

from gradlab.course.lessons.rules.controls import panel

__all__ = ["panel"]
