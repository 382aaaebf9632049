"""A closer look at the gradients of one step: their magnitudes, and the weights beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from gradlab.clip import Rule
from gradlab.clip.gradients import Layer, gather, layer_norms, tensor_norms
from gradlab.clip.sharded import is_shared, piece, whole
from gradlab.histogram.codes import Found
from gradlab.histogram.counting import count
from gradlab.recording.journal import Journal, Sizes
from gradlab.recording.ranks import counted_together
from gradlab.recording.waiting import Look

_PORTION, _MANY = 1 << 20, 1000  # elements, and layers, copied at a time
_HELD = 0.001  # how closely norms must agree to say that the gradients are still there


def look(watched: Mapping[str, Tensor], layers: list[Layer], exact: bool) -> Look:
    """Count the gradients of ``layers`` now, and measure all weights; nothing is read back."""
    weights = dict(zip(watched, norms(list(watched.values())), strict=True))
    found = count([_held(layer) for layer in layers], exact=exact)
    return Look(counted_together(found, [layer.parameter for layer in layers]), weights, None)


@torch.no_grad()
def look_at_last(journal: Journal, watched: Mapping[str, Tensor], rule: Rule, exact: bool) -> None:
    """Look closer at the last step, if its gradients are still there and can be restored."""
    rows, details = journal.rows, journal.details
    if not rows or (details and details[-1].histograms.steps[-1] == len(rows) - 1):
        return
    last = rows[-1]
    if last.fired and not (rule.part == "everything" and last.coefficient):
        return
    layers = gather(watched.items())
    left = map(float, gradient_norms(layers))
    after = dict(zip((layer.name for layer in layers), left, strict=True))
    held = journal.spread(after)
    if np.allclose(held, last.norms * last.coefficient, rtol=_HELD, atol=0, equal_nan=True):
        found: dict[str, Found] = {}
        for some in _portions(layers):  # and not all at once: they are copies
            here = count([_held(layer) / last.coefficient for layer in some], exact=exact)
            counted = counted_together(here, [layer.parameter for layer in some])()
            found.update(zip((layer.name for layer in some), counted, strict=True))
        weights = map(float, norms(list(watched.values())))
        journal.look(found, Sizes(dict(zip(watched, weights, strict=True)), after), last=True)


def _portions(layers: list[Layer]) -> Iterator[list[Layer]]:
    """The layers in order, so many at a time that they do not need much memory."""
    some: list[Layer] = []
    for layer in layers:
        some.append(layer)
        if sum(one.gradient.numel() for one in some) >= _PORTION or len(some) >= _MANY:
            yield some
            some = []
    yield some


def norms(tensors: list[Tensor]) -> list[Tensor]:
    """The 2-norm of each, as the recorder takes it."""
    return whole(tensor_norms([piece(one) for one in tensors], 2.0, torch.float32), tensors, 2.0)


def gradient_norms(layers: list[Layer]) -> list[Tensor]:
    """The 2-norm of each layer's gradient."""
    return layer_norms(layers, 2.0, torch.float32)


def _held(layer: Layer) -> Tensor:
    """What is held here of the layer's gradient; the one zero of an empty piece is not counted."""
    empty = is_shared(layer.parameter) and not piece(layer.parameter).numel()
    return layer.gradient[:0] if empty else layer.gradient
