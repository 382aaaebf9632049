"""The lengths panel: how short can a feature vector be, and what is left in it?"""

from __future__ import annotations

from operator import eq

import ipywidgets
from torch import nn

from gradlab.arguments import one_of
from gradlab.course.data import ImageData
from gradlab.course.lessons.features.curves import draw_lengths
from gradlab.course.lessons.features.lengths import LINEAR, NAMES, Short
from gradlab.course.lessons.features.picture import draw_back, draw_glyphs, draw_price
from gradlab.course.lessons.features.shortened import LENGTHS, PAIRED, Shortened, Shown
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, number, percent

_BY = {"pca": "by PCA", "random": "at random", "linear": "by a learned map,"}


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
    takes some seconds; after that, sliding only looks up, here and in what ``again`` makes.

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
    _check(k, by)
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
    return LengthsPanel(Shortened(train, test, network), k, by)


def _check(k: int, by: str) -> None:
    one_of("k", k, LENGTHS)
    one_of("by", by, LINEAR)


class LengthsPanel(Panel):
    """See ``lengths_panel``."""

    page_bytes = 650_000  # unit length included, of which the lesson asks

    def __init__(self, digits: Shortened, k: int, by: str) -> None:
        self._digits = digits
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
            options=list(digits.long), description="features", layout=_NARROW
        )
        self.unit = ipywidgets.Checkbox(description="unit length", indent=False, layout=_NARROW)
        super().__init__([self.k, self.by, self.of, self.unit], self._picture())

    def again(self, *, k: int = 16, by: str = "pca") -> LengthsPanel:
        """Another panel on the same digits; what one of the two has computed, the other knows.

        Raises:
            ValueError: as ``lengths_panel``.
        """
        _check(k, by)
        return LengthsPanel(self._digits, k, by)

    @property
    def page_controls(self) -> tuple[ipywidgets.Widget, ...]:
        """All but the features: other maps of those take minutes to learn."""
        return self.k, self.by, self.unit

    def _picture(self) -> LivePicture:
        figure, axes = subplots(9.5, 6, nrows=2, ncols=2, width_ratios=(3, 2), height_ratios=(5, 2))
        lengths, plane, pictures, cost = axes
        side = self._digits.test.images.shape[-1]
        self.lengths = draw_lengths(lengths, (*LENGTHS, side * side))
        self.glyphs = draw_glyphs(plane)
        self.drawn = draw_back(pictures, self._digits.test.images[self._digits.places].mean(1))
        self.price = draw_price(cost, ("parameters", "training time"))
        moved = self.lengths, self.glyphs, self.drawn, self.price
        return LivePicture(figure, [artist for some in moved for artist in some.artists])

    def show(self) -> str:
        """Look up the vectors at the slider's length."""
        of, unit, by = self.of.value, self.unit.value, self.by.value
        full, place = self._digits.full(of, unit), LENGTHS.index(self.k.value)
        family = self._digits.family(of, unit, by)
        curves = [*(shown.short for shown in family), full]
        self.lengths.move(
            [short.k for short in curves],
            [short.accuracy for short in curves],
            [short.explained for short in curves],
            place,
        )
        shown, short = family[place], curves[place]
        self.glyphs.move(shown.plane, self._digits.test.labels[self._digits.some])
        named = short.named[self._digits.places].tolist()
        right = [*map(eq, named, range(10))]
        self.drawn.move(shown.pictures, [str(digit) for digit in named], right)
        ratios = _ratios(short, full)
        self.price.move(*ratios)
        cost = _cost_in_words(*ratios)
        return f"{self._in_words(short, full)} {cost}{self._distances(shown)}"

    def _in_words(self, short: Short, full: Short) -> str:
        how = "of unit length, " if self.unit.value else ""
        tested = f"{len(self._digits.test):,} test digits"
        return (
            f"{short.k} of {full.k} numbers (1 : {number(full.k / short.k)}), {how}"
            f"{_BY[self.by.value]} from {self.of.value}: "
            f"{percent(short.accuracy)} of {tested} are named rightly; "
            f"from all numbers {percent(full.accuracy)}. Variance explained: "
            f"{percent(short.explained)}."
        )

    def _distances(self, shown: Shown) -> str:
        """What became of distances; a learned map has a scale of its own, so it says nothing."""
        if self.by.value == "linear":
            return ""
        low, high = shown.distances
        compared = min(PAIRED, len(self._digits.test))
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
