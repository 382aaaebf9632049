"""A figure as SVG: what stands still once, and each artist that moves as a fragment of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from gradlab.draw.figure import parts, settle
from gradlab.draw.svg import Fragments

POINTS = 72
"""Units per inch of the fragments' coordinates."""
_NAMED = re.compile(r'(\bid="|href="#|url\(#)([^")]+)')


Known = dict[Artist, str]
"""The fragments of earlier calls, which have this one draw less. Nothing else may have drawn the
artists since, for matplotlib forgets with each drawing what was changed."""


def still(figure: Figure, known: Known) -> list[str]:
    """What does not move (artists that are not ``animated``), from back to front.

    Returns:
        The ground, with the frames that the other fragments are cut to; each of the axes; the rest.
    """
    others = [each for each in figure.get_children() if each not in (figure.patch, *figure.axes)]
    with _on_paper(figure):
        changed = [axes for axes in figure.axes if axes not in known or axes.stale]
        for axes in changed:  # and not all: it makes each stale
            axes.apply_aspect()
        fragments = Fragments(figure)
        for axes in changed:
            settle(axes)
            known[axes] = fragments.of([axes])
        ground, rest = fragments.ground(figure.patch), fragments.of(others)
    return [ground, *(known[axes] for axes in figure.axes), rest]


def moving(figure: Figure, artists: Sequence[Artist], known: Known) -> list[str]:
    """Each of some artists of the figure, from back to front; empty where it cannot be seen."""
    with _on_paper(figure):
        fragments = Fragments(figure)
        for each in artists:
            if each.get_visible() and (each not in known or _changed(each)):
                known[each] = fragments.of([each])
    return [known[each] if each.get_visible() else "" for each in artists]


def renamed(fragment: str, new: Callable[[str], str]) -> str:
    """The fragment with other names for its parts, where they are defined and where they are used.

    Args:
        fragment: SVG.
        new: from a name to another one.
    """
    return _NAMED.sub(lambda each: each[1] + new(each[2]), fragment)


def place(artist: Artist, x: float, y: float) -> tuple[float, float]:
    """Where a point of the data of an artist's axes stands, in the units of the fragments."""
    assert artist.axes is not None
    figure = artist.axes.figure
    across, up = artist.axes.transData.transform((x, y)) * POINTS / figure.dpi
    return round(float(across), 2), round(float(figure.bbox.height * POINTS / figure.dpi - up), 2)


@contextmanager
def _on_paper(figure: Figure) -> Iterator[None]:
    dots = figure.get_dpi()
    figure.set_dpi(POINTS)
    try:
        yield
    finally:
        figure.set_dpi(dots)


def _changed(artist: Artist) -> bool:
    """Whether it may look otherwise than when it was drawn last."""
    if isinstance(artist, Annotation):  # its ``xy`` is a plain attribute
        return True
    return any(part.stale for child in artist.findobj(Artist) for part in parts(child))
