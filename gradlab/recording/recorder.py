"""Two lines around a training loop: own the clip, keep what it saw."""

from __future__ import annotations

from types import TracebackType

import torch
from torch import nn
from torch.optim import Optimizer

from gradlab.clip import Rule
from gradlab.recording.recording import Recording

MEMORY = 128 * 2**20
"""Bytes that the histograms of a recording may take."""


class Recorder:
    """Clips and records the gradients at every ``optimizer.step()`` inside a ``with`` block."""

    def __enter__(self) -> Recorder:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    @property
    def recording(self) -> Recording:
        """What was recorded until now."""
        raise NotImplementedError


def record(
    model: nn.Module,
    optimizer: Optimizer,
    *,
    clip: Rule | None = None,
    every: int = 16,
    memory: int = MEMORY,
    scaler: torch.amp.GradScaler | None = None,
) -> Recorder:
    """A context manager that clips and records every ``optimizer.step()`` inside it."""
    raise NotImplementedError
