"""One recorded grid, slid: a map of final numbers, and the curves behind each of its places.

``panel(records, "lr", "max_norm", choices=("model",))`` shows it; ``after("accuracy_curve", 100)``
reads a curve where a run was so far on its way.
"""

from gradlab.course.grids.controls import panel
from gradlab.course.grids.table import after

__all__ = ["after", "panel"]
