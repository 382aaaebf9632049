"""Whole channels taken out: what is left is a smaller network, and a faster one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from gradlab.arguments import within
from gradlab.prune.scores import Scores, score
from gradlab.prune.weights import refuse_masks, undisturbed


def remove_channels(
    model: nn.Module, amount: float, inputs: Tensor, *, scores: Scores | None = None
) -> nn.Module:
    """A copy of ``model`` without the channels that score least.

    A channel's score is the sum of the scores of all weights that make it: the filter's 1-norm with
    ``magnitude``. ``round(amount * n)`` of the n channels of each layer go, but never the last one,
    and with a channel go its bias, its batch normalisation and the weights that read it. Where
    layers add up in one place, as in a residual block, they lose the same channels.

    The channels of the output stay, and so do those of layers that cannot lose any without being
    built anew: grouped convolutions, attention, layers beside a layer or group normalisation,
    layers without scores, and the stream of a residual network whose shortcut adds channels of
    zeros, as that of ``models.resnet``; inside its blocks it gets narrower.

    Torch-Pruning finds out which layers hang together, and does the surgery. The scores are ours:
    its own ``GroupTaylorImportance`` leaves batch normalisation out in version 1.6.1, where that
    branch asks for a group normalisation instead.

    Source: Li, Kadav, Durdanovic, Samet & Graf 2017, "Pruning filters for efficient ConvNets",
    section 3.1. Fang, Ma, Song, Mi & Wang 2023, "DepGraph: towards any structural pruning".

    Args:
        model: unchanged; without masks; it takes one tensor and returns one.
        amount: dimensionless, in [0, 1): of the channels of each layer.
        inputs: a batch that the model takes, on its device; only the shape counts.
        scores: of this model; None: ``magnitude``.

    Returns:
        A new model, on the same device, with outputs of the same shape.

    Raises:
        ModuleNotFoundError: Torch-Pruning is not installed.
        ValueError: ``amount`` is out of range, the model has masks, no layer can lose a channel, or
            the output would lose some.
        TypeError: the model returns something else than a tensor.

    Note:
        At the same number of weights, taking channels out costs more accuracy than masking single
        weights: compare at the same time or size, after fine-tuning.
    """
    amount = within("amount", amount, 0, 1)
    if amount == 1:
        raise ValueError("amount must be below 1: a layer without channels passes nothing on")
    refuse_masks(model)
    try:
        from torch_pruning import DependencyGraph, ops
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "remove_channels needs Torch-Pruning: pip install torch-pruning", name=error.name
        ) from error
    values = (scores or score(model)).values
    smaller = copy.deepcopy(model)
    for parameter in smaller.parameters():
        parameter.grad = None
        parameter.requires_grad_(True)  # the layers are found by a backward pass
    of_module = {m: values[n] for n, m in _owners(smaller) if n in values}
    with undisturbed(smaller), torch.enable_grad():
        graph = DependencyGraph().build_dependency(
            smaller, example_inputs=inputs[:1], verbose=False
        )
        found = 0
        for group in list(graph.get_all_groups()):
            if not all(_is_plain(graph, item, of_module) for item in group):
                continue
            is_read = not all(graph.is_out_channel_pruning_fn(item.dep.handler) for item in group)
            if not is_read or any(item.dep.target.type == ops.OPTYPE.OUTPUT for item in group):
                continue
            found += 1
            root, prune_channels = group[0].dep.target.module, group[0].dep.handler
            order = _channel_scores(graph, group, of_module).argsort(stable=True)
            gone = order[: min(round(amount * len(order)), len(order) - 1)].tolist()
            if gone:
                graph.get_pruning_group(root, prune_channels, sorted(gone)).prune()
    if not found:
        raise ValueError("model must have a layer that can lose channels, got none")
    for old, new in zip(model.parameters(), smaller.parameters(), strict=True):
        new.requires_grad_(old.requires_grad)
    _check_output(model, smaller, inputs[:1])
    return smaller


def _owners(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return ((f"{path}.weight".lstrip("."), module) for path, module in model.named_modules())


def _is_plain(graph: Any, item: Any, scores: dict[nn.Module, Tensor]) -> bool:
    """Whether a layer can lose channels one by one, and the graph reads its channels rightly."""
    module = item.dep.target.module
    out = graph.is_out_channel_pruning_fn(item.dep.handler)
    if isinstance(module, nn.Parameter):
        return False
    if isinstance(module, (_ConvNd, nn.Linear)):
        plain = getattr(module, "groups", 1) == 1 and (module in scores or not out)
    else:
        plain = isinstance(module, _BatchNorm) or not list(module.parameters())
    count = (graph.get_out_channels if out else graph.get_in_channels)(module)
    return plain and (count is None or count == len(item.idxs))


def _channel_scores(graph: Any, group: Any, scores: dict[nn.Module, Tensor]) -> Tensor:
    """For each channel, the sum of the scores of the weights that make it, in all layers."""
    total = torch.zeros(len(group[0].idxs), dtype=torch.float64)
    for item in group:
        module = item.dep.target.module
        if module in scores and graph.is_out_channel_pruning_fn(item.dep.handler):
            made = scores[module].transpose(0, 1) if getattr(module, "transposed", False) else None
            rows = (scores[module] if made is None else made).flatten(1).sum(1, dtype=torch.float64)
            total.index_add_(0, torch.tensor(item.root_idxs), rows[item.idxs])
    return total


@torch.no_grad()
def _check_output(model: nn.Module, smaller: nn.Module, inputs: Tensor) -> None:
    with undisturbed(model), undisturbed(smaller):
        before, after = model(inputs), smaller(inputs)
    if not isinstance(before, Tensor):
        raise TypeError(f"model must return a tensor, got {type(before).__name__}")
    if before.shape != after.shape:
        raise ValueError(
            f"the output must keep its shape {tuple(before.shape)}, got {tuple(after.shape)}"
        )
