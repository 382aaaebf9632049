"""The sensitivity panel: which layer breaks first, when it is pruned and the others are not?"""

from __future__ import annotations

from gradlab.course.lessons.pruning.curves import Curves, Runs
from gradlab.course.lessons.pruning.questions import AMOUNTS
from gradlab.course.sweep.records import Records


def sensitivity_panel(records: Records) -> Curves:
    """A panel of accuracy against the sparsity of one layer alone, for every layer.

    A thin line is a seed, the thick one their mean; all means stand together at the end.

    Args:
        records: of the experiment "pruning": ``sweep.recorded("pruning")``.

    Raises:
        ValueError: a run is missing or failed: a curve through the others would hide it.

    Note:
        Layers differ in size: 90 % of a large one is far more than 90 % of a small one. And layers
        pruned together break earlier than the worst of them alone.
    """
    views = {f"by {name}": _view(records, name) for name in ("magnitude", "gradient")}
    return Curves(AMOUNTS, views, "prune")


def _view(records: Records, importance: str) -> dict[str, Runs]:
    chosen = records.where(part="alone", importance=importance)
    found = chosen.values("test")  # by seed, layer, amount
    names = next(row.result["layers"] for row in chosen if row.result)
    return {name.removesuffix(".weight"): found[:, k] for k, name in enumerate(names)}
