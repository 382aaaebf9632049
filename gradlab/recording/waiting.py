"""Steps whose numbers are still on the device, to be read back together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradlab.clip import Clipped
from gradlab.histogram.found import Counted
from gradlab.recording.journal import UNCOUNTED, ByLayer, Journal, Numbers, Sizes

_NONE = ByLayer(tuple[str, ...](), torch.zeros(0))


class Look(NamedTuple):
    """A closer look at one step, before it is read back.

    Args:
        found: reads the counts of its gradients back.
        weights: their norms.
        after: of the gradients after clipping; None: to be had from those before.
        updates: norms of what the step added to the weights; empty where that is not measured.
        ratios: of the gradients to the optimizer's moments; likewise.
        moments: reads the counts of ``g^2 / v`` back; likewise.
    """

    found: Callable[[], Counted]
    weights: ByLayer[Tensor]
    after: Tensor | None
    updates: ByLayer[Tensor] = _NONE
    ratios: ByLayer[Tensor] = _NONE
    moments: Callable[[], ByLayer[Counted]] = lambda: UNCOUNTED


class Pending(NamedTuple):
    """One step, before it is read back; ``found_inf`` is above 0 where it will be skipped."""

    learning_rate: float | Tensor
    layers: list[str]
    clipped: Clipped
    found_inf: Tensor | None
    look: Look | None

    def numbers(self) -> list[Tensor]:
        did, look = self.clipped, self.look
        found = [did.total_norm, did.coefficient, did.fired, did.layer_norms]
        found += [] if self.found_inf is None else [self.found_inf]
        found += [self.learning_rate] if isinstance(self.learning_rate, Tensor) else []
        if look is not None:
            found += [look.weights.held, look.updates.held, look.ratios.held]
            found += [] if look.after is None else [look.after]
        return found


def read_back(waiting: Sequence[Pending], journal: Journal) -> None:
    """Write what waits on the device into the journal, waiting for the device once."""
    if not waiting:
        return
    tensors = [tensor.reshape(-1) for step in waiting for tensor in step.numbers()]
    device = max((t.device for t in tensors), key=lambda device: device.type != "cpu")
    numbers = _Numbers(torch.cat([t.to(device) for t in tensors]).double().cpu().numpy())
    for step in waiting:
        names, look = step.layers, step.look
        total, coefficient, fired = numbers.next(3).tolist()
        norms = ByLayer(names, numbers.next(len(names)))
        skipped = step.found_inf is not None and numbers.next(1)[0] > 0
        given = step.learning_rate
        rate = float(numbers.next(1)[0]) if isinstance(given, Tensor) else given
        if look:
            weights, updates, ratios = map(numbers.of, (look.weights, look.updates, look.ratios))
            after = None if look.after is None else numbers.next(len(names))
        if skipped:
            journal.skipped += 1
            continue
        journal.add(total, coefficient, fired > 0, norms, rate)
        if look:
            if after is None or not coefficient:
                with np.errstate(invalid="ignore"):  # what was infinite and is dropped is not known
                    after = norms.held * coefficient
            sizes = Sizes(weights, ByLayer(names, after), updates, ratios)
            journal.look(ByLayer(names, look.found()), sizes, look.moments())


class _Numbers:
    """Numbers that are taken one after the other."""

    def __init__(self, numbers: Numbers) -> None:
        self._left = numbers

    def next(self, n: int) -> Numbers:
        taken, self._left = self._left[:n], self._left[n:]
        return taken

    def of(self, waiting: ByLayer[Tensor]) -> ByLayer[Numbers]:
        return ByLayer(waiting.names, self.next(len(waiting.names)))
