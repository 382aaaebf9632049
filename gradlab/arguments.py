"""Checks of arguments: every refusal names the argument, what is allowed, and what was given."""

from __future__ import annotations

from collections.abc import Collection
from math import inf, isfinite
from numbers import Integral, Real
from reprlib import repr as shortened
from types import NoneType, UnionType
from typing import TypeGuard, get_args


def positive(name: str, value: object, *, may_be_inf: bool = False) -> float:
    """``value`` as a float above zero; a bool is no number.

    Raises:
        ValueError: it is not a number in (0, inf), or in (0, inf] where that is allowed.
    """
    if _is_number(value) and (0 < value < inf or (may_be_inf and value == inf)):
        return float(value)
    allowed = "(0, inf]" if may_be_inf else "(0, inf)"
    raise ValueError(f"{name} must be a number in {allowed}, got {value!r}")


def within(
    name: str, value: object, low: float, high: float = inf, *, below: bool = False
) -> float:
    """``value`` as a finite float from ``low`` to ``high``, both included; or ``below`` ``high``.

    Raises:
        ValueError: it is none.
    """
    inside = _is_number(value) and isfinite(value) and low <= value <= high
    if inside and not (below and value == high):
        return float(value)  # type: ignore[arg-type]
    allowed = f"from {low:g} to {high:g}" if high < inf else f"that is finite and {low:g} or more"
    allowed = f"in [{low:g}, {high:g})" if below else allowed
    raise ValueError(f"{name} must be a number {allowed}, got {value!r}")


def whole(name: str, value: object, low: int = 1, high: int | None = None) -> int:
    """``value`` as an int from ``low`` to ``high``, both included; None: without an upper end.

    Raises:
        ValueError: it is none.
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if is_whole and low <= value and (high is None or value <= high):  # type: ignore[operator]
        return int(value)  # type: ignore[call-overload, no-any-return]
    allowed = f", {low} or more" if high is None else f" from {low} to {high}"
    raise ValueError(f"{name} must be a whole number{allowed}, got {value!r}")


def one_of(name: str, value: object, allowed: Collection[object]) -> None:
    """Refuse what is not among ``allowed``.

    Raises:
        ValueError: it is not.
    """
    if value not in tuple(allowed):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def instance_of(name: str, value: object, kind: type | UnionType) -> None:
    """Refuse what is of another type.

    Raises:
        TypeError: it is.
    """
    if not isinstance(value, kind):
        each = get_args(kind) or (kind,)
        allowed = " | ".join("None" if one is NoneType else one.__name__ for one in each)
        got = f"{type(value).__name__} {shortened(value)}"
        raise TypeError(f"{name} must be a {allowed}, got {got}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)
