"""How a gradient grows or shrinks on its way back through the steps of a recurrent network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gradlab.arguments import one_of, whole, within


@dataclass(frozen=True)
class _Cell:
    """One step, ``(input, state, w_ih, w_hh, b_ih, b_hh) -> state``; how many blocks w_hh has."""

    step: Callable[..., tuple[Tensor, ...]]
    blocks: int
    has_memory: bool = False


def _linear(x: Tensor, state: tuple[Tensor, ...], *weights: Tensor) -> tuple[Tensor, ...]:
    w_ih, w_hh, b_ih, b_hh = weights
    return (F.linear(x, w_ih, b_ih) + F.linear(state[0], w_hh, b_hh),)


def _lstm(x: Tensor, state: tuple[Tensor, ...], *weights: Tensor) -> tuple[Tensor, ...]:
    h, c = torch.lstm_cell(x, state, *weights)
    # The memory is handed on under a name of its own: else its gradient would hold what goes
    # through h of the same step, too.
    return h, c.view_as(c)


_CELLS = {
    "linear RNN": _Cell(_linear, 1),
    "tanh RNN": _Cell(lambda x, state, *w: (torch.rnn_tanh_cell(x, *state, *w),), 1),
    "LSTM": _Cell(_lstm, 4, has_memory=True),
    "GRU": _Cell(lambda x, state, *w: (torch.gru_cell(x, *state, *w),), 3),
}
CELLS = tuple(_CELLS)


def state_gradients(
    cell: str,
    *,
    radius: float,
    length: int,
    keep_bias: float = 1.0,
    inputs: float = 0.1,
    hidden: int = 32,
    batch: int = 16,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The norm of the gradient of the loss at the last step in the state after each step.

    ``L = Σ upstream · h(length)``, with a fixed random upstream of norm 1. The state after step t
    is what step t + 1 is handed: ``h(t)``, for the LSTM ``(h(t), c(t))``. Weights are normal; every
    square block of the recurrent matrix is then scaled to the spectral radius asked for (its
    largest |eigenvalue|): the one block of an RNN, and the block of each gate and of the candidate
    of an LSTM (4) and a GRU (3). Another radius is the same network, rescaled. Inputs are normal
    and the same for all cells.

    Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural
    networks", section 2.1; Hochreiter & Schmidhuber 1997 and Gers et al. 2000 (LSTM with a forget
    gate); Cho et al. 2014 (GRU); Jozefowicz, Zaremba & Sutskever 2015, section 2.2 (its bias of 1);
    Sompolinsky, Crisanti & Sommers 1988, "Chaos in random neural networks" (tanh, radius above 1).

    Args:
        cell: one of ``CELLS``.
        radius: spectral radius, dimensionless, 0 or more.
        length: number of steps, 1 or more.
        keep_bias: bias of the gate that keeps the state (the LSTM's forget gate f, the GRU's update
            gate z, as torch names them); other biases are 0. RNNs have no gate, and ignore it.
        inputs: standard deviation with which the inputs reach each unit, dimensionless, 0 or more.
            Large ones drive tanh and the gates to where they are flat.
        hidden: units.
        batch: sequences, over all of which the norm is taken.
        seed: of weights, inputs and upstream.

    Returns:
        (length,) float64 on the CPU, from the first step to the last; the last is 1. Computed by
        autograd in float32: an overflow there is infinite or NaN, an underflow is zero.

    Raises:
        ValueError: an unknown cell, radius or inputs below 0 or not finite, length below 1.

    Note:
        A long reach of the gradient is not yet a memory: it says that the state could still be
        corrected from the end of the sequence, not that anything was learned. And a matrix of
        radius below 1 may still stretch a gradient for some steps, because its eigenvectors are not
        at right angles.

    >>> bool(state_gradients("tanh RNN", radius=0.5, length=50)[0] < 1e-12)
    True
    """
    one_of("cell", cell, CELLS)
    within("radius", radius, 0)
    within("inputs", inputs, 0)
    whole("length", length)
    kind = _CELLS[cell]
    w_ih, w_hh = scaled_weights(kind.blocks, hidden, seed)
    bias = torch.zeros(kind.blocks * hidden)
    if kind.blocks > 1:
        bias[hidden : 2 * hidden] = (
            keep_bias  # the second block, in an LSTM (ifgo) as in a GRU (rzn)
        )
    weights = inputs * w_ih, radius * w_hh, bias, torch.zeros_like(bias)

    random = torch.Generator().manual_seed(seed)
    upstream = torch.randn(batch, hidden, generator=random)
    sequence = torch.randn(length, batch, hidden, generator=random)
    state: tuple[Tensor, ...] = (torch.zeros(batch, hidden, requires_grad=True),)
    if kind.has_memory:
        state += (torch.zeros(batch, hidden),)
    states = []
    for x in sequence:
        state = kind.step(x, state, *weights)
        states.append(state)
    flat = [part for state in states for part in state]
    # the last memory is handed to nobody: its gradient is zero, not missing
    grads = torch.autograd.grad(state[0], flat, upstream / upstream.norm(), materialize_grads=True)
    norms = torch.stack(torch._foreach_norm(grads, 2, dtype=torch.float64)).view(length, -1)
    # before torch 2.8, a gradient that was materialized asks for a gradient of its own
    found: NDArray[np.float64] = norms.norm(dim=1).detach().numpy()
    return found


def expected(radius: float, length: int) -> NDArray[np.float64]:
    """``radius ** (length - t)`` for steps t = 1 ... length: what one number would make of it.

    Source: Pascanu, Mikolov & Bengio 2013, section 2.1: below 1 the gradient must vanish in the
    long run, above 1 it may explode.

    Args:
        radius: dimensionless, 0 or more.
        length: number of steps, 1 or more.

    Returns:
        (length,) float64; infinite where it overflows.
    """
    with np.errstate(over="ignore", under="ignore"):
        powers: NDArray[np.float64] = np.float64(radius) ** np.arange(length - 1, -1, -1)
    return powers


@lru_cache(maxsize=16)
def scaled_weights(blocks: int, hidden: int, seed: int) -> tuple[Tensor, Tensor]:
    """Input weights that keep the inputs' size, and recurrent ones: every block has radius 1."""
    random = torch.Generator().manual_seed(seed)
    w_ih = torch.randn(blocks * hidden, hidden, generator=random) / hidden**0.5
    w_hh = torch.randn(blocks, hidden, hidden, generator=random)
    radius = torch.linalg.eigvals(w_hh).abs().amax(1)
    return w_ih, (w_hh / radius[:, None, None]).view(-1, hidden)
