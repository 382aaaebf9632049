"""How much does the loss change when a weight goes? One backward pass tells it for all of them."""

import torch
from torch.nn import functional as F

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree


def spec(weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    scores = []
    for place, own in enumerate(weight.tolist()):
        slope = 0.0
        for row, target in zip(inputs.tolist(), targets.tolist(), strict=True):
            error = sum(w * x for w, x in zip(weight.tolist(), row, strict=True)) - target
            slope += 2 * error * row[place] / len(targets)
        scores.append(abs(own * slope))
    return weight.new_tensor(scores)


def taylor_scores(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    trained = weight.clone().requires_grad_()
    F.mse_loss(inputs @ trained, targets).backward()
    assert trained.grad is not None
    return (weight * trained.grad).abs()


def gradient(weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return 2 * inputs.T @ (inputs @ weight - targets) / len(targets)


POSITIVE = Law(
    "never gives a negative score",
    "A weight whose removal would raise the loss and one whose removal would lower it both matter: "
    "the first-order change counts by its size.",
    lambda weight, inputs, targets, scores: bool((scores >= 0).all()),
)
ZERO = Law(
    "gives a weight of zero the score 0",
    "To set to zero what is zero changes nothing, however large its gradient: that is what the "
    "factor w is for.",
    lambda weight, inputs, targets, scores: bool((scores[weight == 0] == 0).all()),
)
FITTED = Law(
    "gives nothing but zeros where the model fits exactly",
    "There the gradient is zero. It does not mean that no weight matters: the first-order change "
    "is blind at the bottom of a valley.",
    lambda weight, inputs, targets, scores: (
        not torch.equal(inputs @ weight, targets) or not scores.any()
    ),
)
MEAN = Law(
    "multiplies each weight by the gradient of the mean loss",
    "Average over the samples first, and take the size last: samples may disagree about a weight.",
    lambda weight, inputs, targets, scores: agree(
        (weight * gradient(weight, inputs, targets)).abs(), scores
    ),
)


def keeps_the_sign(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return weight * gradient(weight, inputs, targets)


def gives_the_gradient(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return gradient(weight, inputs, targets).abs()


def gives_the_weight(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return weight.abs()


def sums_over_the_samples(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    return taylor_scores(weight, inputs, targets) * len(targets)


def takes_the_size_of_each_sample(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    pairs = zip(inputs.split(1), targets.split(1), strict=True)
    return torch.stack([taylor_scores(weight, x, y) for x, y in pairs]).mean(0)


def squares(weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return taylor_scores(weight, inputs, targets) ** 2


def trains_a_little(
    weight: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    scores = taylor_scores(weight, inputs, targets)
    weight -= 0.1 * gradient(weight, inputs, targets)
    return scores


exercise = Exercise(
    task="Return |w * g| for each weight w of a model that gives `inputs @ weight`, where g is the "
    "gradient of its mean squared error, F.mse_loss(inputs @ weight, targets).",
    lines=3,
    spec=spec,
    answer=taylor_scores,
    cases=samples.regressions,
    laws=(POSITIVE, ZERO, FITTED, MEAN),
    hints=(
        "The loss changes by about -w * g when the weight w becomes zero: only the gradient is "
        "missing.",
        "Make a copy of the weight that asks for a gradient, compute the loss with it, and call "
        "backward().",
        "weight.clone().requires_grad_() is such a copy; its .grad is g.",
    ),
    mistakes={
        keeps_the_sign: POSITIVE,
        gives_the_gradient: ZERO,
        gives_the_weight: FITTED,
        sums_over_the_samples: MEAN,
        takes_the_size_of_each_sample: MEAN,
        squares: MEAN,
        trains_a_little: UNTOUCHED,
    },
)
