"""Which file it is, and which of its columns holds the norm of the gradient."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

import numpy as np

from gradlab.recording.logs.files import Columns, table, tensorboard, trainer
from gradlab.recording.logs.log import Log

STATE = "trainer_state.json"

_EVENTS = "*tfevents*"
_NORM = re.compile(r"grad(ient)?(s|_2(\.0)?)?[_/ .-]*(total|global)?[_/ .-]*norm(_total)?$", re.I)
_OURS = "gradient/total_norm"
_RATE = re.compile(r"(learning[_ ]?rate|(^|[/_ -])lr(-\w+)?)$", re.I)


def read_log(path: str | PathLike[str], *, column: str | None = None) -> Log:
    """The norms of the whole gradient that another tool logged, at the steps at which it did.

    Args:
        path: a ``trainer_state.json`` of Hugging Face's Trainer, or a folder with one; an event
            file of TensorBoard, or a folder with some; or a CSV file with a column of steps.
        column: the name of the norms there; None: the one that is called like a gradient's norm,
            as ``grad_norm``, ``train/grad_norm`` or ``gradient/total_norm``.

    Returns:
        A ``Log``, to be asked ``judge``, ``suggest`` and ``what_if``.

    Raises:
        FileNotFoundError: there is nothing at ``path``, or nothing that is known in the folder.
        ImportError: it is an event file, and tensorboard is not installed.
        ValueError: the file is damaged or cut off, or has no such column, or several that might be.

    Note:
        Most tools log one step in ten or a hundred. Of the others nothing is known.

    >>> import json, tempfile, pathlib
    >>> history = [{"step": k, "grad_norm": k / 10} for k in range(10, 60, 10)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     state = pathlib.Path(folder) / "trainer_state.json"
    ...     _ = state.write_text(json.dumps({"log_history": history}))
    ...     log = read_log(folder)
    >>> log.total_norm, log.every
    (array([1., 2., 3., 4., 5.]), 10)
    """
    place = Path(path)
    columns = _columns(place)
    name = _chosen(place, columns, column)
    norms = columns[name]
    rates = next((columns[one] for one in columns if _RATE.search(one)), {})
    steps = sorted(norms)
    return Log(
        source=place.name,
        column=name,
        steps=np.array(steps, np.int64),
        total_norm=np.array([norms[step] for step in steps], np.float64),
        learning_rate=np.array([rates.get(step, np.nan) for step in steps], np.float64),
    )


def _columns(path: Path) -> Columns:
    if path.is_dir():
        if (path / STATE).is_file():
            return trainer(path / STATE)
        if any(path.glob(_EVENTS)):
            return tensorboard(path)
        raise FileNotFoundError(
            f"path must hold {STATE} or TensorBoard's event files, and there are none in {path}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"path must be a log, and there is no {path}")
    if path.match(_EVENTS):
        return tensorboard(path)
    return trainer(path) if path.suffix == ".json" else table(path)


def _chosen(path: Path, columns: Columns, column: str | None) -> str:
    """The column of the norms."""
    if column is not None:
        if column not in columns:
            raise ValueError(f"column must be one of {sorted(columns)}, got {column!r}")
        return column
    found = [name for name in columns if name == _OURS or _NORM.search(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"column must say which of {sorted(found)} in {path} is meant")
    raise ValueError(
        f"{path} must have a column that is called like the norm of a gradient, as 'grad_norm', "
        f"got {sorted(columns)}; name another one with column"
    )
