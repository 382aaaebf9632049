"""Under which circumstances a run was made."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from gradlab import __version__


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What computes, and with what software; equal machines may be expected to agree.

    Args:
        python, torch, torchvision, numpy, gradlab: versions; None where it is not installed.
        device: where tensors go, as ``gradlab.course.device.describe`` names it.
        processor: the CPU's model.
        cores: CPU cores that a process may use.
        threads: of them, those that torch uses for one run.
        memory: bytes that a process may use, None where the system does not say.
    """

    python: str
    torch: str
    torchvision: str | None
    numpy: str
    gradlab: str
    device: str
    processor: str
    cores: float
    threads: int
    memory: int | None

    @property
    def hardware(self) -> str:
        """The machine in one line, without software."""
        memory = "" if self.memory is None else f", {self.memory / 1e9:.0f} GB"
        cores = f"{self.cores:g} core{'s' if self.cores != 1 else ''}"
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''} per run"
        return f"{self.device}; {self.processor}, {cores}{memory}, {threads}"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where records come from; two are equal if command and date are all that differs.

    Args:
        experiment: its name.
        budget: which of its grids.
        machine: where the runs were made.
        command: what makes the records again: a command, or a call.
        date: when the first of the runs ended, UTC.
    """

    experiment: str
    budget: str
    machine: Machine
    command: str = field(compare=False)
    date: str = field(
        compare=False, default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds")
    )


@cache
def here() -> Machine:
    """The machine that this process runs on."""
    import torch

    from gradlab.course import device

    found = device.describe()
    return Machine(
        python=found.python,
        torch=found.torch,
        torchvision=found.torchvision,
        numpy=metadata.version("numpy"),
        gradlab=__version__,
        device=found.device,
        processor=_processor(Path("/proc/cpuinfo")),
        cores=found.cores,
        threads=torch.get_num_threads(),
        memory=found.memory_total,
    )


def _processor(cpuinfo: Path) -> str:
    """The CPU's model; Linux tells it in a file, the others through Python."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())
