"""Elements of SVG in as few letters as they need, for matplotlib's renderer to write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

_PLACES = "x", "y", "transform"
_DIGITS, _TWO = re.compile(r"(\.\d\d)\d+"), r"\1"
_UNTURNED = "rotate(-0 "  # and around where: it stays where it is


class Elements:
    """Stands in for matplotlib's writer of XML; places are written to a hundredth."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self._open: list[str] = []

    def taken(self) -> str:
        """All that was written since it was asked last."""
        written = "".join(self._written)
        self._written.clear()
        return written

    def start(self, tag: str, attrib: Mapping[str, str] | None = None, **more: str) -> None:
        """Begin an element."""
        self._written.append(f"<{tag}{_attributes({**(attrib or {}), **more})}>")
        self._open.append(tag)

    def end(self, tag: str | None = None, indent: bool = True) -> None:
        """End the element that was begun last."""
        self._written.append(f"</{self._open.pop()}>")

    def element(
        self,
        tag: str,
        text: str | None = None,
        attrib: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        """A whole element; ``text`` is what it holds."""
        begun = f"<{tag}{_attributes({**(attrib or {}), **more})}"
        held = f">{_text(text)}</{tag}>" if text else "/>"
        self._written.append(begun + held)

    def comment(self, comment: str) -> None:
        """None is needed."""


def _attributes(given: Mapping[str, str]) -> str:
    return "".join(
        f' {name}="{_DIGITS.sub(_TWO, value) if name in _PLACES else _quoted(value)}"'
        for name, value in given.items()
        if value and not value.startswith(_UNTURNED)
    )


def _text(text: str) -> str:
    """Of several spaces in a row a page would show one."""
    wide = text.replace(" ", "\N{NO-BREAK SPACE}") if "  " in text else text
    return escape(wide, quote=False)


def _quoted(value: str) -> str:
    return escape(value, quote=False).replace('"', "&quot;")
