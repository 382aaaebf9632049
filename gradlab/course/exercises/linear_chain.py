"""How long a gradient is after it has gone back through a chain of linear layers."""

import math

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import RELATIVE, agree, length


def spec(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    gradient = upstream.tolist()
    for weight in reversed(weights):
        rows = weight.tolist()
        gradient = [
            sum(row[column] * element for row, element in zip(rows, gradient, strict=True))
            for column in range(len(rows[0]))
        ]
    return math.sqrt(sum(element * element for element in gradient))


def gradient_norm_of_linear_chain(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    gradient = upstream
    for weight in reversed(weights):
        gradient = weight.T @ gradient
    return float(gradient.norm())


def growth(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    """The most that the chain can make of the upstream gradient: the product of spectral norms."""
    factors = [float(torch.linalg.matrix_norm(weight, ord=2)) for weight in weights]
    return math.prod(factors) * length(upstream)


POSITIVE = Law(
    "never gives a negative norm",
    "A length has no sign: in a chain of single numbers, it is the product of their sizes.",
    lambda weights, upstream, norm: norm >= 0,
)
SCALARS = Law(
    "multiplies the sizes of 1 x 1 weights and of the upstream gradient",
    "The chain rule multiplies one factor per layer: that is why depth makes gradients explode or "
    "vanish.",
    lambda weights, upstream, norm: (
        len(upstream) > 1 or agree(math.prod(map(length, weights)) * length(upstream), norm)
    ),
)
GROWTH = Law(
    "gives at most the product of the layers' largest stretchings",
    "A layer stretches a vector by its largest singular value at most; its Frobenius norm, the "
    "root of all squares, is larger.",
    lambda weights, upstream, norm: norm <= growth(weights, upstream) * (1 + RELATIVE) + RELATIVE,
)
DIRECTION = Law(
    "follows the direction of the gradient through each layer, from the last to the first",
    "The norm of a product is not the product of norms: a layer may turn the gradient towards what "
    "the next one stretches, or what it squashes. Backwards, each layer applies its transpose.",
    lambda weights, upstream, norm: agree(spec(weights, upstream), norm),
)


def multiplies_norms(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    return math.prod(map(length, weights)) * length(upstream)


def multiplies_spectral_norms(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    return growth(weights, upstream)


def adds_norms(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    return sum(map(length, weights)) + length(upstream)


def goes_forward(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    for weight in weights:
        upstream = weight @ upstream
    return length(upstream)


def forgets_to_transpose(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    for weight in reversed(weights):
        upstream = weight @ upstream
    return length(upstream)


def starts_at_the_first_layer(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    for weight in weights:
        upstream = weight.T @ upstream
    return length(upstream)


def forgets_upstream(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    return gradient_norm_of_linear_chain(weights, torch.ones_like(upstream))


def drops_the_first_layer(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    return gradient_norm_of_linear_chain(weights[1:], upstream)


def keeps_the_sign(weights: list[torch.Tensor], upstream: torch.Tensor) -> float:
    for weight in reversed(weights):
        upstream = weight.T @ upstream
    return upstream.sum().item()


exercise = Exercise(
    task="Return the norm of the gradient at x for y = weights[-1] @ ... @ weights[0] @ x, where "
    "`upstream` is the gradient at y.",
    lines=4,
    spec=spec,
    answer=gradient_norm_of_linear_chain,
    cases=cases.chains,
    laws=(POSITIVE, SCALARS, GROWTH, DIRECTION),
    hints=(
        "Send the upstream gradient back through one layer at a time, and measure at the end.",
        "For y = W @ x, the gradient at x is W transposed times the gradient at y.",
        "Go through reversed(weights), with gradient = weight.T @ gradient.",
    ),
    mistakes={
        keeps_the_sign: POSITIVE,
        adds_norms: SCALARS,
        forgets_upstream: SCALARS,
        drops_the_first_layer: SCALARS,
        multiplies_norms: GROWTH,
        multiplies_spectral_norms: DIRECTION,
        goes_forward: DIRECTION,
        forgets_to_transpose: DIRECTION,
        starts_at_the_first_layer: DIRECTION,
    },
)
