"""How sparse is a model?"""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree, elements


def spec(weights: list[torch.Tensor]) -> float:
    zeros = count = 0
    for element in elements(weights):
        count += 1
        if element == 0:
            zeros += 1
    return zeros / count


def sparsity(weights: list[torch.Tensor]) -> float:
    everything = torch.cat([weight.flatten() for weight in weights])
    return float((everything == 0).float().mean())


DENSE = Law(
    "gives 0 where no weight is zero",
    "Sparsity is the fraction of zeros; the fraction that is left is the density.",
    lambda weights, answer: 0 in elements(weights) or agree(0.0, answer),
)
EMPTY = Law(
    "gives 1 where every weight is zero",
    "A fraction, not a count: 1 says that nothing is left.",
    lambda weights, answer: any(elements(weights)) or agree(1.0, answer),
)
TOGETHER = Law(
    "counts the weights of all layers as one",
    "Layers differ in size: the average of their sparsities would let a layer of ten weights speak "
    "as loud as one of a million.",
    lambda weights, answer: agree(spec(weights), answer),
)


def gives_the_density(weights: list[torch.Tensor]) -> float:
    return 1 - sparsity(weights)


def counts_what_is_not_positive(weights: list[torch.Tensor]) -> float:
    return float((torch.cat([weight.flatten() for weight in weights]) <= 0).float().mean())


def counts_small_ones_too(weights: list[torch.Tensor]) -> float:
    return float((torch.cat([weight.flatten() for weight in weights]).abs() < 1e-3).float().mean())


def gives_a_count(weights: list[torch.Tensor]) -> float:
    return float(sum(int((weight == 0).sum()) for weight in weights))


def counts_empty_rows(weights: list[torch.Tensor]) -> float:
    return float(all(not weight.any() for weight in weights))


def averages_over_layers(weights: list[torch.Tensor]) -> float:
    return sum(sparsity([weight]) for weight in weights) / len(weights)


def looks_at_the_largest_layer(weights: list[torch.Tensor]) -> float:
    return sparsity([max(weights, key=torch.numel)])


exercise = Exercise(
    task="Return the sparsity of a model with these `weights`: the fraction that is exactly zero.",
    lines=2,
    spec=spec,
    answer=sparsity,
    cases=lambda: cases.arguments(cases.sparse_weights()),
    laws=(DENSE, EMPTY, TOGETHER),
    hints=(
        "How many numbers are there in all layers, and how many of them are zero?",
        "Divide once, at the end: not layer by layer.",
        "torch.cat([weight.flatten() for weight in weights]) is all of them in a row.",
    ),
    mistakes={
        gives_the_density: DENSE,
        counts_what_is_not_positive: DENSE,
        counts_small_ones_too: DENSE,
        gives_a_count: EMPTY,
        counts_empty_rows: TOGETHER,
        averages_over_layers: TOGETHER,
        looks_at_the_largest_layer: TOGETHER,
    },
)
