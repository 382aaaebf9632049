"""Which weights stay when all small ones go?"""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import FORM, UNTOUCHED, Law


def spec(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    stays = [1.0 if abs(element) >= threshold else 0.0 for element in weight.flatten().tolist()]
    return weight.new_tensor(stays).reshape(weight.shape)


def magnitude_mask(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    return (weight.abs() >= threshold).to(weight.dtype)


LARGE = Law(
    "gives 1 where the magnitude is above the threshold",
    "Large weights, positive or negative, do the work; a network that loses them is blind.",
    lambda weight, threshold, mask: bool((mask[weight.abs() > threshold] == 1).all()),
)
SMALL = Law(
    "gives 0 where the magnitude is below the threshold",
    "A mask says where, with 0 and 1; the weights are multiplied by it later.",
    lambda weight, threshold, mask: bool((mask[weight.abs() < threshold] == 0).all()),
)
EQUAL = Law(
    "gives 1 where the magnitude is the threshold itself",
    "It makes no difference until many weights are equal: then it decides over all of them.",
    lambda weight, threshold, mask: bool((mask[weight.abs() == threshold] == 1).all()),
)


def drops_the_large_ones(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    return (weight.abs() < threshold).to(weight.dtype)


def forgets_the_negative_ones(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    return (weight >= threshold).to(weight.dtype)


def gives_the_weights_that_stay(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    return torch.where(weight.abs() >= threshold, weight, 0.0)


def keeps_everything(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    return torch.ones_like(weight)


def keeps_zero_only(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    return torch.zeros_like(weight)


def drops_what_is_equal(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    return (weight.abs() > threshold).to(weight.dtype)


def gives_true_and_false(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    return weight.abs() >= threshold


def prunes_the_weight_itself(weight: torch.Tensor, threshold: float) -> torch.Tensor:
    mask = magnitude_mask(weight, threshold)
    weight.mul_(mask)
    return mask


exercise = Exercise(
    task="Return a mask for `weight`, in its shape and dtype: 1 where the magnitude is at least "
    "`threshold`, 0 elsewhere.",
    lines=1,
    spec=spec,
    answer=magnitude_mask,
    cases=lambda: cases.arguments(cases.gradient(), cases.one_of(1.0, 2.0, 5.0, 0.5)),
    laws=(LARGE, SMALL, EQUAL),
    hints=(
        "A comparison gives True and False, one for each weight.",
        "A large negative weight is as important as a large positive one.",
        "(...).to(weight.dtype) turns True and False into 1 and 0.",
    ),
    mistakes={
        drops_the_large_ones: LARGE,
        forgets_the_negative_ones: LARGE,
        gives_the_weights_that_stay: LARGE,
        keeps_zero_only: LARGE,
        keeps_everything: SMALL,
        drops_what_is_equal: EQUAL,
        gives_true_and_false: FORM,
        prunes_the_weight_itself: UNTOUCHED,
    },
)
