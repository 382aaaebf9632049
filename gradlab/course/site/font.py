"""The letters of pictures and formulas: those that occur, from fonts that Python packages bring."""

from __future__ import annotations

import io
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from matplotlib import get_data_path

_DEJAVU = Path(get_data_path(), "fonts", "ttf")
PICTURES, BOLD = _DEJAVU / "DejaVuSans.ttf", _DEJAVU / "DejaVuSans-Bold.ttf"
FORMULAS = Path(str(distribution("ziamath").locate_file("ziamath/fonts/STIXTwoMath-Regular.ttf")))


def subset(path: Path, texts: Iterable[str]) -> bytes:
    """The font in a file with the letters of some texts only, as a WOFF file."""
    font = TTFont(path)
    options = Options()
    options.flavor = "woff"
    options.drop_tables += ["FFTM"]  # when it was made, which no subset keeps
    options.layout_features += ["ssty"]  # letters that are drawn to be small
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(set().union(*map(set, texts))))
    subsetter.subset(font)
    font.flavor = "woff"
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()
