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
    """One to three tensors, the first or the last element sometimes inf, -inf or NaN."""
    from hypothesis import strategies as st

    def spoil(drawn: tuple[list[torch.Tensor], float, int]) -> list[torch.Tensor]:
        tensors, spoiler, end = drawn
        if spoiler:
            tensors[end].view(-1)[end] = spoiler
        return tensors

    spoilers = one_of(0.0, 0.0, 0.0, math.inf, -math.inf, math.nan)
    return st.tuples(gradients(), spoilers, st.sampled_from((0, -1))).map(spoil)


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
    """One to three tensors, as of the layers of a network; many numbers are zero, some nearly."""

    def sparse(tensor: torch.Tensor) -> torch.Tensor:
        nearly = torch.where(tensor.abs() > 4, tensor, tensor / 2**30)
        return torch.where(tensor.abs() > 3, nearly, 0.0)

    return gradients().map(lambda drawn: [sparse(tensor) for tensor in drawn])


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
