"""By how much a typical chain of random layers stretches: not by the root of the mean square."""

import math

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree


def spec(gain: float, width: int, depth: int) -> float:
    # ψ by its recurrence ψ(x + 1) = ψ(x) + 1 / x, from ψ(1/2) or ψ(1)
    if width % 2:
        psi, x = -0.5772156649015329 - 2 * math.log(2), 0.5
    else:
        psi, x = -0.5772156649015329, 1.0
    while x < width / 2:
        psi, x = psi + 1 / x, x + 1
    stretched = 1.0
    for _ in range(depth):
        stretched *= gain * math.exp((psi + math.log(2) - math.log(width)) / 2)
    return stretched


def typical_stretch(gain: float, width: int, depth: int) -> float:
    # One layer multiplies the squared length by gain² χ² / width: whatever comes in, each of the
    # `width` new elements is normal, of variance gain² |v|² / width. So one layer adds, on average,
    # log(gain) + (E[log χ²] - log(width)) / 2 to the logarithm, and the layers are independent.
    # E[log χ²] = ψ(width / 2) + log 2. The layers' logarithms add up to nearly a normal number,
    # whose mean is also its median: exp of it is the typical stretch. The mean of the stretch
    # itself lies higher, because exp is convex: a few chains stretch very far. For a large width
    # ψ(x) ≈ log x - 1 / (2 x), which gives gain^depth · exp(-depth / (2 · width)).
    half = torch.tensor(width / 2, dtype=torch.float64)
    layer = math.log(gain) + (float(torch.digamma(half)) + math.log(2 / width)) / 2
    return math.exp(depth * layer)


BELOW = Law(
    "is below gain^depth, the root of the mean square",
    "The mean of a logarithm is below the logarithm of the mean (Jensen).",
    lambda gain, width, depth, answer: depth > 1 or answer < gain,
)
LAYER = Law(
    "is, for one layer, exp of the mean of the logarithm, at small widths too",
    "exp(-1 / (2 width)) is what is left of it where the width is large. And a length is the root "
    "of the squared length.",
    lambda gain, width, depth, answer: depth > 1 or agree(spec(gain, width, 1), answer),
)
DEPTH = Law(
    "multiplies what the layers do",
    "Logarithms add up, and so lengths multiply.",
    lambda gain, width, depth, answer: agree(spec(gain, width, depth), answer),
)


def root_of_the_mean_square(gain: float, width: int, depth: int) -> float:
    return gain**depth


def for_large_widths(gain: float, width: int, depth: int) -> float:
    return gain**depth * math.exp(-depth / (2 * width))


def forgets_the_root(gain: float, width: int, depth: int) -> float:
    return typical_stretch(gain, width, depth) ** 2


def forgets_the_width(gain: float, width: int, depth: int) -> float:
    half = torch.tensor(width / 2, dtype=torch.float64)
    return gain**depth * math.exp(depth * float(torch.digamma(half)) / 2)


def adds_the_layers(gain: float, width: int, depth: int) -> float:
    return depth * typical_stretch(gain, width, 1)


exercise = Exercise(
    task="A vector goes through `depth` linear layers of `width` units, whose weights are normal "
    "with standard deviation gain / sqrt(width). Return its typical stretch: exp of the mean of "
    "the logarithm of the last length over the first. For a chi-squared number with n degrees "
    "of freedom, the mean of the logarithm is torch.digamma(n / 2) + log 2.",
    lines=3,
    spec=spec,
    answer=typical_stretch,
    cases=samples.random_chains,
    laws=(BELOW, LAYER, DEPTH),
    hints=(
        "Logarithms of lengths add up over the layers. What does one layer add on average?",
        "Each new element is a sum of width products, normal with variance gain² |v|² / width. So "
        "the new squared length is gain² |v|² times a chi-squared number over width.",
        "One layer adds log(gain) + (digamma(width / 2) + log 2 - log(width)) / 2.",
    ),
    mistakes={
        root_of_the_mean_square: BELOW,
        for_large_widths: LAYER,
        forgets_the_root: BELOW,
        forgets_the_width: BELOW,
        adds_the_layers: DEPTH,
    },
)
