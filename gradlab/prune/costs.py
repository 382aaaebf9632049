"""What a network costs: parameters, bytes, multiplications, and milliseconds by the stopwatch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gradlab.arguments import whole
from gradlab.prune.weights import undisturbed


@dataclass(frozen=True)
class Cost:
    """What a network holds, and what one sample costs.

    Args:
        parameters: how many numbers are trained.
        bytes: of parameters and buffers; a mask is a buffer.
        macs: multiply-accumulate operations of convolutions and matrix products, per sample.
    """

    parameters: int
    bytes: int
    macs: int


def cost(model: nn.Module, inputs: Tensor) -> Cost:
    """What ``model`` holds, and how many multiplications one sample of ``inputs`` takes.

    Args:
        model: any network; left as it was.
        inputs: (batch, ...) on the model's device; the first sample is passed through it.

    Note:
        A zero counts as any other number: masked weights are stored and multiplied. And
        multiplications are not time: memory, and how well a shape suits the machine, count too.

    >>> cost(nn.Linear(10, 5), torch.ones(1, 10))
    Cost(parameters=55, bytes=220, macs=50)
    """
    with undisturbed(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(inputs[:1])
    tensors = chain(model.parameters(), model.buffers())
    return Cost(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        bytes=sum(tensor.nbytes for tensor in tensors),
        macs=counter.get_total_flops() // 2,
    )


@dataclass(frozen=True, eq=False)
class Latency:
    """How long one batch takes, by the stopwatch.

    Args:
        seconds: (repeats,) float64.
        batch: samples at a time.
        threads: of the CPU that torch may use.
        device: where, as torch calls it.
    """

    seconds: NDArray[np.float64]
    batch: int
    threads: int
    device: str

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        """The middle half of the repeats lies between these, in seconds."""
        low, high = np.quantile(self.seconds, [0.25, 0.75])
        return float(low), float(high)

    def __repr__(self) -> str:
        low, high = (1e3 * second for second in self.quartiles)
        return (
            f"{1e3 * self.median:.2f} ms (middle half {low:.2f} to {high:.2f} of "
            f"{len(self.seconds)}) for a batch of {self.batch} on {self.device}, "
            f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        )


def latency(
    models: Mapping[str, nn.Module], inputs: Tensor, *, repeats: int = 30
) -> dict[str, Latency]:
    """How long each model takes for one batch, measured in turns: what disturbs one, disturbs all.

    In evaluation mode and without gradients, after three rounds to warm up; each round starts with
    another model.

    Args:
        models: by name, on the device of the inputs; left as they were.
        inputs: (batch, ...).
        repeats: rounds that count, 1 or more.

    Raises:
        ValueError: ``repeats`` is below 1.

    Note:
        It holds for this machine, this batch and this number of threads, and no other. Compare
        medians beside their spread, and only models measured in one call.
    """
    whole("repeats", repeats)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    order = list(models)
    for repeat in range(-3, repeats):
        for name in order:
            with undisturbed(models[name]), torch.inference_mode():
                _finish(inputs)
                start = time.perf_counter()
                models[name](inputs)
                _finish(inputs)
            if repeat >= 0:
                seconds[name].append(time.perf_counter() - start)
        order = order[1:] + order[:1]
    where = (len(inputs), torch.get_num_threads(), str(inputs.device))
    return {name: Latency(np.array(taken), *where) for name, taken in seconds.items()}


def _finish(inputs: Tensor) -> None:
    """Wait for an accelerator, which works on after a call has returned."""
    if inputs.device.type != "cpu":
        torch.accelerator.synchronize(inputs.device)
