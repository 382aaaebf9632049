"""The letters of the pictures: those that occur, from the font that matplotlib brings."""

from __future__ import annotations

import io
from collections.abc import Iterable

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties, findfont


def subset(texts: Iterable[str]) -> bytes:
    """DejaVu Sans with the letters of some texts, as a WOFF file."""
    font = TTFont(findfont(FontProperties(family="DejaVu Sans")))
    options = Options()
    options.flavor = "woff"
    options.drop_tables += ["FFTM"]  # when it was made, which no subset keeps
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(set().union(*map(set, texts))))
    subsetter.subset(font)
    font.flavor = "woff"
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()
