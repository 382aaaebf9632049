"""The lengths panel: how short can a feature vector be, and what is left in it?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from operator import eq

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from torch import nn

from gradlab.arguments import one_of
from gradlab.course.data import ImageData
from gradlab.course.lessons.features.curves import draw_lengths
from gradlab.course.lessons.features.lengths import LINEAR, NAMES, Short, shorten
from gradlab.course.lessons.features.picture import draw_back, draw_glyphs, draw_price
from gradlab.course.lessons.features.vectors import Floats, Vectors, distortion
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number, percent

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
PIXELS, NETWORK = "pixels", "feature maps"
_BY = {"pca": "by PCA", "random": "at random", "linear": "by a learned map,"}
_GLYPHS, _PAIRED = 200, 300
"""Vectors that are drawn in the plane, and whose distances to each other are compared."""


def lengths_panel(
    train: ImageData,
    test: ImageData,
    network: nn.Sequential | None = None,
    *,
    k: int = 16,
    by: str = "pca",
) -> LengthsPanel:
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
        by: the map at first: ``"pca"``, ``"random"`` or ``"linear"``, which is learned.

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
    return LengthsPanel(train, test, network, k, by)


@dataclass(frozen=True, eq=False)
class Shown:
    """What the panel shows of the vectors at one length.

    Args:
        short: the vectors, and what is read from them.
        plane: (200, 2): coordinates of some test vectors along the two directions in which the
            short ones differ most, in units of their root mean square length.
        pictures: (10, ...): a test digit of each class, drawn back.
        distances: between these, nine in ten squared distances now are, in units of what they were.
    """

    short: Short
    plane: Floats
    pictures: NDArray[np.float64]
    distances: tuple[float, float]


class LengthsPanel(Panel):
    """See ``lengths_panel``."""

    page_bytes = 600_000  # unit length included, of which the lesson asks

    def __init__(
        self, train: ImageData, test: ImageData, network: nn.Sequential | None, k: int, by: str
    ) -> None:
        self._train, self._test = train, test
        self._long = {PIXELS: Vectors.of(train, test)}
        if network is not None:
            self._long[NETWORK] = Vectors.of(train, test, network)
        self._vectors, self._full, self._family = (
            cache(self._of),
            cache(self._whole),
            cache(self._by_length),
        )
        labels = test.labels.tolist()
        self._digits = [labels.index(digit) for digit in range(10)]
        self._some = np.linspace(0, len(labels) - 1, _GLYPHS).round().astype(int)

        self.k = ipywidgets.SelectionSlider(
            options=[(str(n), n) for n in LENGTHS], value=k, description="k", layout=_WIDE
        )
        self.by = ipywidgets.Dropdown(
            options=[(NAMES[name], name) for name in LINEAR],
            value=by,
            description="map",
            layout=_NARROW,
        )
        self.of = ipywidgets.Dropdown(
            options=list(self._long), description="features", layout=_NARROW
        )
        self.unit = ipywidgets.Checkbox(description="unit length", indent=False, layout=_NARROW)
        super().__init__([self.k, self.by, self.of, self.unit], self._picture())

    @property
    def page_controls(self) -> tuple[ipywidgets.Widget, ...]:
        """All but the features: other maps of those take minutes to learn."""
        return self.k, self.by, self.unit

    def _picture(self) -> LivePicture:
        figure, axes = subplots(9.5, 6, nrows=2, ncols=2, width_ratios=(3, 2), height_ratios=(5, 2))
        lengths, plane, pictures, cost = axes
        side = self._test.images.shape[-1]
        self.lengths = draw_lengths(lengths, (*LENGTHS, side * side))
        self.glyphs = draw_glyphs(plane)
        self.drawn = draw_back(pictures, self._test.images[self._digits].mean(1))
        self.price = draw_price(cost, ("parameters", "training time"))
        moved = self.lengths, self.glyphs, self.drawn, self.price
        return LivePicture(figure, [artist for some in moved for artist in some.artists])

    def _of(self, of: str, unit: bool) -> Vectors:
        return self._long[of].unit_length() if unit else self._long[of]

    def _whole(self, of: str, unit: bool) -> Short:
        vectors = self._vectors(of, unit)
        return shorten(vectors, "none", vectors.train.shape[1])

    def _by_length(self, of: str, unit: bool, by: str) -> tuple[Shown, ...]:
        """The vectors at every length of the slider."""
        vectors = self._vectors(of, unit)
        return tuple(self._seen(vectors, shorten(vectors, by, k)) for k in LENGTHS)

    def _seen(self, vectors: Vectors, short: Short) -> Shown:
        from gradlab.course.lessons.features.reading import guess

        pictures = self._train.images.flatten(1).numpy()
        drawn = guess(short.train, pictures, short.test[self._digits])
        some = np.linspace(0, len(short.test) - 1, min(_PAIRED, len(short.test))).astype(int)
        low, high = np.quantile(distortion(vectors.test[some], short.test[some]), (0.05, 0.95))
        return Shown(
            short,
            _plane(short.test)[self._some],
            drawn.reshape(-1, *self._test.images.shape[1:]).mean(1),
            (float(low), float(high)),
        )

    def show(self) -> str:
        """Look up the vectors at the slider's length."""
        of, unit, by = self.of.value, self.unit.value, self.by.value
        full, place = self._full(of, unit), LENGTHS.index(self.k.value)
        family = self._family(of, unit, by)
        curves = [*(shown.short for shown in family), full]
        self.lengths.move(
            [short.k for short in curves],
            [short.accuracy for short in curves],
            [short.explained for short in curves],
            place,
        )
        shown, short = family[place], curves[place]
        self.glyphs.move(shown.plane, self._test.labels[self._some])
        named = short.named[self._digits].tolist()
        right = [*map(eq, named, range(10))]
        self.drawn.move(shown.pictures, [str(digit) for digit in named], right)
        ratios = _ratios(short, full)
        self.price.move(*ratios)
        cost = _cost_in_words(*ratios)
        return f"{self._in_words(short, full)} {cost}{self._distances(shown)}"

    def _in_words(self, short: Short, full: Short) -> str:
        how = "of unit length, " if self.unit.value else ""
        return (
            f"{short.k} of {full.k} numbers (1 : {number(full.k / short.k)}), {how}"
            f"{_BY[self.by.value]} from {self.of.value}: "
            f"{percent(short.accuracy)} of {len(self._test):,} test digits are named rightly; "
            f"from all numbers {percent(full.accuracy)}. Variance explained: "
            f"{percent(short.explained)}."
        )

    def _distances(self, shown: Shown) -> str:
        """What became of distances; a learned map has a scale of its own, so it says nothing."""
        if self.by.value == "linear":
            return ""
        low, high = shown.distances
        compared = min(_PAIRED, len(self._test))
        said = (
            f" Of the squared distances between {compared} test digits, nine in ten are now "
            f"{low:.2f} to {high:.2f} of what they were."
        )
        if self.by.value == "random":
            from sklearn.random_projection import johnson_lindenstrauss_min_dim

            enough = johnson_lindenstrauss_min_dim(compared, eps=0.5)
            said += (
                f" Johnson and Lindenstrauss: from k = {enough}, some map keeps all to 0.5 to 1.5."
            )
        return said


_WIDE, _NARROW = {"width": "380px"}, {"width": "200px"}


def _plane(vectors: Floats) -> Floats:
    from sklearn.decomposition import PCA

    plane = PCA(min(2, vectors.shape[1])).fit_transform(vectors)
    plane = plane / np.sqrt(np.square(plane).sum(1).mean())
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))


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
