"""The file of a sweep: a line of JSON per finished run, written whole or not at all.

A line that says under which circumstances the next runs are made stands before them::

    {"provenance": {"budget": "ci", "command": "gradlab sweep ...", ...}}
    {"cell": {"seed": 0}, "error": null, "provenance": 0, "result": {"accuracy": 0.7}, ...}

What a kill leaves behind is at most the beginning of a last line.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path

from gradlab.course.sweep.plain import key, line, revived
from gradlab.course.sweep.provenance import Machine, Provenance
from gradlab.course.sweep.records import Records, Row

_BEGINNINGS = (b'{"provenance": {', b'{"cell": {')


def read(path: str | os.PathLike[str]) -> Records:
    """The finished runs in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no record of a sweep; it is named.

    Note:
        A sweep that was stopped, or still runs, has recorded fewer runs than its grid has.
    """
    return _scan(Path(path))[0]


def recorded(name: str) -> Records:
    """The recorded runs of an experiment that ship with the course.

    Raises:
        FileNotFoundError: there are none.
    """
    folder = resources.files("gradlab.course") / "records"
    with resources.as_file(folder / f"{name}.jsonl") as path:
        if path.is_file():
            return read(path)
    names = sorted(file.name[:-6] for file in folder.iterdir() if file.name.endswith(".jsonl"))
    raise FileNotFoundError(
        f"no runs of {name!r} ship with the course, only of {names}; your own: sweep.read(FILE)"
    )


@contextmanager
def opened(path: Path, *, resume: bool) -> Iterator[Journal]:
    """A journal that nobody else writes, mended if a crash left half a line.

    Raises:
        FileExistsError: it is there, and not to be resumed.
        BlockingIOError: another sweep writes it.
    """
    flags = os.O_RDWR | os.O_CREAT | (0 if resume else os.O_EXCL)
    try:
        lock = os.open(path, flags, 0o666)
    except FileExistsError as error:
        raise FileExistsError(
            f"{path} is there already, and is left as it is: go on with it (--resume), or name "
            "another file (--out)"
        ) from error
    try:
        _hold(lock, path)
        yield Journal(path)
    finally:
        os.close(lock)


def _hold(lock: int, path: Path) -> None:
    """Keep other sweeps off; Windows has no such lock."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.path.samestat(os.fstat(lock), os.stat(path))  # else it was just replaced
    except BlockingIOError:
        same = False
    if not same:
        raise BlockingIOError(f"{path} is being written by another sweep; wait for it to end")


class Journal:
    """A file to which finished runs are added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records, whole = _scan(path)
        os.truncate(path, whole)

    def append(self, row: Row, provenance: Provenance) -> None:
        """Add a run; when this returns, it is on the disk."""
        known = self.records.provenance
        if provenance not in known:
            known = (*known, provenance)
        row = replace(row, provenance=known.index(provenance))
        new = Records(known[len(self.records.provenance) :], (row,))
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            _write(file, new)
        finally:
            os.close(file)
        self.records = Records(known, (*self.records.rows, row))

    def sort(self, keys: Mapping[str, object]) -> None:
        """Put the runs in the order of the keys, so that two sweeps differ in what they found."""
        place = {text: number for number, text in enumerate(keys)}
        rows = sorted(self.records.rows, key=lambda row: place.get(key(row.cell), len(place)))
        beside = self.path.with_name(f"{self.path.name}.sorting")
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            _write(file, replace(self.records, rows=tuple(rows)))
        finally:
            os.close(file)
        os.replace(beside, self.path)


def _write(file: int, records: Records) -> None:
    """Write in one piece, through to the disk."""
    lines = [line({"provenance": asdict(one)}) for one in records.provenance]
    lines += [line(vars(row)) for row in records.rows]
    data = "".join(f"{one}\n" for one in lines).encode()
    if (written := os.write(file, data)) != len(data):
        raise OSError(f"only {written} of {len(data)} bytes could be written: is the disk full?")
    os.fsync(file)


def _scan(path: Path) -> tuple[Records, int]:
    """The records in a file, and how many bytes of it are whole lines."""
    *lines, rest = path.read_bytes().split(b"\n")
    provenance: list[Provenance] = []
    rows: list[Row] = []
    for number, text in enumerate(lines, 1):
        try:
            found = _parsed(text)
            if isinstance(found, Row):
                provenance[found.provenance]
                rows.append(found)
            else:
                provenance.append(found)
        except (ValueError, TypeError, LookupError) as error:
            raise _foreign(path, number, text) from error
    if not any(rest.startswith(one) or one.startswith(rest) for one in _BEGINNINGS):
        raise _foreign(path, len(lines) + 1, rest)
    return Records(tuple(provenance), tuple(rows)), sum(len(text) + 1 for text in lines)


def _parsed(text: bytes) -> Provenance | Row:
    found = json.loads(text)
    if set(found) == {"provenance"}:
        told = found["provenance"]
        return Provenance(**{**told, "machine": Machine(**told["machine"])})
    return Row(**revived(found))


def _foreign(path: Path, number: int, text: bytes) -> ValueError:
    start = text[:60].decode(errors="replace")
    return ValueError(
        f"{path} must hold the records of a sweep, and line {number} is none: {start!r}; nothing "
        "was changed"
    )
