"""What mixed precision does around a step: scaled gradients, and steps that are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim import Optimizer

from gradlab.clip.gradients import grouped


def unscale_(optimizer: Optimizer) -> None:
    """Unscale what a ``GradScaler`` left to a fused optimizer, just as its ``unscale_`` would."""
    scale = getattr(optimizer, "grad_scale", None)
    if scale is None:
        return
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    inverse = scale.double().reciprocal().float()
    with torch.no_grad():
        for gradients in grouped([p.grad for p in parameters if p.grad is not None]):
            torch._foreach_mul_(gradients, inverse.to(gradients[0].device))
    optimizer.grad_scale = None  # type: ignore[attr-defined]


@contextmanager
def watching_skips(
    scaler: torch.amp.GradScaler,
    optimizer: Optimizer,
    calls: Callable[[], int],
    skipped: Callable[[], None],
) -> Iterator[None]:
    """Call ``skipped`` whenever ``scaler.step`` leaves ``calls``, of the optimizer, as it was."""
    inner, outer = scaler.step, vars(scaler).get("step")

    def step(stepped: Optimizer, *args: Any, **kwargs: Any) -> float | None:
        before = calls()
        result = inner(stepped, *args, **kwargs)
        if stepped is optimizer and calls() == before:
            skipped()
        return result

    scaler.step = step  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        if outer is None:
            del scaler.step
        else:
            scaler.step = outer  # type: ignore[method-assign]
