"""A script, with or without its fault, run under the recorder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import TensorDataset

from gradlab import record
from gradlab.course import device
from gradlab.course.lessons.broken_runs import tasks
from gradlab.course.lessons.broken_runs.scripts import Watch
from gradlab.course.lessons.broken_runs.tasks import Task
from gradlab.recording import Recording

Script = Callable[[TensorDataset, Watch], None]
Edits = Sequence[tuple[str, str]]

EVERY = 4
"""Steps from one look at the histograms to the next."""
_TESTED = 10  # steps from one measured test loss to the next
_AFTER = 20  # steps that a lost run is still watched


@dataclass(frozen=True, eq=False)
class Run:
    """What was recorded of one run of a script.

    Args:
        recording: with the true updates, and histograms at every ``EVERY``-th step.
        losses: ``"train"`` of each step's batch, before the step; ``"test"`` at some steps, of
            images that are not trained on; name -> step -> loss.
        accuracy: of the model at the end, on the test images; in [0, 1].
        classes: answers there are.
    """

    recording: Recording
    losses: dict[str, dict[int, float]]
    accuracy: float
    classes: int

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
    scope = dict(script.__globals__)
    exec(source(script, edits), scope)
    made: Script = scope[script.__name__]
    return made


def run(script: Script, seed: int = 0, task: Task | None = None) -> Run:
    """Train by a script, seeded, and return what was recorded.

    A run whose loss is no longer finite is stopped 20 steps later.

    Args:
        script: a function of (data, watch), as those of ``scripts``.
        seed: of the weights and of the order of the data.
        task: what it is given; None: the digits.

    Raises:
        ValueError: the script took no step with its optimizer while it was watched.
    """
    given = task or tasks.digits()
    found: list[Run] = []

    @contextmanager
    def watch(model: nn.Module, optimizer: Optimizer) -> Iterator[Callable[[Tensor], None]]:
        losses: dict[str, dict[int, float]] = {"train": {}, "test": {}}

        def saw(loss: Tensor) -> None:
            step = len(losses["train"])
            losses["train"][step] = float(loss.detach())
            if step % _TESTED == 0:
                losses["test"][step] = _tested(model, given)[0]
            if step >= _AFTER and not np.isfinite(losses["train"][step - _AFTER]):
                raise _LostError

        with record(model, optimizer, every=EVERY, updates=True) as recorder:
            try:
                yield saw
            except _LostError:
                pass
            finally:
                if len(recorder.recording):
                    right = _tested(model, given)[1]
                    found.append(Run(recorder.recording, losses, right, given.classes))

    with device.seeded(seed):
        script(given.train, watch)
    if not found:
        raise ValueError("the script must take a step with its optimizer while it is watched")
    return found[-1]


@torch.no_grad()
def _tested(model: nn.Module, task: Task) -> tuple[float, float]:
    """Loss and accuracy on the test images."""
    inputs, answers = task.test
    outputs = model(inputs.to(next(model.parameters()).dtype)).float()
    right = (outputs.argmax(1) == answers).double().mean()
    return float(F.cross_entropy(outputs, answers)), float(right)
