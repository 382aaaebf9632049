"""The exercises of students' notebooks, checked: each notebook in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from gradlab.course.grading.attempt import code
from gradlab.course.notebooks import checks, notebooks

Row = tuple[str, str, str]
"""The notebook below the folder, the exercise, and what its check came to."""


def grade(folder: Path, *, seconds: float = 300, jobs: int = 1) -> list[Row]:
    """What the checks say of every notebook below a folder, sorted by name.

    A notebook's code cells are run from top to bottom; one that raises does not stop the next. A
    function that is checked twice counts as it was the last time. An exercise that the course's
    notebook of that name asks for and this one does not check is ``not checked``.

    Args:
        folder: with the notebooks of students; copies that an editor keeps are left out.
        seconds: that one notebook may take; what it checked until then counts.
        jobs: notebooks at a time, 1 or more.

    Note:
        A process has the rights of whoever calls this: it can read and write files. It has no
        network only as far as Python's own sockets go. Run strangers' code in a container.
    """
    found = [path for path in sorted(folder.rglob("*.ipynb")) if not _kept(path, folder)]
    with ThreadPoolExecutor(jobs) as processes:
        tables = processes.map(lambda path: list(_rows(path, seconds)), found)
        names = [str(path.relative_to(folder)) for path in found]
        return [(name, *row) for name, table in zip(names, tables, strict=True) for row in table]


def _kept(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _rows(path: Path, seconds: float) -> Iterator[tuple[str, str]]:
    if code(path) is None:
        yield "", "is no notebook"
        return
    with TemporaryDirectory() as folder:
        results = Path(folder, "results")
        results.touch()
        said = _run([str(path.resolve()), str(results)], folder, seconds)
        lines = results.read_text(encoding="utf-8").splitlines()
    checked: dict[str, str] = {}
    for line in lines:
        name, result = json.loads(line)
        checked[name] = result
    asked = [name for name in _asked(path.name) if name not in checked]
    yield from checked.items()
    yield from ((name, "not checked") for name in asked)
    if said or not (checked or asked):
        yield "", said or "checks no exercise"


def _run(arguments: list[str], folder: str, seconds: float) -> str:
    """Run a notebook; what went wrong, in words, empty if nothing did."""
    command = [sys.executable, "-m", "gradlab.course.grading.attempt", *arguments]
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"did not end within {seconds:g} s"
    return f"crashed: exit status {process.returncode}" if process.returncode else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """The notebook's process, and what it has started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _asked(name: str) -> list[str]:
    """The exercises that the course's notebook of this name checks; none if there is no such."""
    path = notebooks() / name
    return checks(path.read_text(encoding="utf-8")) if path.is_file() else []
