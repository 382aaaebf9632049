"""From which weights does a pruned network train on? The lottery ticket, with its controls."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from gradlab import prune
from gradlab.course.lessons.pruning.questions import Trained, trained

STARTS = ("unpruned", "last", "early", "first", "new", "shuffled")
"""The dense network; its last weights, pruned; those after a tenth of training; those before it;
new ones; and those before it with each layer's mask shuffled. All train on for as many steps."""

SPARSITY = 0.9


def rewound(found: Trained, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracies after training on from each start, with the mask of the trained weights.

    Source: Frankle & Carbin 2019, "The lottery ticket hypothesis" (first, new); Frankle, Dziugaite,
    Roy & Carbin 2020, "Linear mode connectivity and the lottery ticket hypothesis" (early).
    """
    masks = prune.rank(prune.score(found.model)).cut(SPARSITY).masks()
    early, none = cell["steps"] // 10, 0
    at = {"early": early, "first": none, "shuffled": none}
    accuracies = []
    for start in STARTS:
        model = deepcopy(found.model)
        if start in at:
            model = _weights_after(cell, at[start], cell["seed"])
        if start == "new":
            model = _weights_after(cell, none, cell["seed"] + 1000)
        if start != "unpruned":
            prune.apply_(model, _shuffled(masks, found.seed) if start == "shuffled" else masks)
        for _ in found.train_(model, cell["steps"], stream=4):
            pass
        accuracies.append(found.accuracies(model)["test"])
    before = found.accuracies(found.model)["test"]
    return {"starts": list(STARTS), "test": accuracies, "before": before}


def _weights_after(cell: Mapping[str, Any], steps: int, seed: int) -> nn.Module:
    again = trained.__wrapped__  # beside the one that is kept
    return again(seed, cell["data"], cell["width"], cell["batch_size"], steps).model


def _shuffled(masks: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Each mask with its zeros in other places of the same layer."""
    dice = torch.Generator().manual_seed(seed)
    return {
        name: mask.flatten()[torch.randperm(mask.numel(), generator=dice)].view(mask.shape)
        for name, mask in masks.items()
    }
