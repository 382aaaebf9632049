"""Values that a line of JSON can hold, also those that JSON has no word for: inf and NaN."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

_WORDS = ("inf", "-inf", "nan")


def plain(value: object) -> Any:
    """``value`` in JSON's types; arrays and tensors as lists, inf and NaN as those words.

    Raises:
        TypeError: something in it is no number, text, None, list, dict, array or tensor.
    """
    if isinstance(value, Mapping):
        if odd := [name for name in value if not isinstance(name, str)]:
            raise TypeError(f"names in a cell or a result must be text, got {odd[0]!r}")
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return float(value) if isfinite(value) else str(float(value))
    if value is None or isinstance(value, str | int):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    raise TypeError(
        "a cell or a result must be made of numbers, text, None, lists, dicts, arrays and "
        f"tensors, got a {type(value).__name__}"
    )


def revived(value: Any) -> Any:
    """What ``plain`` was given, arrays and tuples as lists; the words inf and nan as numbers."""
    if isinstance(value, dict):
        return {name: revived(part) for name, part in value.items()}
    if isinstance(value, list):
        return [revived(part) for part in value]
    return float(value) if isinstance(value, str) and value in _WORDS else value


def line(value: object) -> str:
    """One line of JSON: names sorted, so that equal values are equal lines."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)


def key(cell: Mapping[str, object]) -> str:
    """The text that tells a cell from others."""
    return line(cell)
