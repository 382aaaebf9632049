"""How sparse may it be, and how good is it then? Choose with one set of images, report another."""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree

Choice = tuple[int, float]


def spec(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> tuple[int, float]:
    chosen = 0
    for place in range(len(validation)):
        if float(validation[0]) - float(validation[place]) <= tolerance:
            chosen = place
    return chosen, float(test[chosen])


def sparsest_that_holds(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> tuple[int, float]:
    holds = validation >= validation[0] - tolerance
    chosen = int(holds.nonzero().max())
    return chosen, float(test[chosen])


HOLDS = Law(
    "chooses an amount at which the validation accuracy holds",
    "The training images are those that the weights were fitted to, and hide what pruning costs on "
    "new ones; the test images must not choose what they are to judge.",
    lambda training, validation, test, tolerance, answer: (
        answer[0] in range(len(validation))
        and bool(validation[int(answer[0])] >= validation[0] - tolerance)
    ),
)
LARGEST = Law(
    "chooses the largest such amount",
    "Accuracy need not fall steadily: after a dip it may be back within the tolerance.",
    lambda training, validation, test, tolerance, answer: (
        not bool((validation[int(answer[0]) + 1 :] >= validation[0] - tolerance).any())
    ),
)
REPORTS = Law(
    "reports the accuracy on the test images",
    "The amount was chosen because its validation accuracy looked good, by luck too: only images "
    "that had no part in training or choosing give an honest number.",
    lambda training, validation, test, tolerance, answer: agree(
        float(test[int(answer[0])]), answer[1]
    ),
)


def chooses_by_training(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> Choice:
    return sparsest_that_holds(validation, training, test, tolerance)


def chooses_by_the_test(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> Choice:
    return sparsest_that_holds(training, test, test, tolerance)


def prunes_as_much_as_it_can(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> Choice:
    return len(test) - 1, float(test[-1])


def takes_the_most_accurate(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> Choice:
    chosen = int(validation.argmax())
    return chosen, float(test[chosen])


def stops_at_the_first_dip(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> Choice:
    holds = (validation >= validation[0] - tolerance).tolist()
    chosen = (holds.index(False) if False in holds else len(holds)) - 1
    return chosen, float(test[chosen])


def stays_dense(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> Choice:
    return 0, float(test[0])


def reports_what_it_chose_by(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> Choice:
    return sparsest_that_holds(training, validation, validation, tolerance)


def reports_the_training_accuracy(
    training: torch.Tensor, validation: torch.Tensor, test: torch.Tensor, tolerance: float
) -> Choice:
    return sparsest_that_holds(training, validation, training, tolerance)


exercise = Exercise(
    task="A model was pruned by growing amounts (the first: none), and its accuracy measured on "
    "three sets of images. Return the place of the largest amount at which it has fallen by at "
    "most `tolerance`, and the accuracy to report.",
    lines=3,
    spec=spec,
    answer=sparsest_that_holds,
    cases=samples.accuracies,
    laws=(HOLDS, LARGEST, REPORTS),
    hints=(
        "Three sets for three purposes: to fit the weights, to choose the amount, to report.",
        "Choose with the validation accuracies, and report the test accuracy at that place.",
        "(validation >= validation[0] - tolerance).nonzero() are the places where it holds.",
    ),
    mistakes={
        chooses_by_training: HOLDS,
        chooses_by_the_test: HOLDS,
        prunes_as_much_as_it_can: HOLDS,
        takes_the_most_accurate: LARGEST,
        stops_at_the_first_dip: LARGEST,
        stays_dense: LARGEST,
        reports_what_it_chose_by: REPORTS,
        reports_the_training_accuracy: REPORTS,
    },
)
