"""Named arrays in a folder, replaced as one: a crash leaves the old ones or the new ones.

The arrays go into ``arrays-<checksum>.npz``, a name that no other content has; then
``recording.json``, which names that file, is replaced in one step.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT, VERSION = "gradlab recording", 1
_MANIFEST = "recording.json"


def write(folder: str | PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays, none of objects, into ``folder``, which is made if need be.

    Raises:
        OSError: the disk refuses; what ``folder`` held before can still be read.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    draft = home / "arrays.tmp"
    try:
        with draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            _settle(file)
    except OSError:
        draft.unlink(missing_ok=True)  # half of it would take the last room of a full disk
        raise
    checksum = _checksum(draft)
    final = home / f"arrays-{checksum[:16]}.npz"
    os.replace(draft, final)
    manifest = {"format": FORMAT, "version": VERSION, "arrays": final.name, "sha256": checksum}
    draft = home / "recording.tmp"
    with draft.open("w", encoding="utf-8") as text:
        json.dump(manifest, text, indent=2)
        _settle(text)
    os.replace(draft, home / _MANIFEST)
    for old in home.glob("arrays-*.npz"):
        if old != final:
            old.unlink()


def read(folder: str | PathLike[str]) -> dict[str, NDArray[Any]]:
    """The arrays that were written last.

    Raises:
        FileNotFoundError: there is no recording in ``folder``, or a file of it is gone.
        ValueError: a file is damaged, not ours, or of a newer version; its name is said.
    """
    path = Path(folder) / _MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"folder must hold a recording, and there is no {path}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        written, version = manifest["format"], manifest["version"]
        source, checksum = path.parent / manifest["arrays"], manifest["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged, or not the manifest of a recording") from error
    if written != FORMAT:
        raise ValueError(f"{path} must be of a {FORMAT}, got one of {written!r}")
    if version != VERSION:
        raise ValueError(
            f"{path} must be of version {VERSION}, got {version!r}: a newer gradlab wrote it"
        )
    if not source.is_file():
        raise FileNotFoundError(f"{path} names {source.name}, and there is no {source}")
    if _checksum(source) != checksum:
        raise ValueError(f"{source} is damaged: its checksum is not the one in {path.name}")
    try:
        with np.load(source, allow_pickle=False) as stored:
            return dict(stored)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{source} is not a file of arrays") from error


def _settle(file: Any) -> None:
    """Have the disk hold what was written, before anything names it."""
    file.flush()
    os.fsync(file.fileno())


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
