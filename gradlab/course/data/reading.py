"""What every reader of data returns, and how it fails."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (n, c, h, w)
Labels = NDArray[np.int64]  # (n,)
Splits = dict[str, tuple[Pixels, Labels]]  # "train" and "test"
Arrays = tuple[tuple[str, ...], Splits]  # the classes, and the images with their labels

# PIL reports a broken PNG as a SyntaxError; torchvision asserts what it expects of a file.
_STUMBLES = (OSError, EOFError, ValueError, RuntimeError, LookupError, SyntaxError, AssertionError)


@contextmanager
def naming(path: Path, remedy: str) -> Iterator[None]:
    """Turn whatever a reader stumbles over into a ValueError that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (*_STUMBLES, zlib.error) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is damaged ({reason}); {remedy}") from error
