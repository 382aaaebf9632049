"""Which weights can go? Every importance, every sparsity, before and after more training."""

from gradlab.course.lessons.pruning.gap import gap_panel
from gradlab.course.lessons.pruning.importances import importance_panel
from gradlab.course.lessons.pruning.sensitivity import sensitivity_panel
from gradlab.course.lessons.pruning.speed import speed_panel

__all__ = ["gap_panel", "importance_panel", "sensitivity_panel", "speed_panel"]
