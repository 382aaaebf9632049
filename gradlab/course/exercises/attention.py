"""The gradient that comes back through attention's softmax, and why it dies where that is sure."""

import math

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree


def spec(scores: torch.Tensor, values: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    largest = max(scores.tolist())
    powers = [math.exp(score - largest) for score in scores.tolist()]
    weights = [power / sum(powers) for power in powers]
    pulls = [
        sum(v * g for v, g in zip(row, gradient.tolist(), strict=True)) for row in values.tolist()
    ]
    mean = sum(w * pull for w, pull in zip(weights, pulls, strict=True))
    return scores.new_tensor([w * (p - mean) for w, p in zip(weights, pulls, strict=True)])


def attention_gradient(
    scores: torch.Tensor, values: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    weights = scores.softmax(0)
    pulls = values @ gradient
    return weights * (pulls - weights @ pulls)


SUMS = Law(
    "gives a gradient that sums to zero",
    "The same number added to all scores changes no weight, so there is no slope in that "
    "direction: what one score gains, the others lose.",
    lambda scores, values, gradient, found: abs(float(found.sum())) < 1e-3,
)
WEIGHTS = Law(
    "asks how a score moves the weights, and not only what a weight moves",
    "Chain rule: first from the output to the weights, values @ gradient; then from the weights to "
    "the scores, through the softmax. Where one weight is nearly 1 and the others nearly 0 almost "
    "nothing comes back: the gradient vanishes, and no clipping brings it back.",
    lambda scores, values, gradient, found: agree(
        spec(scores, values, gradient).abs().sum(), found.abs().sum()
    ),
)


def forgets_the_softmax(
    scores: torch.Tensor, values: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    return values @ gradient


def only_its_own_weight(
    scores: torch.Tensor, values: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    weights = scores.softmax(0)
    return weights * (1 - weights) * (values @ gradient)


def subtracts_the_plain_mean(
    scores: torch.Tensor, values: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    pulls = values @ gradient
    return scores.softmax(0) * (pulls - pulls.mean())


def forgets_to_weigh(
    scores: torch.Tensor, values: torch.Tensor, gradient: torch.Tensor
) -> torch.Tensor:
    pulls = values @ gradient
    return pulls - pulls.mean()


exercise = Exercise(
    task="Attention gives softmax(scores) @ values, for scores (places,) and values (places, "
    "width); `gradient` (width,) is the loss's gradient with respect to that. Return its gradient "
    "with respect to the scores, without autograd.",
    lines=3,
    spec=spec,
    answer=attention_gradient,
    cases=samples.attentions,
    laws=(SUMS, WEIGHTS),
    hints=(
        "How much would the loss change if a place's weight grew? values @ gradient says it.",
        "A score raises its own weight at the cost of all others, in proportion to their weights: "
        "d weight_i / d score_j = weight_i * (1 if i == j else 0) - weight_i * weight_j.",
        "Summed up, it is weight_j times (its own pull minus the mean pull, weighted).",
    ),
    mistakes={
        forgets_the_softmax: SUMS,
        only_its_own_weight: SUMS,
        subtracts_the_plain_mean: SUMS,
        forgets_to_weigh: WEIGHTS,
    },
)
