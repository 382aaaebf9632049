"""What a panel shows at every setting, from its kernel to the page."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from gradlab.draw.figure import DOTS
from gradlab.draw.vector import POINTS


@dataclass(frozen=True)
class Captured:
    """A panel as ``capture`` wrote it.

    Args:
        name: of its element on the page.
        file: of its states, relative to the page.
        packed: its states: JSON, gzipped.
        states: the same, read.
    """

    name: str
    file: str
    packed: bytes
    states: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path, page: str) -> Captured:
        """The panel in a file of ``capture``, for a page of a name."""
        packed, number = path.read_bytes(), path.name.partition(".")[0]
        states = json.loads(gzip.decompress(packed))
        return cls(f"panel-{number}", f"panels/{page}-{number}.js", packed, states)

    @property
    def script(self) -> str:
        """The file of its states: a script, since a page opened from a disk may read no other."""
        return f'gradlabStates("{self.file}", "{base64.b64encode(self.packed).decode()}");\n'

    @property
    def size(self) -> tuple[int, int]:
        """Of the picture, in CSS pixels."""
        width, height = self.states["size"]
        return width, height

    @property
    def width(self) -> float:
        """Of the picture, in the units of its fragments."""
        return self.size[0] * POINTS / DOTS

    @property
    def height(self) -> float:
        """Of the picture, in the units of its fragments."""
        return self.size[1] * POINTS / DOTS

    @property
    def layers(self) -> list[str]:
        """The fragments of the picture at the start."""
        return [table[k] for table, k in zip(self.states["parts"], self._start[:-1], strict=True)]

    @property
    def readout(self) -> str:
        """What the panel says at the start."""
        return str(self.states["readouts"][self._start[-1]])

    @property
    def live(self) -> bool:
        """Whether there is more to it than these pictures."""
        return bool(self.states["live"])

    @property
    def _start(self) -> list[int]:
        place = 0
        for control in self.states["controls"]:
            place = place * len(control["names"]) + control["start"]
        start: list[int] = self.states["states"][place]
        return start

    def __len__(self) -> int:
        """Settings that the page shows."""
        return prod(len(control["names"]) for control in self.states["controls"])
