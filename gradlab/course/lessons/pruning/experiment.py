"""Which weights can go? Every importance, every sparsity, before and after going on with training.

For each seed S1's network is trained as long as S1 trains it. Each cell then asks it one thing:

- ``"one shot"``: accuracy at every amount, pruned by one importance, at once;
- ``"tuned"``: the same after one more epoch of training; for magnitude, also a little at a time;
- ``"alone"``: accuracy with one layer pruned and the others left;
- ``"printed"``: what S1's listing does, to the letter;
- ``"steps"``: what a training step costs with masks, and in half precision;
- ``"speed"``: size, time and accuracy with weights set to zero, and with channels taken out;
- ``"rewound"``: half as long, pruned, and trained on from its last, early, first or other weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradlab import prune
from gradlab.course import data, device
from gradlab.course.lessons.pruning.questions import GRADUAL, IMPORTANCES, QUESTIONS, trained
from gradlab.course.lessons.pruning.rewinding import rewound
from gradlab.course.sweep import Experiment

ASKED = {**QUESTIONS, "rewound": rewound}
"""By part: what is asked of a trained network."""


def cells(budget: str) -> list[dict[str, Any]]:
    """The runs: for each seed, every question.

    Args:
        budget: "ci", "cpu" or "gpu". With "gpu" it is CIFAR-10, where it is on disk.
    """
    seeds, steps, tuning_steps = (1, 40, 8) if budget == "ci" else (5, 625, 62)  # 10 epochs, and 1
    name = "patches"
    if budget == "gpu" and any(s.name == "cifar10" and s.present for s in data.available()):
        name, steps, tuning_steps = "cifar10", 7812, 781
    common = {"data": name, "width": device.budget(budget).width, "batch_size": 64}
    common |= {"steps": steps, "tuning_steps": tuning_steps}
    one_shot = [
        {"part": "one shot", "importance": importance, "scope": scope}
        for importance in IMPORTANCES
        for scope in ("global", "per layer")
    ]
    tuned = [
        {"part": "tuned", "importance": importance} for importance in (*prune.IMPORTANCES, GRADUAL)
    ]
    alone = [{"part": "alone", "importance": c} for c in ("magnitude", "gradient")]
    others = [{"part": part} for part in ("printed", "steps", "speed")]
    again = {"part": "rewound", "steps": steps // 2}  # it trains seven times
    questions: list[dict[str, Any]] = [*one_shot, *tuned, *alone, *others, again]
    return [{"seed": seed} | common | asked for seed in range(seeds) for asked in questions]


def measure(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What one cell measured: numbers, or lists with a value for each amount.

    Args:
        cell: one of ``cells``.
    """
    names = ("seed", "data", "width", "batch_size", "steps")
    network = trained(*(cell[name] for name in names))
    return ASKED[cell["part"]](network, cell)


EXPERIMENT = Experiment(
    "pruning",
    "Which weights can go: by importance, sparsity and layer, and what it saves",
    cells,
    measure,
)
