"""What exercises take and give: tensors, numbers, None, and lists or tuples of those.

Copying, comparing and showing them is all here, so that every exercise does it alike.
"""

import math
import numbers as numeric
from collections.abc import Iterator
from typing import Any

import torch

RELATIVE = 1e-4
"""Relative tolerance of every comparison: admits torch's ``max_norm / (norm + 1e-6)``."""
ABSOLUTE = 1e-6
"""Absolute tolerance of every comparison, for answers near zero."""


class MisfitError(Exception):
    """An answer in another form than the expected one; the message names both."""


def copied(value: Any, keep_tensors: bool = False) -> Any:
    """The same value in fresh lists, and in fresh tensors too unless they are to be kept."""
    if isinstance(value, torch.Tensor):
        return value if keep_tensors else value.clone()
    if isinstance(value, list | tuple):
        return type(value)(copied(item, keep_tensors) for item in value)
    return value


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor inside a value, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)


def elements(value: Any) -> list[float]:
    """Every number inside the tensors of a value, in order."""
    return [number for tensor in tensors(value) for number in tensor.flatten().tolist()]


def length(value: Any) -> float:
    """The norm of all tensors inside a value, as if they were one long vector."""
    return math.sqrt(sum(number * number for number in elements(value)))


def form(value: Any) -> str:
    """What kind of thing a value is, in words."""
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        place = "" if value.device.type == "cpu" else f" on {value.device}"
        layout = "" if value.layout == torch.strided else " (sparse)"
        return f"a {kind} tensor of shape {tuple(value.shape)}{place}{layout}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    if value is None:
        return "None"
    return "a number" if is_number(value) else f"a {type(value).__name__}"


def is_number(value: Any) -> bool:
    """Whether a value is a real number, or a tensor that holds a single one without a shape."""
    if isinstance(value, torch.Tensor):
        return value.ndim == 0 and not value.is_complex() and value.device.type == "cpu"
    return isinstance(value, numeric.Real) and not isinstance(value, bool)


def fitted(expected: Any, answer: Any) -> Any:
    """The answer in the form of the expected value: detached, numbers as floats; or a MisfitError.

    Where None is expected, any answer passes as it is: whether it is right is for a law to say.
    """
    if expected is None:
        return answer
    if isinstance(expected, torch.Tensor):
        if isinstance(answer, torch.Tensor) and form(answer) == form(expected):
            return answer.detach()
    elif isinstance(expected, list | tuple):
        if isinstance(answer, list | tuple) and len(answer) == len(expected):
            fits = (fitted(*pair) for pair in zip(expected, answer, strict=True))
            return type(expected)(fits)
    elif is_number(answer):
        return float(answer)
    advice = ": is a return missing?" if answer is None else ""
    raise MisfitError(f"{form(answer)}, where {form(expected)} belongs{advice}")


def agree(expected: Any, answer: Any) -> bool:
    """Whether two values of one form are equal within the tolerances; NaN equals NaN."""
    if isinstance(expected, torch.Tensor):
        return torch.allclose(answer, expected, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    if isinstance(expected, list | tuple):
        return all(agree(*pair) for pair in zip(expected, answer, strict=True))
    if expected is None or answer is None:
        return expected is answer
    return math.isclose(answer, expected, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def unchanged(before: Any, after: Any) -> bool:
    """Whether a value is as it was: in form, and in its numbers within the tolerances."""
    try:
        return agree(before, fitted(before, after))
    except MisfitError:
        return False


def show(value: Any, limit: int = 100) -> str:
    """A value as one would type it, five digits per number, cut at `limit` characters."""
    try:
        text = _typed(value)
    except Exception:  # an exotic tensor, or a list that holds itself
        text = f"a {type(value).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _typed(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        plain = value.device.type == "cpu" and value.layout == torch.strided
        if not plain or value.is_complex() or value.numel() > 100:
            return form(value)
        return f"tensor({_nested(value.tolist())})"
    if isinstance(value, list | tuple):
        inside = ", ".join(_typed(item) for item in value[:20])
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if value is None:
        return "None"
    return _digits(float(value)) if is_number(value) else form(value)


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(item) for item in value)}]"
    text = _digits(value)
    return text.removesuffix("0") if text.endswith(".0") else text


def _digits(number: float | bool) -> str:
    if not isinstance(number, float):
        return str(number)
    text = f"{number:.5g}"
    return text if any(mark in text for mark in ".ein") else f"{text}.0"
