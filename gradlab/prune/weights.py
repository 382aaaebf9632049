"""What can be pruned: the weights of a model's layers, by name, with or without a mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_NORMS = (nn.LayerNorm, nn.RMSNorm)  # their gains may have several dimensions


@dataclass(frozen=True, eq=False)
class Weight:
    """The weight of one layer.

    Args:
        module: the layer; its weight has two dimensions or more.
    """

    module: nn.Module

    @property
    def mask(self) -> Tensor | None:
        """What ``torch.nn.utils.prune`` multiplies the weight by; None where it is not pruned."""
        return dict(self.module.named_buffers(recurse=False)).get("weight_mask")

    @property
    def parameter(self) -> nn.Parameter:
        """What is trained: ``weight``, or ``weight_orig`` under a mask."""
        own = dict(self.module.named_parameters(recurse=False))
        return own["weight" if self.mask is None else "weight_orig"]

    @property
    def value(self) -> Tensor:
        """What the layer computes with, detached."""
        trained = self.parameter.detach()
        return trained if self.mask is None else trained * self.mask


@dataclass(frozen=True, eq=False)
class Survey:
    """The weights of a model.

    Args:
        weights: every weight of two dimensions or more, by name, in the model's order.
        left_out: those that must not be pruned, by name, with the reason in words.
    """

    weights: dict[str, Weight]
    left_out: dict[str, str]

    @property
    def prunable(self) -> dict[str, Weight]:
        """The weights that can be pruned."""
        return {name: w for name, w in self.weights.items() if name not in self.left_out}


def survey(model: nn.Module) -> Survey:
    """The weights of a model that can be pruned, and those that cannot, with the reason.

    A weight is a parameter that its module calls ``weight``, of two dimensions or more: of linear
    layers, convolutions, embeddings. Biases, and the gains of normalisations, are none. They keep
    their names when a mask turns the parameter into ``weight_orig``.

    Left out, because a mask would be wrong or would not last, are weights that are frozen
    (``requires_grad`` is False), shared by several layers, computed from other parameters (weight
    normalisation and other parametrisations), or read by ``nn.MultiheadAttention`` without calling
    their layer.

    Args:
        model: any module.
    """
    holders = Counter(
        id(parameter) for m in model.modules() for _, parameter in m.named_parameters(recurse=False)
    )
    unvisited = {m.out_proj for m in model.modules() if isinstance(m, nn.MultiheadAttention)}
    weights: dict[str, Weight] = {}
    left_out: dict[str, str] = {}
    for path, module in model.named_modules():
        found = getattr(module, "weight", None)
        if not isinstance(found, Tensor) or found.ndim < 2 or isinstance(module, _NORMS):
            continue
        name = f"{path}.weight".lstrip(".")
        weight = Weight(module)
        if not isinstance(found, nn.Parameter) and weight.mask is None:
            left_out[name] = "computed from other parameters"
            continue
        weights[name] = weight
        if not weight.parameter.requires_grad:
            left_out[name] = "frozen"
        elif holders[id(weight.parameter)] > 1:
            left_out[name] = "shared by several layers"
        elif module in unvisited:
            left_out[name] = "read by an attention that does not call its layer"
    return Survey(weights, left_out)


def prunable(model: nn.Module) -> dict[str, Weight]:
    """The weights of a model that can be pruned, by name, in the model's order.

    Raises:
        TypeError: ``model`` is no module.
        ValueError: there is nothing to prune; the message says why.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    found = survey(model)
    if not found.prunable:
        reasons = ", ".join(f"{name} is {why}" for name, why in found.left_out.items())
        raise ValueError(
            "model must have a weight of two dimensions or more that can be pruned, got "
            + (reasons or "none")
        )
    return found.prunable


def refuse_masks(model: nn.Module) -> None:
    """Refuse a model that holds masks.

    Raises:
        ValueError: it does; the message names the weights.
    """
    masked = [name for name, weight in survey(model).weights.items() if weight.mask is not None]
    if masked:
        raise ValueError(f"model must have no masks (make_permanent_ first), got masks on {masked}")


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards everything that a pass leaves behind as it was."""
    modes = {module: module.training for module in model.modules()}
    masked = [w.module for w in survey(model).weights.values() if w.mask is not None]
    held = [module.weight for module in masked]  # the hook of a mask puts a new one there
    cards = {p.device for p in model.parameters() if p.device.type == "cuda"}
    model.eval()
    try:
        with torch.random.fork_rng(devices=cards):
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for module, weight in zip(masked, held, strict=True):
            module.weight = weight
