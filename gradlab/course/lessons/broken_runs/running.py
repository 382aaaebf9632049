"""A script, with or without its fault, run under the recorder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import TensorDataset

from gradlab import record
from gradlab.course import data, device
from gradlab.course.lessons.broken_runs import scripts
from gradlab.recording import Recording

Script = Callable[[TensorDataset, scripts.Watch], None]
Edits = Sequence[tuple[str, str]]

EVERY = 4
"""Steps from one look at the histograms to the next."""
_TESTED = 10  # steps from one measured test loss to the next
_AFTER = 20  # steps that a lost run is still watched
_BLANK = 2345  # the place of an image that is blank, as real data sets hold some


@dataclass(frozen=True, eq=False)
class Run:
    """What was recorded of one run of a script.

    Args:
        recording: with the true updates, and histograms at every ``EVERY``-th step.
        losses: ``"train"`` of each step's batch, before the step; ``"test"`` at some steps, of
            images that are not trained on; name -> step -> loss.
        accuracy: of the model at the end, on the test images; in [0, 1].
    """

    recording: Recording
    losses: dict[str, dict[int, float]]
    accuracy: float

    @property
    def train(self) -> NDArray[np.float64]:
        """(n,): the loss of each step's batch."""
        return np.array(list(self.losses["train"].values()))

    @property
    def test(self) -> NDArray[np.float64]:
        """The loss on the test images, at some steps."""
        return np.array(list(self.losses["test"].values()))


class _LostError(Exception):
    """The run has been lost for long enough."""


def source(script: Script, edits: Edits = ()) -> str:
    """The code of a script with some of its text replaced.

    Raises:
        ValueError: a text to replace is not found exactly once.
    """
    code = inspect.getsource(script)
    for old, new in edits:
        if code.count(old) != 1:
            raise ValueError(f"edits must name text that stands once in the script, got {old!r}")
        code = code.replace(old, new)
    return "\n".join(line for line in code.splitlines() if line.strip()) + "\n"


def edited(script: Script, edits: Edits = ()) -> Script:
    """The script with some of its text replaced: what is shown is what runs."""
    scope = dict(vars(scripts))
    exec(source(script, edits), scope)
    made: Script = scope[script.__name__]
    return made


def run(script: Script, seed: int = 0) -> Run:
    """Train by a script, seeded, and return what was recorded.

    A run whose loss is no longer finite is stopped 20 steps later.

    Args:
        script: a function of (digits, watch), as those of ``scripts``.
        seed: of the weights and of the order of the images.

    Raises:
        ValueError: the script took no step with its optimizer while it was watched.
    """
    found: list[Run] = []

    @contextmanager
    def watch(model: nn.Module, optimizer: Optimizer) -> Iterator[Callable[[Tensor], None]]:
        losses: dict[str, dict[int, float]] = {"train": {}, "test": {}}

        def saw(loss: Tensor) -> None:
            step = len(losses["train"])
            losses["train"][step] = float(loss.detach())
            if step % _TESTED == 0:
                losses["test"][step] = _tested(model)[0]
            if step >= _AFTER and not np.isfinite(losses["train"][step - _AFTER]):
                raise _LostError

        with record(model, optimizer, every=EVERY, updates=True) as recorder:
            try:
                yield saw
            except _LostError:
                pass
            finally:
                if len(recorder.recording):
                    found.append(Run(recorder.recording, losses, _tested(model)[1]))

    with device.seeded(seed):
        script(_digits("train"), watch)
    if not found:
        raise ValueError("the script must take a step with its optimizer while it is watched")
    return found[-1]


@torch.no_grad()
def _tested(model: nn.Module) -> tuple[float, float]:
    """Loss and accuracy on half of the test images."""
    images, labels = _digits("test")[::2]
    outputs = model(images.to(next(model.parameters()).dtype)).float()
    right = (outputs.argmax(1) == labels).double().mean()
    return float(F.cross_entropy(outputs, labels)), float(right)


@cache
def _digits(split: str) -> TensorDataset:
    """Digits as rows of pixels, sorted by class, as they are often stored."""
    stored = data.load("digits", split)
    order = stored.labels.argsort(stable=True)
    images = stored.images[order].flatten(1)
    images = (images - images.mean(1, keepdim=True)) / images.std(1, keepdim=True)
    if split == "train":
        images[_BLANK] = 0
    return TensorDataset(images, stored.labels[order])
