"""By how much does the error change when a weight goes? Exactly, and without pruning anything."""

import torch
from torch.nn import functional as F

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree


def spec(weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    before = F.mse_loss(inputs @ weight, targets)
    changes = []
    for place in range(len(weight)):
        pruned = weight.clone()
        pruned[place] = 0
        changes.append(float(F.mse_loss(inputs @ pruned, targets) - before))
    return weight.new_tensor(changes)


def removal_costs(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    first = 2 * inputs.T @ (inputs @ weight - targets) / len(targets)
    second = 2 * inputs.square().mean(0)
    return -first * weight + second * weight**2 / 2


def slope(weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return 2 * inputs.T @ (inputs @ weight - targets) / len(targets)


ZERO = Law(
    "gives a weight of zero the change 0",
    "To set to zero what is zero changes nothing.",
    lambda weight, inputs, targets, costs: agree(
        torch.zeros_like(costs[weight == 0]), costs[weight == 0]
    ),
)
FITTED = Law(
    "is half the second derivative times the square of the weight where the model fits exactly",
    "There the first derivative is zero, and the saliency of Optimal Brain Damage is all there is.",
    lambda weight, inputs, targets, costs: (
        not torch.equal(inputs @ weight, targets)
        or agree(inputs.square().mean(0) * weight**2, costs)
    ),
)
BOTH = Law(
    "is the change of the mean squared error, with its sign",
    "The error is quadratic in a weight: Taylor's first two terms are exact. The weight moves by "
    "-w, so the first term has a minus; where it is larger, the error falls.",
    lambda weight, inputs, targets, costs: agree(spec(weight, inputs, targets), costs),
)


def forgets_the_first_term(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return inputs.square().mean(0) * weight**2


def forgets_the_second_term(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return -slope(weight, inputs, targets) * weight


def forgets_the_half(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return -slope(weight, inputs, targets) * weight + 2 * inputs.square().mean(0) * weight**2


def moves_the_wrong_way(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return slope(weight, inputs, targets) * weight + inputs.square().mean(0) * weight**2


def takes_the_size(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return removal_costs(weight, inputs, targets).abs()


def gives_the_derivatives(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return inputs.square().mean(0) - slope(weight, inputs, targets)


def prunes_what_it_was_given(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    costs = removal_costs(weight, inputs, targets)
    weight.zero_()
    return costs


exercise = Exercise(
    task="A model gives `inputs @ weight`. Derive, from Taylor's theorem, by how much its mean "
    "squared error, F.mse_loss(inputs @ weight, targets), changes when one weight alone is set to "
    "zero. Return that for each weight, without computing the error of any pruned model.",
    lines=3,
    spec=spec,
    answer=removal_costs,
    cases=samples.regressions,
    laws=(ZERO, FITTED, BOTH),
    hints=(
        "The error is quadratic in each weight. So -g w + h w² / 2 is no approximation here.",
        "g is the mean over the samples of twice the residual times the input. Differentiate it "
        "once more by the same weight: what is h?",
        "h is 2 * inputs.square().mean(0), whatever the targets are.",
    ),
    mistakes={
        gives_the_derivatives: ZERO,
        forgets_the_second_term: FITTED,
        forgets_the_half: FITTED,
        forgets_the_first_term: BOTH,
        moves_the_wrong_way: BOTH,
        takes_the_size: BOTH,
        prunes_what_it_was_given: UNTOUCHED,
    },
)
