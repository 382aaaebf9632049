"""Masks on a model, by torch's own ``torch.nn.utils.prune``: put on, grown, taken off, made final.

A masked layer trains ``weight_orig`` and computes with ``weight = weight_orig * weight_mask``, so
that what is zero stays zero whatever the optimizer does. Both are in the state dict. To load one::

    prune.apply_(model, masks_in(state))
    model.load_state_dict(state)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune as torch_prune

from gradlab.prune.ranking import Cut, rank
from gradlab.prune.scores import Batches, Loss, score
from gradlab.prune.weights import Weight, prunable, survey


def apply_(model: nn.Module, masks: Cut | Mapping[str, Tensor]) -> None:
    """Hold the weights at zero where a mask says so, from now on.

    Masks only grow: what a mask of the model holds at zero already stays so. An optimizer made
    before goes on training the same parameters.

    Args:
        model: changed in place, after all masks have been checked; or not at all.
        masks: by name of the weight, in its shape, bool or 0 and 1: where it stays. Or a cut, from
            a ranking of this model. Layers that are not named stay as they are.

    Raises:
        ValueError: a name is not that of a weight that can be pruned; a mask has the wrong shape
            or holds other numbers than 0 and 1.

    Note:
        Nothing gets smaller or faster: the zeros are stored, and multiplied by.

    >>> model = nn.Linear(2, 2, bias=False)
    >>> apply_(model, {"weight": torch.tensor([[1, 0], [0, 1]])})
    >>> model.weight.count_nonzero()
    tensor(2)
    """
    weights = prunable(model)
    found = masks.masks() if isinstance(masks, Cut) else masks
    for name, mask in found.items():
        _check(name, mask, weights)
    for name, mask in found.items():
        weight = weights[name]
        old = weight.mask
        new = mask.to(weight.parameter)
        _unmask(weight)
        with torch.no_grad():  # a weight with a history could not be copied
            torch_prune.custom_from_mask(weight.module, "weight", new if old is None else new * old)


def prune_to_(
    model: nn.Module,
    amount: float,
    importance: str = "magnitude",
    batches: Batches = (),
    *,
    per_layer: bool = False,
    loss: Loss = F.cross_entropy,
    seed: int = 0,
) -> Cut:
    """Score the weights of ``model`` as they are now, and mask a share ``amount`` of them.

    ``score``, ``rank``, ``cut`` and ``apply_`` in one: what a schedule calls between two training
    steps. The arguments, and what they may be, are those of these four.

    Returns:
        What is masked now, that of earlier calls included.
    """
    scores = score(model, importance, batches, loss=loss, seed=seed)
    cut = rank(scores).cut(amount, per_layer=per_layer)
    apply_(model, cut)
    return cut


def restore_(model: nn.Module) -> None:
    """Take all masks off ``model``; the weights under them come back as they were.

    Args:
        model: changed in place.

    Note:
        Under a mask no gradient reaches a weight, but momentum and weight decay do.
    """
    for weight in _masked(model):
        _unmask(weight)


def make_permanent_(model: nn.Module) -> None:
    """Take all masks off ``model`` and leave zeros in the weights, as ``prune.remove`` of torch.

    Args:
        model: changed in place; computes what it did before.

    Note:
        The next training step fills the zeros again.
    """
    for weight in _masked(model):
        torch_prune.remove(weight.module, "weight")


def masks_in(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The masks in a state dict, by name of the weight.

    Args:
        state: as ``model.state_dict()`` returns it.
    """
    ending = "weight_mask"
    return {n.removesuffix("_mask"): t for n, t in state.items() if n.split(".")[-1] == ending}


def _masked(model: nn.Module) -> list[Weight]:
    return [weight for weight in survey(model).weights.values() if weight.mask is not None]


def _unmask(weight: Weight) -> None:
    """Make the weight a plain parameter again, the same one, with what it holds under the mask."""
    if weight.mask is None:
        return
    held = weight.parameter.detach().clone()
    torch_prune.remove(weight.module, "weight")
    with torch.no_grad():
        weight.parameter.copy_(held)


def _check(name: str, mask: Tensor, weights: Mapping[str, Weight]) -> None:
    if name not in weights:
        raise ValueError(
            f"masks must name weights that can be pruned ({', '.join(weights)}), got {name!r}"
        )
    shape = weights[name].parameter.shape
    if mask.shape != shape:
        raise ValueError(
            f"the mask of {name} must have the shape {tuple(shape)}, got {tuple(mask.shape)}"
        )
    if mask.dtype != torch.bool and not ((mask == 0) | (mask == 1)).all():
        raise ValueError(f"the mask of {name} must hold 0 and 1 only, got other numbers")
