"""Which threshold, and for how many steps? S3's experiment, with the axis that it forgot."""

from gradlab.course.lessons.thresholds.controls import claimed_panel
from gradlab.course.lessons.thresholds.maps import map_panel

__all__ = ["claimed_panel", "map_panel"]
