"""Detectors that ship with the course, trained as the experiment trains its good one.

``python -m gradlab.course.lessons.detection.weights`` makes them again, in about a minute.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gradlab.arguments import one_of
from gradlab.course import models
from gradlab.course.lessons.detection.experiment import EXPERIMENT
from gradlab.course.lessons.detection.questions import false_alarms
from gradlab.course.lessons.detection.runs import good

KINDS = ("ordinary", "hard negatives")


def trained(kind: str = "ordinary") -> nn.Sequential:
    """A detector of faces, trained on composites of 64 pixels, on the CPU.

    Args:
        kind: ``"ordinary"``, or ``"hard negatives"``: trained on pictures into which the first
            one's false alarms were pasted, too.

    Raises:
        ValueError: ``kind`` is neither.
    """
    one_of("kind", kind, KINDS)
    with resources.as_file(_home() / _file(kind)) as path, np.load(path) as arrays:
        state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    model = models.detector(len(state["backbone.conv1.weight"]))
    model.load_state_dict(state)
    return model.eval()


def make(folder: Path) -> None:
    """Train both, with the first seed of the experiment, and write their files."""
    cell = next(c for c in EXPERIMENT.cells("cpu") if c["part"] == "after")
    first = good(cell)
    second = good(cell, false_alarms(first, cell))
    for kind, model in zip(KINDS, (first, second), strict=True):
        arrays = {name: value.cpu().numpy() for name, value in model.state_dict().items()}
        np.savez(folder / _file(kind), **arrays)


def _home() -> Traversable:
    return resources.files("gradlab.course") / "records"


def _file(kind: str) -> str:
    return f"detector, {kind}.npz".replace(", ", "-").replace(" ", "-")


if __name__ == "__main__":
    torch.set_num_threads(1)
    make(Path(str(_home())))
