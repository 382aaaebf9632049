"""Who needs clipping to read a scene: RNN, CRNN and Transformer on three tasks."""

from gradlab.course.lessons.scenes.gradient_controls import gradient_panel
from gradlab.course.lessons.scenes.grid_controls import readers_panel
from gradlab.course.lessons.scenes.reading_controls import reading_panel
from gradlab.course.lessons.scenes.unaligned import ctc, read
from gradlab.course.lessons.scenes.watching import watch

__all__ = ["ctc", "gradient_panel", "read", "readers_panel", "reading_panel", "watch"]
