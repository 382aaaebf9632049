"""Small experiments for the tests of sweeps, in a module that other processes can import."""

import os
import signal
import time
from pathlib import Path

import torch

from gradlab.clip import NonFiniteGradient
from gradlab.course.sweep import Experiment


def cells(budget):
    """Six cells; the budget changes nothing."""
    return [{"seed": seed, "rate": rate} for rate in (0.1, float("inf")) for seed in range(3)]


def double(cell):
    """A result with all that JSON finds hard."""
    seed = cell.pop("seed")  # which is nobody's business but its own
    return {"twice": 2 * seed, "rate": cell["rate"], "curve": torch.tensor([1.0, 0.5])}


def threads(cell):
    """How many threads torch has in the process of the run, and which process that is."""
    return {"threads": torch.get_num_threads(), "process": os.getpid()}


def fail(cell):
    """Every way to fail, by the seed."""
    match cell["seed"]:
        case 0:
            raise NonFiniteGradient("conv1.weight", "gradient of conv1.weight holds NaN")
        case 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        case 2:
            raise MemoryError
        case 3:
            return {"odd": object()}
        case 4:
            os.kill(os.getpid(), signal.SIGKILL)
        case 5:
            os.abort()
        case 6:
            raise ValueError("no such thing")
    return {"seed": cell["seed"]}


def slow(cell):
    """20 ms, and a line in the file that GRADLAB_TEST_LOG names."""
    with Path(os.environ["GRADLAB_TEST_LOG"]).open("a") as log:
        print(cell["seed"], file=log, flush=True)
    time.sleep(0.02)
    return {"seed": cell["seed"]}


def endless(cell):
    """Says which process it is in, and does not end."""
    Path(os.environ["GRADLAB_TEST_LOG"]).write_text(str(os.getpid()))
    time.sleep(600)


def seeds(count):
    """A grid of so many seeds and nothing else."""
    return lambda budget: [{"seed": seed} for seed in range(count)]


DOUBLE = Experiment("double", "Doubles the seed.", cells, double)
