"""A closer look at the gradients of one step: their magnitudes, and the weights beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from gradlab.clip import Rule
from gradlab.clip.gradients import Layer, gather, layer_norms, stacked, tensor_norms
from gradlab.clip.sharded import is_shared, piece, whole
from gradlab.histogram.counting import count
from gradlab.histogram.found import Counted
from gradlab.recording.journal import ByLayer, Journal, Sizes
from gradlab.recording.ranks import counted_together
from gradlab.recording.waiting import Look

_PORTION, _MANY = 1 << 20, 1000  # elements, and layers, copied at a time
_SMALL, _FEW = 1 << 12, 100  # elements, and tensors, that are better taken together
_HELD = 0.001  # how closely norms must agree to say that the gradients are still there


def look(watched: Mapping[str, Tensor], layers: list[Layer], exact: bool) -> Look:
    """Count the gradients of ``layers`` now, and measure all weights; nothing is read back."""
    weights = ByLayer(list(watched), norms(list(watched.values())))
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
    names = [layer.name for layer in layers]
    after = ByLayer(names, gradient_norms(layers).double().cpu().numpy())
    held = journal.spread(after)
    if np.allclose(held, last.norms * last.coefficient, rtol=_HELD, atol=0, equal_nan=True):
        each = []
        for some in _portions(layers):  # and not all at once: they are copies
            here = count([_held(layer) / last.coefficient for layer in some], exact=exact)
            each += counted_together(here, [layer.parameter for layer in some])().each()
        weights = norms(list(watched.values())).double().cpu().numpy()
        sizes = Sizes(ByLayer(list(watched), weights), after)
        journal.look(ByLayer(names, Counted.joined(each)), sizes, last=True)


def _portions(layers: list[Layer]) -> Iterator[list[Layer]]:
    """The layers in order, so many at a time that they do not need much memory."""
    some: list[Layer] = []
    for layer in layers:
        some.append(layer)
        if sum(one.gradient.numel() for one in some) >= _PORTION or len(some) >= _MANY:
            yield some
            some = []
    yield some


def norms(tensors: list[Tensor]) -> Tensor:
    """(n,): the 2-norm of each, as the recorder takes it."""
    small = [i for i, tensor in enumerate(tensors) if _is_small(tensor)]
    if len(small) < _FEW:
        pieces = tensor_norms(list(map(piece, tensors)), 2.0, torch.float32)
        return stacked(whole(pieces, tensors, 2.0))
    found = torch.empty(len(tensors), dtype=torch.float64)
    found[small] = _small_norms([tensors[i] for i in small])
    large = sorted(set(range(len(tensors))).difference(small))
    if large:
        found[large] = norms([tensors[i] for i in large]).to(found)
    return found


def gradient_norms(layers: list[Layer]) -> Tensor:
    """(n,): the 2-norm of each layer's gradient."""
    return stacked(layer_norms(layers, 2.0, torch.float32))


def _is_small(tensor: Tensor) -> bool:
    """Whether calling something for it costs more than reading it."""
    plain = tensor.is_cpu and tensor.dtype is torch.float32 and not is_shared(tensor)
    return plain and 0 < tensor.numel() < _SMALL


def _small_norms(tensors: list[Tensor]) -> Tensor:
    """Of many small tensors, of one kind, together."""
    starts = np.cumsum([0, *(tensor.numel() for tensor in tensors[:-1])])
    flat = torch.cat([tensor if tensor.ndim == 1 else tensor.reshape(-1) for tensor in tensors])
    squares = np.square(flat.numpy(), dtype=np.float64)
    return torch.from_numpy(np.sqrt(np.add.reduceat(squares, starts)))


def _held(layer: Layer) -> Tensor:
    """What is held here of the layer's gradient; the one zero of an empty piece is not counted."""
    empty = is_shared(layer.parameter) and not piece(layer.parameter).numel()
    return layer.gradient[:0] if empty else layer.gradient
