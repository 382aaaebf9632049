"""What this machine has, what the course needs, and what to do about the difference."""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from gradlab import __version__

INSTALL = 'pip install "gradlab-course[course]"'
SITE = 'pip install "gradlab-course[site]"'
MEMORY_PER_NOTEBOOK = 1.2e9  # bytes, the most that a notebook of the course may take


@dataclass(frozen=True)
class Finding:
    """One line of the examination; ``fatal`` if the course cannot run like this."""

    subject: str
    found: str
    remedy: str = ""
    fatal: bool = False


def examine() -> tuple[Finding, ...]:
    """What was found, most important first; nothing is installed or downloaded."""
    packages = tuple(_packages())
    loadable = not any(finding.fatal for finding in packages)
    return (_gradlab(), *packages, *(_rooms() if loadable else ()), _chromium())


def _gradlab() -> Finding:
    return Finding("gradlab", f"{__version__}, on Python {platform.python_version()}")


def _packages() -> Iterator[Finding]:
    """Every package that the library and its course require, with the version found."""
    try:
        from packaging.requirements import Requirement

        required = metadata.requires("gradlab-course") or []
    except (ModuleNotFoundError, metadata.PackageNotFoundError) as error:
        yield Finding("packages", str(error), remedy=INSTALL, fatal=True)
        return
    for requirement in map(Requirement, required):
        if requirement.marker and not requirement.marker.evaluate({"extra": "course"}):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Finding(requirement.name, "missing", remedy=INSTALL, fatal=True)
            continue
        if requirement.specifier.contains(version, prereleases=True):
            yield Finding(requirement.name, version)
        else:
            remedy = f'pip install "{wanted}"'
            yield Finding(requirement.name, f"{version}, not {wanted}", remedy, fatal=True)


def _rooms() -> Iterator[Finding]:
    """The machine and the data; a torch that is there and cannot be loaded says why."""
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:
        yield Finding("torch", f"cannot be loaded: {error}", "install torch again", fatal=True)
        return
    yield from _machine()
    yield from _data()


def _machine() -> Iterator[Finding]:
    from gradlab.course import device

    machine = device.describe()
    cores = f"{machine.cores:g} core{'s' if machine.cores != 1 else ''}"
    yield Finding("device", f"{machine.device}, {cores}")
    if machine.gpu_memory is not None:
        yield Finding("GPU memory", _gigabytes(machine.gpu_memory))
    yield _memory(machine.memory_total, machine.memory_available)
    try:
        yield Finding("budget", device.budget().name)
    except ValueError as error:
        yield Finding("budget", str(error), "unset GRADLAB_BUDGET", fatal=True)


def _memory(total: int | None, available: int | None) -> Finding:
    if total is None or available is None:
        return Finding("memory", "this system does not say")
    found = f"{_gigabytes(available)} of {_gigabytes(total)} free"
    if available >= MEMORY_PER_NOTEBOOK:
        return Finding("memory", found)
    remedy = f"a notebook takes up to {_gigabytes(MEMORY_PER_NOTEBOOK)}: close other programs"
    return Finding("memory", found, remedy, fatal=total < MEMORY_PER_NOTEBOOK)


def _data() -> Iterator[Finding]:
    """The downloads are for those who want more than the course needs."""
    from gradlab.course import data
    from gradlab.course.data import downloads

    for source in data.available():
        if source.present:
            yield Finding(source.name, source.note)
        else:
            optional = source.name in downloads.HOMES
            found = "not here (optional)" if optional else "missing"
            yield Finding(source.name, found, source.note, fatal=not optional)


def _gigabytes(number: float) -> str:
    return f"{number / 1e9:.1f} GB"


def _chromium() -> Finding:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    return Finding("chromium", found or "missing; only the project's own browser tests need it")
