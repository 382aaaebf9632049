"""The dimensions panel: how far can clipping by value turn n numbers, and how far does it?"""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import numpy as np
import torch
from torch import Tensor

from gradlab.arguments import whole
from gradlab.course.lessons.plane.dimensions import (
    Floats,
    of_random,
    of_signs,
    shuffled,
    smallest,
)
from gradlab.course.lessons.plane.picture import draw_turns
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number

ORDERS = 6


def dimensions_panel(gradient: Tensor | Mapping[str, Tensor], *, n: int = 2) -> Dimensions:
    """A panel that takes n numbers of a gradient, leaves only their signs, and measures the turn.

    That is clipping by value as its threshold goes to zero. Beside it the farthest that n numbers
    can be turned, ``arccos(1 / √n)``: 45 degrees for two; and a random direction, which knows
    nothing.

    Args:
        gradient: a tensor, or one for each parameter; finite, two numbers or more.
        n: how many are taken at first, 2 or more; the nearest that the slider knows.

    Raises:
        ValueError: the gradient has fewer than two numbers, or one that is not finite; n is below
            2.

    Note:
        The n numbers are drawn at random, so that few of them rarely hold the largest. With another
        draw the curve begins elsewhere, and it ends in the same place.
    """
    whole("n", n, 2)
    parts = gradient.values() if isinstance(gradient, Mapping) else [gradient]
    flat = torch.cat([part.detach().flatten().cpu() for part in parts])
    if flat.numel() < 2 or not flat.isfinite().all():
        raise ValueError(
            f"gradient must hold two finite numbers or more, got {flat.numel()}, "
            f"of which {int(flat.isfinite().sum())} are finite"
        )
    return Dimensions(flat, n)


class Dimensions(Panel):
    """See ``dimensions_panel``."""

    def __init__(self, gradient: Tensor, n: int) -> None:
        total = gradient.numel()
        self.sizes = np.unique(np.geomspace(2, total, 60).round().astype(int))
        self.cosines = np.stack(
            [of_signs(shuffled(gradient, seed), self.sizes) for seed in range(ORDERS)]
        )
        nearest = int(np.abs(np.log(self.sizes / n)).argmin())
        wide = {"layout": {"width": "420px"}, "style": {"description_width": "90px"}}
        self.n = ipywidgets.SelectionSlider(
            options=[(f"{size:,}", int(size)) for size in self.sizes],
            index=nearest,
            description="numbers",
            **wide,
        )
        self.draw = ipywidgets.IntSlider(0, 0, ORDERS - 1, description="draw", **wide)
        super().__init__([self.n, self.draw], self._picture())

    def _picture(self) -> LivePicture:
        figure, (axes,) = subplots(8.4, 4)
        self.turns = draw_turns(
            axes,
            self.sizes,
            others=_degrees(self.cosines),
            farthest=_degrees(smallest(self.sizes)),
            random=_degrees(of_random(self.sizes)),
        )
        return LivePicture(figure, self.turns.artists)

    def show(self) -> str:
        """Mark n on the curve of this draw."""
        place, draw = self.n.index, self.draw.value
        n, cosine = self.sizes[place], float(self.cosines[draw, place])
        self.turns.move(_degrees(self.cosines[draw]), place)
        least, chance = float(smallest(n)), float(of_random(n))
        most = f"{_degrees(least):.1f}° (cosine 1/√n = {number(least)})"
        return (
            f"{n:,} of the {self.sizes[-1]:,} numbers: to leave only their signs turns them by "
            f"{_degrees(cosine):.1f}° (cosine {cosine:.3f}). {n:,} numbers can be turned by up to "
            f"{most}. A random direction is typically at {_degrees(chance):.1f}° "
            f"(cosine {number(chance)})."
        )


def _degrees(cosine: Floats | float) -> Floats:
    degrees: Floats = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return degrees
