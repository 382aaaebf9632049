"""What a panel shows at every setting, from its kernel to the page."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradlab.draw.figure import DOTS
from gradlab.draw.vector import POINTS, renamed
from gradlab.panels.panel import number


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
    def small(self) -> list[str]:
        """The same, to stand beside them on one page: no two parts of it have one name."""
        return [renamed(layer, "small-{}".format) for layer in self.layers]

    @property
    def readout(self) -> str:
        """What the panel says at the start, and not what it asks."""
        said, asked = str(self.states["readouts"][self._start[-1]]), self.states["asked"]
        return said.removeprefix(asked["question"]).strip() if asked else said

    @property
    def controls(self) -> list[dict[str, Any]]:
        """Those that can be moved on the page, as they stand at the start.

        ``number``: in the panel; ``kind`` and ``label``; ``names`` of the positions and the
        ``start`` among them; ``hidden``.
        """
        numbered = list(enumerate(self.states["controls"]))
        menus = [(n, each) for n, each in numbered if each["kind"] != "slider"]
        sliders = [(n, each) for n, each in numbered if each["kind"] == "slider"]
        found = [self._menu(k, n, each) for k, (n, each) in enumerate(menus)]
        found += [self._slider(k, n, each) for k, (n, each) in enumerate(sliders)]
        return sorted((each for each in found if each), key=lambda each: each["number"])

    def _menu(self, k: int, number: int, each: dict[str, Any]) -> dict[str, Any] | None:
        choices = self.states["choices"]
        if len({choice["menus"][k] for choice in choices}) < 2:
            return None
        start, hidden = choices[0]["menus"][k], k in choices[0]["hidden"]
        return {**each, "number": number, "start": start, "hidden": hidden}

    def _slider(self, k: int, number: int, each: dict[str, Any]) -> dict[str, Any] | None:
        scales = self.states["scales"]
        placed = [choice["sliders"][k] for choice in self.states["choices"]]
        if not any(len(scales[place[0]]) > 1 for place in placed if place):
            return None
        scale, start = placed[0] or (0, 0)
        names = scales[scale] if placed[0] else [""]
        return {**each, "number": number, "names": names, "start": start, "hidden": not placed[0]}

    @property
    def live(self) -> bool:
        """Whether the panel trains, which these pictures cannot."""
        return bool(self.states["live"])

    @property
    def hides(self) -> bool:
        """Whether the picture waits for an answer."""
        asked = self.states["asked"]
        return bool(asked and asked["once"] and not self.states["points"])

    @property
    def answer(self) -> str:
        """To what is asked, with the reason."""
        asked, points = self.states["asked"], self.states["points"]
        if not asked["once"]:
            return str(asked["skipped"])
        if points:
            places = (control["label"] for control in self.states["controls"])
            pairs = zip(map(number, points["truth"]), places, strict=True)
            return f"{', '.join(map(' '.join, pairs))}. {asked['idea']}"
        truth, choices = asked["truth"], asked["choices"]
        told = (truth, choices[truth]) if choices else (number(truth), "")
        return " ".join(part for part in (f"{told[0]}.", told[1], asked["idea"]) if part)

    @property
    def _start(self) -> list[int]:
        start: list[int] = self.states["states"][self.states["start"]]
        return start

    def __len__(self) -> int:
        """Settings that the page shows."""
        return sum(state is not None for state in self.states["states"])
