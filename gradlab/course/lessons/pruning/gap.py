"""The gap panel: does a pruned network generalise better, or does it only know less?"""

from __future__ import annotations

from collections.abc import Mapping

from gradlab.course.lessons.pruning.curves import Curves, Runs
from gradlab.course.lessons.pruning.questions import AMOUNTS
from gradlab.course.sweep.records import Records


def gap_panel(records: Records) -> Gap:
    """A panel of accuracy on training images and on unseen ones, against sparsity.

    A thin line is a seed, the thick one their mean; all means stand together at the end.

    Args:
        records: of the experiment "pruning": ``sweep.recorded("pruning")``.

    Raises:
        ValueError: a run is missing or failed: a curve through the others would hide it.

    Note:
        A gap closes from above or from below. Where it closes because the training accuracy falls
        to the other, nothing was gained.
    """
    views = {
        f"by {importance}, {when}": _view(records, part, importance)
        for importance in ("gradient", "magnitude")
        for part, when in (("tuned", "after one more epoch"), ("one shot", "at once"))
    }
    return Gap(AMOUNTS, views, "prune")


class Gap(Curves):
    """See ``gap_panel``."""

    what = "accuracy"

    def compared(self, here: Mapping[str, Runs]) -> str:
        """The gap, seed by seed."""
        points = 100 * (here["images trained on"] - here["unseen images"])
        return (
            f" Gap, seed by seed: {points.mean():+.1f} points "
            f"({points.min():+.1f} to {points.max():+.1f})."
        )


def _view(records: Records, part: str, importance: str) -> dict[str, Runs]:
    chosen = records.where(part=part, importance=importance)
    if part == "one shot":
        chosen = chosen.where(scope="global")
    return {"images trained on": chosen.values("train"), "unseen images": chosen.values("test")}
