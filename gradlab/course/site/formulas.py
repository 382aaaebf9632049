"""Formulas that a browser draws by itself: MathML, and the letters that it takes."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator

from latex2mathml.converter import convert

_BAR = re.compile(r"<mo[^>]*>(&#x02016;|&#x0007C;)</mo>")
_BIG = re.compile(r"<mo[^>]* minsize=[^>]*>")
_FUNCTION = re.compile(
    r"(</mn>)?(<m([io])>(?:cosh|diag|exp|ln|log|max|min|sign|tanh)</m\3>)(?=(<m[^o])?)"
)
_THIN = '<mspace width="0.17em"/>'
_SIGN = re.compile(r"(<mo[^>]*>(?:&#x00028;|\[|&#x0002C;)</mo>)<mo>(?=&#x02212;)")
_SLASH = "<mo>&#x0002F;"
_FORMULA = re.compile(r"<math.*?</math>", re.DOTALL)
_ITALIC = (("a", "z", 0x1D44E), ("A", "Z", 0x1D434), ("α", "ω", 0x1D6FC), ("Α", "Ω", 0x1D6E2))


def mathml(latex: str, display: str = "inline") -> str:
    """A formula as MathML, its bars in pairs, its brackets no larger for an exponent.

    Space stands where LaTeX puts it: around the name of a function, none about a slash or a sign.
    """
    sides = itertools.cycle(("prefix", "postfix"))
    found = _BIG.sub('<mo stretchy="false">', convert(latex, display=display))
    found = _FUNCTION.sub(_spaced, found)
    found = _SIGN.sub(r'\1<mo form="prefix">', found)
    found = found.replace(_SLASH, _SLASH.replace(">", ' lspace="0" rspace="0">', 1))
    return _BAR.sub(lambda bar: f'<mo stretchy="false" form="{next(sides)}">{bar[1]}</mo>', found)


def _spaced(function: re.Match[str]) -> str:
    before, name, _, behind = function.groups(default="")
    return f"{before}{before and _THIN}{name}{behind and _THIN}"


def letters(page: str) -> Iterator[str]:
    """What the formulas of a page are written with, upright and italic; roots, too."""
    for formula in _FORMULA.findall(page):
        if "<msqrt" in formula or "<mroot" in formula:
            yield "√"
        for letter in html.unescape(re.sub(r"<[^>]+>", "", formula)):
            yield letter
            yield _italic(letter)


def _italic(letter: str) -> str:
    """The letter that a browser draws for a variable of one letter: MathML Core, section 2.2.1."""
    if letter == "h":
        return "\N{PLANCK CONSTANT}"
    for first, last, start in _ITALIC:
        if first <= letter <= last:
            return chr(start + ord(letter) - ord(first))
    return letter
