"""The importances panel: which score picks the weights that can go?"""

from __future__ import annotations

from collections.abc import Mapping

from gradlab.course.lessons.pruning.curves import Curves, Runs
from gradlab.course.lessons.pruning.questions import AMOUNTS
from gradlab.course.sweep.records import Records

AT_ONCE = "at once, all layers together"
EACH_LAYER = "at once, each layer alone"
TUNED = "after one more epoch of training"


def importance_panel(records: Records) -> Importances:
    """A panel that races the importances: accuracy against sparsity, for every one of them.

    A thin line is a seed, the thick one their mean; all means stand together at the end.

    Args:
        records: of the experiment "pruning": ``sweep.recorded("pruning")``.

    Raises:
        ValueError: a run is missing or failed: a curve through the others would hide it.

    Note:
        One network on one data set, scored once on some thousand training images. After more
        training importances may change places.
    """
    return Importances(
        AMOUNTS, {name: _view(records, name) for name in (AT_ONCE, EACH_LAYER, TUNED)}, "prune"
    )


class Importances(Curves):
    """See ``importance_panel``."""

    def compared(self, here: Mapping[str, Runs]) -> str:
        """The gradient beside the weight itself, seed by seed."""
        lead = 100 * (here["gradient"] - here["magnitude"])
        return (
            f" Gradient minus magnitude, seed by seed: {lead.mean():+.1f} points "
            f"({lead.min():+.1f} to {lead.max():+.1f})."
        )


def _view(records: Records, name: str) -> dict[str, Runs]:
    chosen = records.where(part="tuned" if name == TUNED else "one shot")
    if name != TUNED:
        chosen = chosen.where(scope="global" if name == AT_ONCE else "per layer")
    found = chosen.values("test", by=("importance", "seed"))
    return dict(zip(chosen.axis("importance"), found, strict=True))
