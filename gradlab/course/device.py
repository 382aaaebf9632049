"""Where to run, how much to run, and how to make a run repeatable."""

import os
import platform
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

from gradlab.arguments import one_of, whole


@dataclass(frozen=True)
class Budget:
    """How much a notebook may run: the same cells, smaller or larger.

    Args:
        name: ``"ci"`` (seconds, for the tests), ``"cpu"`` (a laptop or Binder) or ``"gpu"``.
        width: base channel count of the course's CNNs, dimensionless.
        batch_size: images per step, dimensionless.
        steps: optimizer steps of one ordinary training run, dimensionless.
        full_size: whether torchvision's full-size networks take the place of the small ones.
    """

    name: str
    width: int
    batch_size: int
    steps: int
    full_size: bool


_BUDGETS = {
    "ci": Budget("ci", width=8, batch_size=64, steps=40, full_size=False),
    "cpu": Budget("cpu", width=16, batch_size=64, steps=200, full_size=False),
    "gpu": Budget("gpu", width=64, batch_size=128, steps=1000, full_size=True),
}


def best() -> torch.device:
    """The fastest device that torch can use here: CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def budget(name: str | None = None) -> Budget:
    """The budget asked for, or the one that suits this machine.

    Args:
        name: ``"ci"``, ``"cpu"`` or ``"gpu"``. Without it the environment variable
            ``GRADLAB_BUDGET`` decides; without that, ``"gpu"`` where there is CUDA, else ``"cpu"``.

    Returns:
        One of three fixed budgets.

    Raises:
        ValueError: the name is none of ``ci``, ``cpu``, ``gpu``.

    Note:
        A budget is not a device. ``"gpu"`` runs on a CPU too, only for a very long time.

    >>> budget("ci").steps
    40
    """
    asked_by = "name" if name is not None else "environment variable GRADLAB_BUDGET"
    if name is None:
        name = os.environ.get("GRADLAB_BUDGET") or ("gpu" if torch.cuda.is_available() else "cpu")
    one_of(asked_by, name, _BUDGETS)
    return _BUDGETS[name]


def seed(n: int) -> torch.Generator:
    """A CPU generator seeded with ``n``, after seeding Python, numpy and torch with it.

    Args:
        n: the seed, dimensionless, 0 to 2^32 - 1 (numpy takes no other).

    Returns:
        A ``torch.Generator`` on the CPU. Its stream starts as torch's own CPU stream does.

    Raises:
        ValueError: ``n`` is not an integer from 0 to 2^32 - 1.

    Note:
        The same seed gives the same numbers on one machine and one version of torch. Sums are
        added up in another order on a GPU or with more threads, and training amplifies the
        difference: compare several seeds before you believe in a small one.

    >>> torch.equal(torch.rand(3, generator=seed(0)), torch.rand(3, generator=seed(0)))
    True
    """
    whole("n", n, 0, 2**32 - 1)
    random.seed(n)
    np.random.seed(n)  # noqa: NPY002 - the global stream is exactly what has to be seeded
    torch.manual_seed(n)  # every device's stream
    return torch.Generator().manual_seed(n)


@contextmanager
def seeded(n: int) -> Iterator[None]:
    """Seed everything with ``n`` inside, and leave all streams as they were.

    For what is made while somebody else may draw: a network of a panel, a run in the background.

    Args:
        n: as for ``seed``.

    Raises:
        ValueError: as ``seed``.

    >>> before = torch.get_rng_state()
    >>> with seeded(0):
    ...     _ = torch.rand(3)
    >>> torch.equal(before, torch.get_rng_state())
    True
    """
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002 - as in ``seed``
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            seed(n)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(arrays)  # noqa: NPY002


@dataclass(frozen=True)
class Machine:
    """What this machine offers to a run.

    Args:
        python, torch, torchvision: versions; ``torchvision`` is None where it is not installed.
        device: the name of the device that :func:`best` chooses.
        cores: CPU cores that this process may use; a container may be given a part of one.
        memory_total: bytes that this process may use, None where the system does not say.
        memory_available: bytes of them that are free, None where the system does not say.
        gpu_memory: bytes on the CUDA device, None without one.
    """

    python: str
    torch: str
    torchvision: str | None
    device: str
    cores: float
    memory_total: int | None
    memory_available: int | None
    gpu_memory: int | None


def describe() -> Machine:
    """Versions, device, cores and memory of this machine, as far as a run may use it.

    In a container the kernel still reports the whole host; the limits of its control group
    (cgroup, version 1 or 2) are what counts, so the smaller of the two is returned.

    Note:
        Available memory is a moment's reading. On Windows and macOS some figures are None.
    """
    where = best()
    cuda = torch.cuda.get_device_properties(where) if where.type == "cuda" else None
    total, available = _memory(Path("/"))
    try:
        torchvision = metadata.version("torchvision")
    except metadata.PackageNotFoundError:
        torchvision = None
    return Machine(
        python=platform.python_version(),
        torch=torch.__version__,
        torchvision=torchvision,
        device=cuda.name if cuda else f"{where.type} ({platform.machine()})",
        cores=_cores(Path("/")),
        memory_total=total,
        memory_available=available,
        gpu_memory=cuda.total_memory if cuda else None,
    )


def _cores(root: Path) -> float:
    """CPU cores: those the scheduler allows, or the control group's share where that is less."""
    if hasattr(os, "sched_getaffinity"):
        allowed = float(len(os.sched_getaffinity(0)))
    else:
        allowed = float(os.cpu_count() or 1)
    shares = [allowed]
    for group in _groups(root, "cpu"):
        quota = _words(group / "cpu.max")  # version 2: "quota period", or "max period"
        if not quota:
            quota = _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        if len(quota) == 2 and quota[0] not in ("max", "-1"):
            shares.append(int(quota[0]) / int(quota[1]))
    return min(shares)


def _memory(root: Path) -> tuple[int | None, int | None]:
    """Total and available bytes: the system's, or the control group's where that is less."""
    system = {line[0]: int(line[1]) * 1024 for line in _lines(root / "proc/meminfo")}
    total, available = system.get("MemTotal:"), system.get("MemAvailable:")
    if total is None and "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for group in _groups(root, "memory"):
        limit = _words(group / "memory.max") or _words(group / "memory.limit_in_bytes")
        used = _words(group / "memory.current") or _words(group / "memory.usage_in_bytes")
        if not limit or not used or limit[0] == "max" or total is None or int(limit[0]) >= total:
            continue
        # Cached files count as used, but are given up when a program asks for memory.
        counts = {line[0]: int(line[1]) for line in _lines(group / "memory.stat")}
        cached = counts.get("total_inactive_file", counts.get("inactive_file", 0))
        total = int(limit[0])
        free = max(0, total - int(used[0]) + cached)
        available = free if available is None else min(available, free)
    return total, available


def _groups(root: Path, controller: str) -> list[Path]:
    """The folders of this process's control group and of those around it, outermost first."""
    found = []
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = " ".join(line).split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controller if controllers else "")
        inner = mount / path.strip("/")
        found += [g for g in (*reversed(inner.parents), inner) if g.is_relative_to(mount)]
    return found


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text().splitlines() if line.strip()]
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line]
