"""The course's notebooks: where they are, and how they come into a folder of yours.

In a checkout they are the ones under version control. An installed wheel carries a copy, and
``copy_into`` lays it out in a folder, again after each update, and never over what you changed.
"""

import hashlib
import json
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from gradlab import __version__

FIRST = "00_start_here.ipynb"
MANIFEST = ".gradlab.json"

_CHECK = re.compile(r"exercises\.(\w+)\.check\(")
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Copied:
    """What ``copy_into`` did, as file names: nothing is in two of the four.

    ``kept`` are yours, changed since they were copied; ``beside`` pairs such a file with its new
    version that was put next to it.
    """

    written: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()


def checkout() -> Path | None:
    """The project's folder when gradlab runs from a checkout, ``None`` when installed."""
    try:
        project = tomllib.loads((_PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return None
    named = project.get("project", {}).get("name")
    return _PACKAGE.parent if named == "gradlab-course" else None


def notebooks() -> Path:
    """The folder that holds the course's own notebooks.

    Raises:
        FileNotFoundError: neither the checkout nor the installed package holds them.
    """
    folder = (checkout() or _PACKAGE) / "notebooks"
    if not (folder / FIRST).is_file():
        raise FileNotFoundError(f"the course's notebooks are missing: no {FIRST} in {folder}")
    return folder


def checks(source: str) -> list[str]:
    """The exercises that a notebook's text checks, in their order, each once."""
    return list(dict.fromkeys(_CHECK.findall(source)))


def copy_into(folder: Path) -> Copied:
    """What was done to lay out the course's notebooks in ``folder``.

    A file that is absent is written. One that is as it was copied is updated. One that you changed
    is kept, and a newer version of it is put next to it, as in ``02_clipping.0.2.0.ipynb``. To know
    the one from the other, digests of what was copied are kept in ``.gradlab.json``. Every file is
    written whole or not at all.

    Args:
        folder: where to; made if it is not there.

    Raises:
        FileNotFoundError: gradlab was installed without its notebooks.
        OSError: ``folder`` cannot be written to, or is a file.

    Note:
        JupyterLab stores outputs when it saves, so a notebook that was only run counts as changed.
    """
    shipped = sorted(notebooks().glob("*.ipynb"))
    folder.mkdir(parents=True, exist_ok=True)
    copied_before = _read_manifest(folder)
    written, updated, kept, beside = [], [], [], []
    for source in shipped:
        content, target = source.read_bytes(), folder / source.name
        before = copied_before.get(source.name)
        now = _digest(target.read_bytes()) if target.exists() else None
        new = _digest(content)
        if now is None:
            _write(target, content)
            written.append(target.name)
        elif now == new:
            pass
        elif now == before:
            _write(target, content)
            updated.append(target.name)
        elif before == new:
            kept.append(target.name)
        else:
            newer = target.with_stem(f"{target.stem}.{__version__}")
            if not newer.exists():
                _write(newer, content)
            beside.append((target.name, newer.name))
    manifest = {source.name: _digest(source.read_bytes()) for source in shipped}
    _write(folder / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")
    return Copied(tuple(written), tuple(updated), tuple(kept), tuple(beside))


def _read_manifest(folder: Path) -> dict[str, str]:
    """Digests by file name; none if absent or broken, and then every file counts as changed."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write whole or not at all, so that a crash leaves the old file."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)
