"""The panel of what a detector sees: its boxes, and what two thresholds make of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from torch import nn

from gradlab.arguments import one_of, whole
from gradlab.course.data import Composites
from gradlab.course.lessons.detection.candidates import Candidates, propose, suppressed
from gradlab.course.lessons.detection.picture import beside, draw_curve, draw_cuts, draw_view
from gradlab.course.lessons.detection.scores import Ranked, ranked
from gradlab.panels.live import LivePicture
from gradlab.panels.panel import Panel, counted

SCORES = tuple(round(0.02 + 0.02 * k, 2) for k in range(49))  # 0.02 ... 0.98
OVERLAPS = tuple(round(0.05 * k, 2) for k in range(1, 21))  # 0.05 ... 1
HARD, SOFT = "NMS", "Soft-NMS"
_SHOWN = 6  # pictures of a set that can be looked at


def sees_panel(
    model: nn.Module,
    sets: Mapping[str, Composites],
    *,
    picture: int = 0,
    score: float = 0.3,
    overlap: float = 0.5,
) -> Sees:
    """A panel of what a detector sees, with its two thresholds on sliders.

    Left a picture with boxes; right precision against recall over the whole set that the picture
    is from, and average precision and F1 at every score threshold. The detector looks once; the
    sliders ask what it has proposed.

    Args:
        model: from ``models.detector``.
        sets: pictures with the boxes of their faces, by name; six of each can be looked at.
        picture: which of them to begin with, counted from 0.
        score: to begin with, a multiple of 0.02 up to 0.98.
        overlap: IoU to begin with, a multiple of 0.05 up to 1.

    Raises:
        ValueError: there are no sets, or one has no pictures, or no such picture, score or
            overlap.

    Note:
        A box is right if it overlaps a face by half (IoU), and is the first to do so. In a set of
        one picture the curve says little.
    """
    if not sets or not all(map(len, sets.values())):
        raise ValueError(f"sets must hold pictures, got { ({n: len(s) for n, s in sets.items()}) }")
    one_of("score", score, SCORES)
    one_of("overlap", overlap, OVERLAPS)
    return Sees(model, dict(sets), picture, score, overlap)


class Sees(Panel):
    """See ``sees_panel``. ``proposed`` holds the candidates of every picture, by set."""

    def __init__(
        self,
        model: nn.Module,
        sets: dict[str, Composites],
        picture: int,
        score: float,
        overlap: float,
    ) -> None:
        self.sets = sets
        self.proposed = {name: propose(model, some.images) for name, some in sets.items()}
        self._kept, self._ranked = cache(self._keep), cache(self._rank)
        self._curves = cache(self._cut_all)
        places = [
            (f"{name} {k + 1}" if len(some) > 1 else name, (name, k))
            for name, some in sets.items()
            for k in range(min(_SHOWN, len(some)))
        ]
        whole("picture", picture, 0, len(places) - 1)
        self.which = ipywidgets.Dropdown(
            options=places, value=places[picture][1], description="picture", layout=_NARROW
        )
        self.score = ipywidgets.SelectionSlider(
            options=[(f"{s:.2f}", s) for s in SCORES],
            value=score,
            description="score",
            layout=_WIDE,
        )
        self.overlap = ipywidgets.SelectionSlider(
            options=[(f"{o:.2f}", o) for o in OVERLAPS],
            value=overlap,
            description="IoU",
            layout=_WIDE,
        )
        self.by = ipywidgets.Dropdown(options=(HARD, SOFT), description="by", layout=_NARROW)
        controls = [self.which, self.score, self.overlap, self.by]
        super().__init__(controls, self._picture())

    @property
    def found(self) -> Ranked:
        """Precision and recall over the set of the picture, as the controls stand."""
        return self._ranked(*self._asked())

    def average_precision(self, name: str, by: str = HARD, overlap: float = 0.5) -> float:
        """AP50 over a set, suppressed by ``"NMS"`` at an overlap, or by ``"Soft-NMS"``."""
        return self._ranked(name, by, overlap).average_precision()

    def _asked(self) -> tuple[str, str, float]:
        """The set, how boxes are suppressed, and at which overlap."""
        soft = self.by.value == SOFT
        return self.which.value[0], self.by.value, 1.0 if soft else self.overlap.value

    def _picture(self) -> LivePicture:
        figure, (left, right, low) = beside(9.4, 5, 1.25)
        self.view, self.curve, self.cuts = draw_view(left), draw_curve(right), draw_cuts(low)
        moved = self.view, self.curve, self.cuts
        return LivePicture(figure, [artist for some in moved for artist in some.artists])

    def _keep(self, name: str, by: str, overlap: float) -> list[Candidates]:
        if by == SOFT:
            kept = [one.softened() for one in self.proposed[name]]
        else:
            kept = suppressed(self.proposed[name], overlap)
        return [one.counted for one in kept]

    def _rank(self, name: str, by: str, overlap: float) -> Ranked:
        return ranked(self._kept(name, by, overlap), self.sets[name].boxes)

    def _cut_all(self, name: str, by: str, overlap: float) -> NDArray[np.float64]:
        """AP and F1 at every score threshold: (2, scores)."""
        found = self._ranked(name, by, overlap)
        return np.array([(found.average_precision(s), found.at(s)[2]) for s in SCORES]).T

    def show(self) -> str:
        """Keep what the sliders keep."""
        name, place = self.which.value
        score, by = self.score.value, self.by.value
        self.overlap.disabled = by == SOFT
        asked = self._asked()
        found, curves = self.found, self._curves(*asked)
        kept = self._kept(*asked)[place]
        here, truth = kept.above(score), self.sets[name].boxes[place]
        alone = ranked([here], [truth])
        self.view.move(
            self.sets[name].images[place, 0].numpy(),
            truth.numpy(),
            here.boxes.numpy(),
            here.scores.tolist(),
            alone.right,
            self.proposed[name][place].above(score).boxes.numpy(),
        )
        self.curve.move(found.recall, found.precision, found.count(score))
        self.cuts.move(SCORES, curves[0], curves[1], score)
        precision, recall, f1 = found.at(score)
        proposed = len(self.proposed[name][place].above(score))
        how = "lowered by Soft-NMS" if by == SOFT else f"left by NMS at {asked[2]:g}"
        return (
            f"This picture: {counted(proposed, 'candidate')} with a score of {score:g} or more; "
            f"{len(here)} {how}; "
            f"{int(alone.right.sum())} of {len(truth)} faces found, "
            f"{counted(int((~alone.right).sum()), 'false alarm')}. "
            f"The set ({counted(len(self.sets[name]), 'picture')}): "
            f"precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.3f}, AP50 "
            f"{found.average_precision(score):.3f} with this threshold, "
            f"{found.average_precision():.3f} without."
        )


_WIDE, _NARROW = {"width": "330px"}, {"width": "220px"}
