"""What counting finds: which codes occur, and how often, in one tensor or in many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Found(NamedTuple):
    """Which codes occur, (k,) uint16, increasing; and how often each, in the smallest type.

    One element in ``stride`` was looked at, and stands for so many.
    """

    codes: NDArray[np.uint16]
    counts: NDArray[np.unsignedinteger]
    stride: int = 1


@dataclass(frozen=True, eq=False)
class Counted:
    """What was found in n tensors, one after the other.

    Args:
        codes: (K,) uint16, increasing within each tensor.
        counts: (K,) unsigned.
        ends: (n,) int64; where the codes of each tensor end.
        strides: (n,) int64.
    """

    codes: NDArray[np.uint16]
    counts: NDArray[np.unsignedinteger]
    ends: NDArray[np.int64]
    strides: NDArray[np.int64]

    @classmethod
    def joined(cls, each: Iterable[Found]) -> Counted:
        """From what was found in each tensor."""
        found = list(each)
        return cls(
            np.concatenate([np.zeros(0, np.uint16), *(one.codes for one in found)]),
            np.concatenate([np.zeros(0, np.uint8), *(one.counts for one in found)]),
            np.cumsum([len(one.codes) for one in found], dtype=np.int64),
            np.array([one.stride for one in found], np.int64),
        )

    def __len__(self) -> int:
        return len(self.ends)

    def lengths(self) -> NDArray[np.int64]:
        """(n,): how many codes each tensor has."""
        found = self.ends.copy()
        found[1:] -= self.ends[:-1]
        return found

    def each(self, places: Iterable[int] | None = None) -> list[Found]:
        """What was found in each tensor, or in those at some places."""
        ends, strides = [0, *self.ends.tolist()], self.strides.tolist()
        return [
            Found(self.codes[ends[i] : ends[i + 1]], self.counts[ends[i] : ends[i + 1]], strides[i])
            for i in (range(len(strides)) if places is None else places)
        ]

    def replaced(self, new: Mapping[int, Found]) -> Counted:
        """The same, but for the tensors at some places, which come in order."""
        if not new:
            return self
        lengths, strides = self.lengths(), self.strides.copy()
        codes: list[NDArray[np.uint16]] = []
        counts: list[NDArray[np.unsignedinteger]] = []
        done = 0
        for place, one in new.items():
            end = int(self.ends[place])
            codes += [self.codes[done : end - lengths[place]], one.codes]
            counts += [self.counts[done : end - lengths[place]], one.counts]
            lengths[place], strides[place], done = len(one.codes), one.stride, end
        return Counted(
            np.concatenate([*codes, self.codes[done:]]),
            np.concatenate([*counts, self.counts[done:]]),
            np.cumsum(lengths),
            strides,
        )


def found_in(table: NDArray[np.int64], stride: int = 1) -> Found:
    """What a table of (CODES,) counts holds."""
    codes = np.flatnonzero(table != 0)
    return Found(codes.astype(np.uint16), narrow(table[codes]), stride)


def narrow(counts: NDArray[np.int64]) -> NDArray[np.unsignedinteger]:
    """The counts in the smallest type that holds them."""
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))
