"""The same training, clipped differently: who learns, and who is lost?"""

from gradlab.course.lessons.race.controls import panel

__all__ = ["panel"]
