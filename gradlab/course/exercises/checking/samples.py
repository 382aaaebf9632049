"""Inputs for exercises on other things than a gradient: runs and their accuracies, pictures, boxes.

Hypothesis strategies, as in ``cases``: small numbers, flat, made once.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from gradlab.course.exercises.checking.cases import (
    NETWORKS,
    SHAPES,
    micro_gradients,
    norms,
    one_of,
    shaped,
    thresholds,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@cache
def regressions() -> "SearchStrategy[tuple[Any, ...]]":
    """The weight of a linear model, some zero, with inputs and targets; some it fits exactly."""
    from hypothesis import strategies as st

    def fit(drawn: tuple[list[torch.Tensor], bool]) -> tuple[torch.Tensor, ...]:
        (weight, inputs, targets), fits = drawn
        weight = torch.where(weight.abs() > 3, weight, 0.0)
        return weight, inputs, inputs @ weight if fits else targets

    shapes = [((n,), (rows, n), (rows,)) for n in (1, 2) for rows in (1, 2, 3)]
    return st.tuples(st.one_of([shaped(*each) for each in shapes]), st.booleans()).map(fit)


@cache
def schedules() -> "SearchStrategy[tuple[Any, ...]]":
    """A step, the first and the last step of a schedule, and an amount."""
    from hypothesis import strategies as st

    numbers = st.tuples(st.integers(0, 12), st.integers(0, 4), st.integers(1, 8))
    return st.tuples(numbers, one_of(0.5, 1.0, 0.25, 0.9)).map(
        lambda drawn: (drawn[0][0], drawn[0][1], drawn[0][1] + drawn[0][2], drawn[1])
    )


@cache
def accuracies() -> "SearchStrategy[tuple[Any, ...]]":
    """Accuracies on three sets of images, for the same two to four models, and a tolerance."""
    from hypothesis import strategies as st

    def eighths(drawn: tuple[list[tuple[int, int, int]], float]) -> tuple[Any, ...]:
        return (*torch.tensor(drawn[0], dtype=torch.float32, device="cpu").T.div(8), drawn[1])

    models = st.lists(st.tuples(*[st.integers(0, 8)] * 3), min_size=2, max_size=4)
    return st.tuples(models, one_of(0.0, 0.125, 0.25)).map(eighths)


@cache
def tried_thresholds() -> "SearchStrategy[tuple[Any, ...]]":
    """Two to five thresholds in any order, and shares that fall through a half as they grow."""
    from hypothesis import strategies as st

    def tried(drawn: tuple[list[int], int]) -> tuple[torch.Tensor, torch.Tensor]:
        places, above = drawn
        ranks = [sorted(places).index(place) for place in places]
        above = 1 + above % (len(places) - 1)
        thresholds = torch.tensor([2.0**place for place in places], device="cpu")
        shares = [1 - 0.1 * k if k < above else 0.5 - 0.1 * (k - above) for k in ranks]
        return thresholds, torch.tensor(shares, device="cpu")

    several = st.lists(st.integers(-3, 6), min_size=2, max_size=5, unique=True)
    return st.tuples(several, st.integers(0, 3)).map(tried)


@cache
def clipped_runs() -> "SearchStrategy[tuple[Any, ...]]":
    """A learning rate, a threshold, and the norms of one to six gradients, all above zero."""
    from hypothesis import strategies as st

    positive = norms().map(lambda drawn: drawn + 0.5)
    return st.tuples(one_of(1.0, 0.1, 0.5), thresholds(), positive)


@cache
def paired_seeds() -> "SearchStrategy[tuple[Any, ...]]":
    """Two tensors of five accuracies; sometimes the second is the first, shifted."""
    from hypothesis import strategies as st

    def pair(drawn: tuple[tuple[int, ...], tuple[int, ...], bool]) -> tuple[torch.Tensor, ...]:
        first, second, shifted = drawn
        ours = torch.tensor(first, dtype=torch.float32, device="cpu") / 16
        theirs = torch.tensor(second, dtype=torch.float32, device="cpu") / 16
        return ours, ours - second[0] / 16 if shifted else theirs

    five = st.tuples(*[st.integers(0, 16)] * 5)
    return st.tuples(five, five, st.booleans()).map(pair)


@cache
def two_sides() -> "SearchStrategy[tuple[Any, ...]]":
    """Accuracies (rates, seeds) of two sides on two sets of pictures; no two rates tie."""
    from hypothesis import strategies as st

    def sides(drawn: tuple[int, tuple[int, ...]]) -> tuple[Any, ...]:
        rates, sixteenths = drawn
        flat = torch.tensor(sixteenths, dtype=torch.float32, device="cpu") / 16
        four = flat[: 8 * rates].reshape(4, rates, 2)
        return (four[0].clone(), four[1].clone()), (four[2].clone(), four[3].clone())

    def decided(sides: tuple[Any, ...]) -> bool:
        means = [side.mean(1).tolist() for pair in sides for side in pair]
        return all(len(set(each)) == len(each) for each in means)

    drawn = st.tuples(st.integers(2, 3), st.tuples(*[st.integers(0, 16)] * 24))
    return drawn.map(sides).filter(decided)


@cache
def averaged() -> "SearchStrategy[tuple[Any, ...]]":
    """Averages, the weights of a network of the same shapes, sometimes equal, and a decay."""
    from hypothesis import strategies as st

    def halves(drawn: tuple[list[torch.Tensor], bool, float]) -> tuple[Any, ...]:
        tensors, equal, decay = drawn
        first, second = tensors[: len(tensors) // 2], tensors[len(tensors) // 2 :]
        return first, [t.clone() for t in first] if equal else second, decay

    pairs = st.one_of([shaped(*shapes, *shapes) for shapes in NETWORKS])
    decays = one_of(0.5, 0.75, 0.9, 1.0)
    return st.tuples(pairs, st.booleans(), decays).map(halves)


@cache
def started() -> "SearchStrategy[tuple[Any, ...]]":
    """An average, where it began, some zero, some still there, its decay, and its updates."""
    from hypothesis import strategies as st

    def begun(drawn: tuple[list[torch.Tensor], str, float, int]) -> tuple[Any, ...]:
        (average, start), which, *rest = drawn
        starts = {"other": start, "zero": torch.zeros_like(start), "same": average.clone()}
        return average, starts[which], *rest

    pairs = st.one_of([shaped(shape, shape) for shape in SHAPES])
    which = st.sampled_from(("other", "zero", "same"))
    return st.tuples(pairs, which, one_of(0.5, 0.75, 0.9), st.integers(1, 12)).map(begun)


@cache
def labelled() -> "SearchStrategy[tuple[Any, ...]]":
    """One to three pictures, their labels, which are chosen, and each class's mirror image."""
    from hypothesis import strategies as st

    def pictures(drawn: tuple[list[torch.Tensor], list[tuple[int, bool]]]) -> tuple[Any, ...]:
        (images,), each = drawn
        labels, chosen = (torch.tensor(one, device="cpu") for one in zip(*each, strict=True))
        return images, labels, chosen, torch.tensor([0, 2, 1, -1], device="cpu")

    each = st.tuples(st.integers(0, 3), st.booleans())
    sizes = [(n, *size) for n in (1, 2, 3) for size in ((1, 2), (2, 2), (2, 3))]
    return st.one_of(
        [
            st.tuples(shaped(size), st.lists(each, min_size=size[0], max_size=size[0]))
            for size in sizes
        ]
    ).map(pictures)


@cache
def clouds() -> "SearchStrategy[tuple[Any, ...]]":
    """Vectors in rows, and how many principal components to keep: no tie decides which."""
    from hypothesis import strategies as st

    def decided(drawn: tuple[torch.Tensor, int]) -> bool:
        lengths: list[float] = torch.linalg.svdvals(drawn[0] - drawn[0].mean(0)).tolist()
        return lengths[drawn[1] - 1] > 1.1 * ([*lengths, 0.0][drawn[1]]) + 0.1

    tables = st.one_of([shaped(shape) for shape in ((2, 2), (3, 2), (4, 2), (3, 3), (4, 3))])
    pairs = st.tuples(tables.map(lambda tensors: tensors[0]), st.sampled_from((1, 2)))
    return pairs.filter(decided)


@cache
def boxes() -> "SearchStrategy[tuple[Any, ...]]":
    """Two boxes ``x1 y1 x2 y2``; often equal, or one inside the other; some without area."""
    from hypothesis import strategies as st

    def sorted_sides(drawn: tuple[int, ...]) -> torch.Tensor:
        left, top, right, low = drawn
        corners = min(left, right), min(top, low), max(left, right), max(top, low)
        return torch.tensor(corners, dtype=torch.float32, device="cpu")

    box = st.tuples(*[st.integers(0, 5)] * 4).map(sorted_sides)
    larger = box.map(lambda one: (one, one + torch.tensor([-1.0, 0.0, 1.0, 1.0], device="cpu")))
    return st.one_of(st.tuples(box, box), box.map(lambda one: (one, one.clone())), larger)


@cache
def rankings() -> "SearchStrategy[tuple[Any, ...]]":
    """Whether each of up to six detections is right, 0 or 1, and how many objects there are."""
    from hypothesis import strategies as st

    def counted(drawn: tuple[list[int], int]) -> tuple[torch.Tensor, int]:
        right, missed = drawn
        objects = max(1, sum(right) + missed)
        return torch.tensor(right, dtype=torch.float32, device="cpu"), objects

    return st.tuples(st.lists(st.integers(0, 1), max_size=6), st.integers(0, 2)).map(counted)


@cache
def counted_gradients() -> "SearchStrategy[tuple[Any, ...]]":
    """The gradients of micro-batches, and how many objects each of them has."""
    from hypothesis import strategies as st

    several = micro_gradients()
    numbers = st.tuples(*[st.integers(1, 4)] * 3)
    return st.tuples(several, numbers, st.booleans()).map(
        lambda d: (d[0], [d[1][0]] * len(d[0]) if d[2] else list(d[1][: len(d[0])]))
    )


@cache
def columns() -> "SearchStrategy[tuple[Any, ...]]":
    """What a network says at one to six columns: scores of a blank and two signs, one the best."""
    from hypothesis import strategies as st

    def scores(best: list[int]) -> tuple[torch.Tensor]:
        return (torch.eye(3, device="cpu")[best],)

    return st.lists(st.integers(0, 2), min_size=1, max_size=6).map(scores)


@cache
def attentions() -> "SearchStrategy[tuple[Any, ...]]":
    """Scores of one to four places, the values there, and the gradient of what is attended to."""
    from hypothesis import strategies as st

    shapes = [((n,), (n, width), (width,)) for n in (1, 2, 3, 4) for width in (1, 2)]
    drawn = st.one_of([shaped(*each) for each in shapes])
    # small numbers: the answer is a difference of larger ones, and is to be right to 1e-6
    return drawn.map(lambda tensors: (tensors[0] / 4, tensors[1] / 8, tensors[2] / 8))


@cache
def random_chains() -> "SearchStrategy[tuple[Any, ...]]":
    """A gain, a width and a depth."""
    from hypothesis import strategies as st

    gains = one_of(1.0, 2.0, 0.5, 1.5)
    return st.tuples(gains, st.integers(1, 9), st.integers(1, 8))


@cache
def skewed() -> "SearchStrategy[tuple[Any, ...]]":
    """A frequent gradient that points back, a long one that points forward, and its share."""
    from hypothesis import strategies as st

    def forward(drawn: tuple[int, float, int]) -> tuple[float, float, float]:
        common, share, more = drawn
        return float(common), common * (1 - share) / share + more / 2, share

    shares = one_of(0.25, 0.5, 0.75, 0.2, 0.1)
    return st.tuples(st.integers(1, 8), shares, st.integers(1, 20)).map(forward)
