"""Inputs for exercises: Hypothesis strategies for gradients, thresholds and whole argument lists.

Numbers are halves between -10 and 10, so that a counterexample can be worked by hand. Strategies
are flat and made once, because a check draws hundreds of inputs in a second.
"""

import math
from collections.abc import Sequence
from functools import cache, partial
from operator import mul
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Shape = tuple[int, ...]

SHAPES: tuple[Shape, ...] = ((1,), (2,), (3,), (1, 2), (2, 1), (2, 2))
NETWORKS: tuple[tuple[Shape, ...], ...] = (
    ((1,),),
    ((1,), (1,)),
    ((2,),),
    ((1,), (1,), (1,)),
    ((2,), (1,)),
    ((2, 2),),
    ((2, 1), (3,)),
    ((2, 2), (2,), (1,)),
)


@cache
def shaped(*shapes: Shape) -> "SearchStrategy[list[torch.Tensor]]":
    """A list of float32 tensors of these shapes."""
    from hypothesis import strategies as st

    sizes = [math.prod(shape) for shape in shapes]

    def tensors(halves: tuple[int, ...]) -> list[torch.Tensor]:
        flat = torch.tensor(halves, dtype=torch.float32, device="cpu") / 2
        parts = zip(flat.split(sizes), shapes, strict=True)
        return [part.reshape(shape).clone() for part, shape in parts]

    return st.tuples(*[st.integers(-20, 20)] * sum(sizes)).map(tensors)


@cache
def gradient() -> "SearchStrategy[torch.Tensor]":
    """One tensor of one or two dimensions."""
    from hypothesis import strategies as st

    return st.one_of([shaped(shape) for shape in SHAPES]).map(lambda tensors: tensors[0])


@cache
def gradients() -> "SearchStrategy[list[torch.Tensor]]":
    """One to three tensors, as of the layers of a network."""
    from hypothesis import strategies as st

    return st.one_of([shaped(*shapes) for shapes in NETWORKS])


@cache
def micro_gradients() -> "SearchStrategy[list[torch.Tensor]]":
    """One to three tensors of the same shape, as of the micro-batches of a step; some all equal."""
    from hypothesis import strategies as st

    equal = [shaped(shape).map(partial(mul, count)) for count in (2, 3) for shape in SHAPES]
    various = [shaped(*[shape] * count) for count in (1, 2, 3) for shape in SHAPES]
    return st.one_of(various + equal)


@cache
def overflowing() -> "SearchStrategy[list[torch.Tensor]]":
    """One to three tensors, the first element sometimes inf, -inf or NaN."""
    from hypothesis import strategies as st

    def spoil(drawn: tuple[list[torch.Tensor], float]) -> list[torch.Tensor]:
        tensors, spoiler = drawn
        if spoiler:
            tensors[0].view(-1)[0] = spoiler
        return tensors

    spoilers = one_of(0.0, 0.0, 0.0, math.inf, -math.inf, math.nan)
    return st.tuples(gradients(), spoilers).map(spoil)


@cache
def norms() -> "SearchStrategy[torch.Tensor]":
    """The total norms of one to six steps, in a tensor of one dimension; some are equal."""
    from hypothesis import strategies as st

    halves = st.lists(st.integers(0, 20), min_size=1, max_size=6)
    return halves.map(lambda drawn: torch.tensor(drawn, dtype=torch.float32, device="cpu") / 2)


@cache
def recorded_norms() -> "SearchStrategy[torch.Tensor]":
    """As ``norms``, sometimes with another one that is inf or NaN."""
    from hypothesis import strategies as st

    def spoil(drawn: tuple[torch.Tensor, float]) -> torch.Tensor:
        finite, spoiler = drawn
        return torch.cat([finite, finite.new_tensor([spoiler])]) if spoiler else finite

    return st.tuples(norms(), one_of(0.0, 0.0, math.inf, math.nan)).map(spoil)


@cache
def sparse_weights() -> "SearchStrategy[list[torch.Tensor]]":
    """One to three tensors, as of the layers of a network; about half of the numbers are zero."""
    return gradients().map(lambda drawn: [torch.where(t.abs() > 4, t, 0.0) for t in drawn])


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

    def tried(drawn: tuple[list[int], int, bool]) -> tuple[torch.Tensor, torch.Tensor]:
        places, above, backwards = drawn
        places = sorted(places, reverse=backwards)
        ranks = [sorted(places).index(place) for place in places]
        above = 1 + above % (len(places) - 1)
        thresholds = torch.tensor([2.0**place for place in places], device="cpu")
        shares = [1 - 0.1 * k if k < above else 0.5 - 0.1 * (k - above) for k in ranks]
        return thresholds, torch.tensor(shares, device="cpu")

    several = st.lists(st.integers(-3, 6), min_size=2, max_size=5, unique=True)
    return st.tuples(several, st.integers(0, 3), st.booleans()).map(tried)


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
    decays = one_of(0.5, 0.75, 0.9, 0.0, 1.0)
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


def one_of(*values: float) -> "SearchStrategy[float]":
    """One of some numbers, the simplest first."""
    from hypothesis import strategies as st

    return st.sampled_from(values)


def thresholds() -> "SearchStrategy[float]":
    """Bounds that clip much, little or nothing."""
    return one_of(1.0, 2.0, 5.0, 0.5, 0.1, 10.0, 100.0)


def arguments(*parts: "SearchStrategy[Any]") -> "SearchStrategy[tuple[Any, ...]]":
    """Argument lists whose parts are drawn independently."""
    from hypothesis import strategies as st

    return st.tuples(*parts)


def chains() -> "SearchStrategy[tuple[Any, ...]]":
    """Square weights of one to three layers, with a vector of the same width."""
    from hypothesis import strategies as st

    shapes = [[(width, width)] * depth + [(width,)] for width in (1, 2, 3) for depth in (1, 2, 3)]
    return st.one_of([shaped(*each) for each in shapes]).map(lambda drawn: (drawn[:-1], drawn[-1]))


def weight_gradient(
    shapes: Sequence[Shape], *parts: "SearchStrategy[Any]"
) -> "SearchStrategy[tuple[Any, ...]]":
    """A weight and a gradient of the same shape, and whatever follows them."""
    from hypothesis import strategies as st

    pairs = st.one_of([shaped(shape, shape) for shape in shapes])
    return st.tuples(pairs, *parts).map(lambda drawn: (*drawn[0], *drawn[1:]))
