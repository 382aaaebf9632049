"""The figure: what a rule would have done to a recorded run, on a page or in a column."""

from __future__ import annotations

import io
import os
from math import isfinite
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from gradlab.arguments import one_of
from gradlab.clip import ByNorm, Rule
from gradlab.draw.figure import StyledAxes, blank_figure, settle
from gradlab.draw.recorded import draw_recorded
from gradlab.recording import Recording
from gradlab.recording.compared import compared, own, threshold
from gradlab.recording.ranks import writes
from gradlab.report.below import below

Width = Literal["column", "page"]

_PLACES = ("course", "firing", "layers", "coefficients")
_LAYOUTS: dict[str, Any] = {
    "column": {
        "figsize": (3.4, 5.6),  # inches
        "mosaic": [["course"] * 2, ["layers"] * 2, ["firing", "coefficients"]],
        "height_ratios": (1, 1.6, 1),
    },
    "page": {
        "figsize": (7.0, 4.9),
        "mosaic": [["course", "firing"], ["layers", "coefficients"]],
        "width_ratios": (3, 1),
        "height_ratios": (1, 1.3),
    },
}
_SCALES = {"column": 0.65, "page": 0.75}
_LETTERS = {"column": 66, "page": 116}  # of a line below
_METADATA: dict[str, Any] = {".pdf": {"CreationDate": None}, ".png": {}}


def figure(recording: Recording, *, clip: Rule | None = None, width: Width = "page") -> Figure:
    """A figure of a recorded run: what a rule would have clipped, how often, and in which layers.

    It shows what ``panels.threshold(recording)`` shows, at the size of a paper.

    Args:
        recording: of a run with a gradient that is finite and not zero.
        clip: the rule to show, such as ``ByNorm``, ``PerLayer`` or ``ByValue``; None: the run's
            own, where it was one of these, else ``ByNorm`` that clips a tenth of the steps.
        width: "column", 3.4 inches, or "page", 7 inches.

    Returns:
        A matplotlib figure that pyplot does not know of: nothing is left open.

    Raises:
        ValueError: ``width`` is unknown, or there is nothing to show.
        TypeError: ``clip`` is of another kind: its threshold moves with the run, say.

    Note:
        What the rule would have done is a counterfactual about the recorded gradients: with another
        threshold the run would have gone elsewhere. A caption should say so. A line below the axes
        says what ``table`` says below its rows.
    """
    one_of("width", width, _LAYOUTS)
    norms = compared(recording, ByNorm)
    if not norms.positive.size:
        raise ValueError("the recording must hold a gradient that is finite and not zero")
    clip = clip or own(recording) or ByNorm(norms.guard)
    against = compared(recording, clip)
    if not against.positive.size:
        raise ValueError(f"clip must need no histograms, as there are none, got {clip!r}")
    value = clip.bound
    would = recording.what_if(clip)
    page, axes = _page(width)
    places = [axes[place] for place in _PLACES]
    drawn = draw_recorded(places, recording, key=2 if width == "column" else 4)
    was = threshold(recording, type(clip))
    spans = [against.span, *((at / 2, 2 * at) for at in (value, was) if at and isfinite(at))]
    span = min(low for low, _ in spans), max(high for _, high in spans)
    drawn.measure(against, span, was)
    label = f"{value:.3g}\n{100 * would.fraction:.3g} %"
    drawn.move(value, label, would, by_layer=clip.part == "layer")
    if width == "column":
        axes["firing"].tick_params(labelleft=True, labelbottom=True)
        axes["firing"].set(xlabel="share of the steps (%)", ylabel=clip.bound_name)
    if said := below(recording, sampled=would.stride > 1):
        page.supxlabel(fill(said, _LETTERS[width]), x=0.01, ha="left", fontsize=9)
    _shrink(page, _SCALES[width])
    settle(page)
    return page


def save(
    recording: Recording,
    path: str | os.PathLike[str],
    *,
    clip: Rule | None = None,
    width: Width = "page",
) -> Path:
    """The path of the figure, written as PDF or PNG, as its suffix says.

    Text in a PDF is text in TrueType fonts, as journals ask for; a PNG has 300 pixels to the inch.
    The same recording makes the same file. It is complete or it is not there: an older one is
    replaced at the very end. Of several ranks, rank 0 writes.

    Args:
        recording: as for ``figure``.
        path: ends in ``.pdf`` or ``.png``; its folder exists.
        clip: as for ``figure``.
        width: as for ``figure``.

    Raises:
        ValueError: the suffix is another, or ``figure`` refuses.
        FileNotFoundError: the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in _METADATA:
        raise ValueError(f"path must end in .pdf or .png, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in a folder that exists, got {str(path)!r}")
    if not writes():
        return path
    kind, file = path.suffix.lower(), io.BytesIO()
    _write(figure(recording, clip=clip, width=width), file, kind)
    half = path.with_name(f".{path.name}.part")
    try:
        half.write_bytes(file.getvalue())
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
    return path


def _write(page: Figure, file: io.BytesIO, kind: str) -> None:
    page.set_dpi(300)
    if kind == ".png":
        FigureCanvasAgg(page).print_png(file, metadata=_METADATA[kind])
        return
    # The kind of fonts is the one thing that matplotlib lets nobody say but its global rcParams.
    # No more than this key is written, and put back: `rc_context` would put back all of them, and
    # so undo what another thread has set meanwhile.
    before = mpl.rcParams["pdf.fonttype"]
    mpl.rcParams["pdf.fonttype"] = 42  # TrueType
    try:
        FigureCanvasPdf(page).print_pdf(file, metadata=_METADATA[kind])
    finally:
        mpl.rcParams["pdf.fonttype"] = before


def _page(width: Width) -> tuple[Figure, dict[str, Axes]]:
    layout = dict(_LAYOUTS[width])
    page = blank_figure(*layout.pop("figsize"))
    return page, page.subplot_mosaic(subplot_kw={"axes_class": StyledAxes}, **layout)


def _shrink(page: Figure, scale: float) -> None:
    """What is legible on a screen is too large for a paper."""
    for text in page.findobj(Text):
        text.set_fontsize(scale * float(text.get_fontsize()))
    for line in page.findobj(Line2D):
        line.set_linewidth(scale * line.get_linewidth())
        line.set_markersize(scale * line.get_markersize())
    for axes in page.axes:
        axes.tick_params(labelsize=9 * scale)
