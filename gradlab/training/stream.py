"""The stream of batches, which can be begun anew and gone along to any place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice

from torch import Tensor

Batch = tuple[Tensor, Tensor]


class Stream:
    """Batches by their place, each time the same; cheap as long as one follows the other.

    Args:
        begin: a function that begins the stream; one that ends is begun again.

    Raises:
        TypeError: ``begin`` is no function, or one that goes on with the same stream.
    """

    def __init__(self, begin: Callable[[], Iterable[Batch]]) -> None:
        if not callable(begin) or _goes_on(begin):
            got = "one stream" if callable(begin) else type(begin).__name__
            raise TypeError(
                "batches must be a function that begins the stream of batches anew, such as "
                f"lambda: images.batches(64, seed=0), got {got}"
            )
        self._begin = begin
        self._rest: Iterator[Batch] = iter(())
        self._place: int | None = None

    def batch(self, place: int) -> Batch:
        """The batch there, from 0.

        Raises:
            ValueError: the stream holds none.
        """
        if place != self._place:
            self._rest = islice(self._endless(), place, None)
        self._place = None  # until this batch has come: an error may have ended the iterator
        batch = next(self._rest)
        self._place = place + 1
        return batch

    def _endless(self) -> Iterator[Batch]:
        for turn in count():
            empty = True
            for batch in self._begin():
                empty = False
                yield batch
            if empty:
                raise ValueError(f"batches must hold one batch or more, got none in turn {turn}")


def _goes_on(begin: Callable[[], Iterable[Batch]]) -> bool:
    """Whether a second call gives what is left of the first one's stream."""
    stream = begin()
    return isinstance(stream, Iterator) and stream is begin()
