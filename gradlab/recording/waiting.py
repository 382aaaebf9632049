"""Steps whose numbers are still on the device, to be read back together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from gradlab.clip import Clipped
from gradlab.histogram.codes import Found
from gradlab.recording.journal import Journal, Sizes


class Look(NamedTuple):
    """A closer look at one step, before it is read back.

    Args:
        found: reads the counts of its gradients back.
        weights: their norms.
        after: of the gradients after clipping; None: to be had from those before.
        updates: norms of what the step added to the weights; empty where that is not measured.
        ratios: of the gradients to the optimizer's moments; likewise.
        moments: read the counts of ``g^2 / v`` back; likewise.
    """

    found: Callable[[], list[Found]]
    weights: dict[str, Tensor]
    after: list[Tensor] | None
    updates: dict[str, Tensor] = {}  # noqa: RUF012 - it is a default, and nobody writes into it
    ratios: dict[str, Tensor] = {}  # noqa: RUF012
    moments: dict[str, Callable[[], list[Found]]] = {}  # noqa: RUF012


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
            found += [*look.weights.values(), *(look.after or [])]
            found += [*look.updates.values(), *look.ratios.values()]
        return found


def read_back(waiting: Sequence[Pending], journal: Journal) -> None:
    """Write what waits on the device into the journal, waiting for the device once."""
    if not waiting:
        return
    tensors = [tensor.reshape(-1) for step in waiting for tensor in step.numbers()]
    device = max((t.device for t in tensors), key=lambda device: device.type != "cpu")
    numbers = iter(torch.cat([t.to(device) for t in tensors]).tolist())
    for step in waiting:
        names, look = step.layers, step.look
        total, coefficient, fired = islice(numbers, 3)
        norms = _named(names, numbers)
        skipped = step.found_inf is not None and next(numbers) > 0
        given = step.learning_rate
        rate = next(numbers) if isinstance(given, Tensor) else given
        weights = _named(look.weights, numbers) if look else {}
        after = _named(names, numbers) if look and look.after else norms
        updates = _named(look.updates, numbers) if look else {}
        ratios = _named(look.ratios, numbers) if look else {}
        if skipped:
            journal.skipped += 1
            continue
        journal.add(total, coefficient, fired > 0, norms, rate)
        if look:
            if not look.after or not coefficient:
                after = {name: norm * coefficient for name, norm in norms.items()}
            found = dict(zip(names, look.found(), strict=True))
            moments = {name: read()[0] for name, read in look.moments.items()}
            journal.look(found, Sizes(weights, after, updates, ratios), moments)


def _named(names: Iterable[str], numbers: Iterator[float]) -> dict[str, float]:
    """The next numbers, under these names."""
    return dict(zip(names, numbers, strict=False))
