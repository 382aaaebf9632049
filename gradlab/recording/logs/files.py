"""The three formats: columns of numbers by name, with the step of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from math import nan
from pathlib import Path
from typing import Any

Column = dict[int, float]  # a value by its step
Columns = dict[str, Column]

STEPS = ("step", "_step", "global_step", "trainer/global_step", "train/global_step")


def trainer(path: Path) -> Columns:
    """What a Trainer of Hugging Face has logged.

    Raises:
        ValueError: it is no whole ``trainer_state.json``.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        history = found["log_history"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must be a Trainer's whole trainer_state.json, with its 'log_history': "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise ValueError(f"{path} must hold a list of entries as its 'log_history'")
    return _gathered((entry.get("step"), entry) for entry in history)


def tensorboard(folder: Path) -> Columns:
    """The scalars in event files.

    Raises:
        ImportError: tensorboard is not installed.
        ValueError: there are none in them.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        raise ImportError(
            "tensorboard is needed to read event files and is not installed; it comes with the "
            "extra 'export' of gradlab-course"
        ) from error
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    tags = events.Tags()["scalars"]
    if not tags:
        raise ValueError(f"{folder} must hold TensorBoard's scalars, and there are none in it")
    return {tag: {one.step: one.value for one in events.Scalars(tag)} for tag in tags}


def table(path: Path) -> Columns:
    """The numbers of a CSV file with a column of steps, such as wandb's and trackio's exports.

    Raises:
        ValueError: it has no such column, or its rows are not as long as its head.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        head = rows.fieldnames or []
        names = [name for name in head if name.lower() in STEPS]
        if not names:
            raise ValueError(f"{path} must have a column of steps, one of {STEPS}, got {head}")
        entries = []
        for row in rows:
            if None in row or None in row.values():
                raise ValueError(
                    f"{path} must have {len(head)} fields in each row: line "
                    f"{rows.line_num} has not; the file may be cut off"
                )
            entries.append((row[names[0]], row))
    return _gathered(entries)


def _gathered(entries: Iterable[tuple[Any, Mapping[str, Any]]]) -> Columns:
    """Every number by name and step; of two for one step the last counts."""
    found: Columns = {}
    for step, entry in entries:
        at = _number(step)
        if at is None or at != at or at != int(at):
            continue
        for name, value in entry.items():
            if (number := _number(value)) is not None:
                found.setdefault(name, {})[int(at)] = number
    return found


def _number(value: Any) -> float | None:
    """A number, also one that is written as text; None where there is none."""
    if isinstance(value, bool) or value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return nan if str(value).lower() in ("nan", "null") else None
