"""What an optimizer did to the weights in one step, and how large its gradient was to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import nan
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from gradlab.clip.gradients import stacked, tensor_norms
from gradlab.clip.sharded import is_shared, piece, whole
from gradlab.histogram.counting import count
from gradlab.histogram.found import Counted
from gradlab.recording.journal import ByLayer
from gradlab.recording.ranks import counted_together

Weights = dict[str, Tensor]


class Moments(NamedTuple):
    """How large gradients are to an optimizer's average ``v`` of their squares, by layer.

    Args:
        ratios: roots of the means of ``g^2 / v``.
        found: reads the counts of its elements back.
    """

    ratios: ByLayer[Tensor]
    found: Callable[[], ByLayer[Counted]]


def copied(watched: Mapping[str, Tensor]) -> Weights:
    """The weights as they are before the step."""
    return {name: piece(weight.detach()).clone() for name, weight in watched.items()}


@torch.no_grad()
def update_norms(watched: Mapping[str, Tensor], before: Weights) -> ByLayer[Tensor]:
    """The norm of what the step added to each weight; ``before`` is used up."""
    for name, weight in before.items():
        weight.sub_(piece(watched[name]))
    norms = tensor_norms(list(before.values()), 2.0, torch.float32)
    wholes = [watched[name] for name in before]
    return ByLayer(list(before), stacked(whole(norms, wholes, 2.0)))


@torch.no_grad()
def moments(watched: Mapping[str, Tensor], optimizer: Optimizer, exact: bool) -> Moments:
    r"""By layer, ``g^2 / v`` of each element, counted, and the root of its mean; NaN without ``v``.

    .. math:: \sqrt{\operatorname{mean}(g^2 / \max(\hat v, \epsilon^2))}

    where :math:`\hat v` is Adam's average of the squared gradients, after this step and without the
    bias of its start.

    Source: Wortsman et al. 2023, "Stable and low-precision training for large-scale vision-language
    models", section 3.5.
    """
    names = {id(weight): name for name, weight in watched.items()}
    ratios: dict[str, Tensor] = {}
    found: dict[str, Callable[[], Counted]] = {}
    for weight, group in _updated(optimizer):
        if id(weight) in names and weight.grad is not None:
            squares = _squares(weight.grad, optimizer.state[weight], group)
            name, nothing = names[id(weight)], piece(weight).new_full((), nan)
            ratios[name] = nothing if squares is None else squares.mean().sqrt()
            if squares is not None:
                found[name] = counted_together(count([squares], exact=exact), [weight])
    wholes = [watched[name] for name in ratios]
    joined = stacked(_of_wholes(list(ratios.values()), wholes))
    return Moments(ByLayer(list(ratios), joined), lambda: _read(found))


def _read(found: Mapping[str, Callable[[], Counted]]) -> ByLayer[Counted]:
    each = (one for read in found.values() for one in read().each())
    return ByLayer(list(found), Counted.joined(each))


def _of_wholes(ratios: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
    """Roots of means over whole weights, from those over the pieces here."""
    pairs = zip(ratios, weights, strict=True)
    return whole([_part(ratio, weight) for ratio, weight in pairs], weights, 2.0)


def _part(ratio: Tensor, weight: Tensor) -> Tensor:
    """What a ratio over the piece here is of the one over the whole weight."""
    if not is_shared(weight):
        return ratio
    held = piece(weight).numel()
    return ratio * (held / weight.numel()) ** 0.5 if held else torch.zeros_like(ratio)


def _updated(optimizer: Optimizer) -> Iterator[tuple[Tensor, dict[str, Any]]]:
    for group in optimizer.param_groups:
        for weight in group["params"]:
            yield weight, group


def _squares(gradient: Tensor, state: Mapping[str, Any], group: Mapping[str, Any]) -> Tensor | None:
    """``g^2 / v`` of each element held here; None: the optimizer keeps no such ``v``."""
    gradient = piece(gradient)
    if "exp_avg_sq" not in state or "betas" not in group or gradient.is_sparse:
        return None
    bias = 1 - group["betas"][1] ** state["step"].double()  # 0-dim, and stays on its device
    square = piece(state["exp_avg_sq"]).float() / bias
    eps = float(group.get("eps", 0.0))
    ratio: Tensor = gradient.float().square() / square.clamp(min=eps * eps)
    return ratio
