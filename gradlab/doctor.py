"""What this machine has, what the course needs, and what to do about the difference."""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from gradlab import __version__

INSTALL = 'pip install "gradlab-course[course]"'


@dataclass(frozen=True)
class Finding:
    """One line of the examination; ``fatal`` if the course cannot run like this."""

    subject: str
    found: str
    remedy: str = ""
    fatal: bool = False


def examine() -> tuple[Finding, ...]:
    """Return what was found, most important first; nothing is installed or downloaded."""
    return (_gradlab(), *_packages(), _chromium())


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


def _chromium() -> Finding:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    return Finding("chromium", found or "missing; only the project's own browser tests need it")
