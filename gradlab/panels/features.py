"""The features panel: how short can a feature vector be, and what is left in it?"""

from __future__ import annotations

from functools import cache
from operator import eq

import ipywidgets
import numpy as np
from torch import nn

from gradlab import compress
from gradlab.arguments import one_of
from gradlab.compress import LINEAR, Short, Vectors
from gradlab.compress.short import PAIRED
from gradlab.data import ImageData
from gradlab.draw.features import draw_back, draw_glyphs, draw_price
from gradlab.draw.lengths import draw_lengths
from gradlab.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number, percent

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
_GLYPHS = 200
PIXELS, NETWORK = "pixels", "feature maps"
_BY = {"PCA": "by PCA", "random": "at random", "learned": "by a learned map,"}


def features(
    train: ImageData,
    test: ImageData,
    network: nn.Sequential | None = None,
    *,
    k: int = 16,
    by: str = "PCA",
) -> Features:
    """A panel that shortens the feature vectors of digits to k numbers, and reads what is left.

    Top left, the fraction of test digits that softmax regression names rightly, and the share of
    the variance that the k numbers explain. Top right, the short vectors themselves. Below left,
    digits drawn back from the k numbers: the best linear guess at their pixels. Below right, what
    the classifier costs, without and with the map.

    Everything is computed here. The first time that a map is chosen all lengths are made, which
    takes some seconds; after that, sliding only looks up.

    Args:
        train: pictures to learn from, of ten classes.
        test: pictures to test with.
        network: with a layer ``"flatten"``; its feature maps are vectors too. None: pixels only.
        k: numbers that are left at first: a power of two up to 128.
        by: the map at first: ``"PCA"``, ``"random"`` or ``"learned"``.

    Raises:
        ValueError: ``k`` or ``by`` is none of these, the pictures do not have ten classes, have
            128 pixels or fewer, or are too few; or the network has no such layer.

    Note:
        One seed, one split: half a point more or less means nothing here. And "drawn back" shows
        what a linear map can see in the short vector; a deeper decoder may see more.
    """
    one_of("k", k, LENGTHS)
    one_of("by", by, LINEAR)
    if len(train.classes) != 10 or train.images[0].numel() <= LENGTHS[-1]:
        raise ValueError(
            f"train must hold ten classes of pictures of more than {LENGTHS[-1]} numbers, got "
            f"{len(train.classes)} of {train.images[0].numel()}"
        )
    if len(train) <= train.images[0].numel():
        raise ValueError(
            f"train must hold more pictures than numbers in each, got {len(train)} of "
            f"{train.images[0].numel()}"
        )
    return Features(train, test, network, k, by)


class Features(Panel):
    """See ``features``."""

    def __init__(
        self, train: ImageData, test: ImageData, network: nn.Sequential | None, k: int, by: str
    ) -> None:
        self._train, self._test = train, test
        self._long = {PIXELS: (train.images.flatten(1), test.images.flatten(1))}
        if network is not None:
            first, second = (compress.features(network, part) for part in (train, test))
            self._long[NETWORK] = first, second
        self._short, self._full = cache(self._shortened), cache(self._whole)
        labels = test.labels.tolist()
        self._shown = [labels.index(digit) for digit in range(10)]
        self._spread = np.linspace(0, len(labels) - 1, _GLYPHS).round().astype(int)

        self.k = ipywidgets.SelectionSlider(
            options=[(str(n), n) for n in LENGTHS], value=k, description="k", layout=_WIDE
        )
        self.by = ipywidgets.Dropdown(options=LINEAR, value=by, description="map", layout=_NARROW)
        self.of = ipywidgets.Dropdown(
            options=list(self._long),
            value=next(iter(self._long)),
            description="features",
            layout=_NARROW,
        )
        self.unit = ipywidgets.Checkbox(description="unit length", indent=False, layout=_NARROW)
        super().__init__([self.k, self.by, self.of, self.unit], self._picture())

    def _picture(self) -> LivePicture:
        figure, axes = subplots(9.5, 6, nrows=2, ncols=2, width_ratios=(3, 2), height_ratios=(5, 2))
        lengths, plane, pictures, cost = axes
        side = self._test.images.shape[-1]
        self._lengths = draw_lengths(lengths, (*LENGTHS, side * side))
        self._glyphs = draw_glyphs(plane)
        self._drawn = draw_back(pictures, self._test.images[self._shown].mean(1))
        self._price = draw_price(cost, ("parameters", "training time"))
        moved = self._lengths, self._glyphs, self._drawn, self._price
        return LivePicture(figure, [artist for some in moved for artist in some.artists])

    def _vectors(self, of: str, unit: bool) -> Vectors:
        long = self._long[of]
        train, test = map(compress.unit_length, long) if unit else long
        pictures = self._train.images.flatten(1)
        return Vectors(train, self._train.labels, test, self._test.labels, pictures)

    def _shortened(self, of: str, unit: bool, by: str) -> tuple[Short, ...]:
        return tuple(compress.shorten(self._vectors(of, unit), LENGTHS, by=by))

    def _whole(self, of: str, unit: bool) -> Short:
        vectors = self._vectors(of, unit)
        (whole,) = compress.shorten(vectors, vectors.train.shape[1:], by="random")
        return whole

    def show(self) -> str:
        """Look up the vectors at the slider's length."""
        of, unit = self.of.value, self.unit.value
        full, place = self._full(of, unit), LENGTHS.index(self.k.value)
        family = (*self._short(of, unit, self.by.value), full)
        short = family[place]
        self._lengths.move(
            [each.k for each in family],
            [each.accuracy for each in family],
            [each.explained for each in family],
            place,
        )
        self._glyphs.move(short.plane[self._spread], self._test.labels[self._spread])
        pictures = short.drawn(short.test[self._shown]).unflatten(1, self._test.images.shape[1:])
        named = short.named[self._shown].tolist()
        self._drawn.move(pictures.mean(1), [str(n) for n in named], [*map(eq, named, range(10))])
        ratios = _ratios(short, full)
        self._price.move(*ratios)
        cost = _cost_in_words(*ratios)
        return f"{self._in_words(short, full)} {cost}{_distances(short, self.by.value)}"

    def _in_words(self, short: Short, full: Short) -> str:
        how = "of unit length, " if self.unit.value else ""
        return (
            f"{short.k} of {full.k} numbers (1 : {number(full.k / short.k)}), {how}"
            f"{_BY[self.by.value]} from {self.of.value}: "
            f"{percent(short.accuracy)} of {len(self._test):,} test digits are named rightly; "
            f"from all numbers {percent(full.accuracy)}. Variance explained: "
            f"{percent(short.explained)}."
        )


_WIDE, _NARROW = {"width": "380px"}, {"width": "200px"}


def _ratios(short: Short, full: Short) -> tuple[list[float], list[float]]:
    """Parameters and time of the classifier, without and with the map; 1 is that of all numbers."""
    parameters, seconds = full.classifier_parameters, full.classifier_seconds
    alone = [short.classifier_parameters / parameters, short.classifier_seconds / seconds]
    extra = [short.map_parameters / parameters, short.map_seconds / seconds]
    return alone, [a + b for a, b in zip(alone, extra, strict=True)]


def _cost_in_words(alone: list[float], together: list[float]) -> str:
    return (
        f"Parameters: {number(alone[0])} of those for all numbers, {number(together[0])} with the "
        f"map. Training time: {number(alone[1])}, {number(together[1])} with the map."
    )


def _distances(short: Short, by: str) -> str:
    """What became of distances; a learned map has a scale of its own, so that it says nothing."""
    if by == "learned":
        return ""
    low, high = np.quantile(short.distances, (0.05, 0.95))
    compared = min(PAIRED, len(short.test))
    said = (
        f" Of the squared distances between {compared} test digits, nine in ten are now {low:.2f} "
        f"to {high:.2f} of what they were."
    )
    if by == "random":
        enough = compress.enough(compared, 0.5)
        said += f" Johnson and Lindenstrauss: from k = {enough}, some map keeps all to 0.5 to 1.5."
    return said
