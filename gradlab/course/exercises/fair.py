"""Does clipping help? A comparison that gives both sides the same chance."""

import torch

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree

Accuracies = torch.Tensor  # (rates, seeds)


def spec(validation: tuple[Accuracies, Accuracies], test: tuple[Accuracies, Accuracies]) -> float:
    reported = []
    for ours, judged in zip(validation, test, strict=True):
        best = max(range(len(ours)), key=lambda rate: float(ours[rate].sum()))
        reported.append(float(judged[best].mean()))
    return reported[0] - reported[1]


def gain_of_clipping(
    validation: tuple[Accuracies, Accuracies], test: tuple[Accuracies, Accuracies]
) -> float:
    clipped, free = (side.mean(1).argmax() for side in validation)
    return float(test[0][clipped].mean() - test[1][free].mean())


def _reported(rates: tuple[int, int], test: tuple[Accuracies, Accuracies]) -> float:
    return float(test[0][rates[0]].mean() - test[1][rates[1]].mean())


def _best(accuracies: Accuracies) -> int:
    return int(accuracies.mean(1).argmax())


OWN = Law(
    "lets each side have the rate that is best for it",
    "A rate that is too large for the side without clipping makes clipping look good, and one that "
    "is too small makes it look useless.",
    lambda validation, test, answer: any(
        agree(_reported((one, other), test), answer)
        for one in {_best(validation[0]), _best(test[0])}
        for other in {_best(validation[1]), _best(test[1])}
    ),
)
VALIDATION = Law(
    "chooses both rates by the validation accuracies, and reports the test accuracies",
    "The best of several test accuracies is best by luck too; the side with more tries has more of "
    "it.",
    lambda validation, test, answer: agree(spec(validation, test), answer),
)


def the_rate_of_clipping_for_both(
    validation: tuple[Accuracies, Accuracies], test: tuple[Accuracies, Accuracies]
) -> float:
    best = _best(validation[0])
    return _reported((best, best), test)


def the_last_rate_without_clipping(
    validation: tuple[Accuracies, Accuracies], test: tuple[Accuracies, Accuracies]
) -> float:
    return _reported((_best(validation[0]), len(test[1]) - 1), test)


def chooses_by_the_test(
    validation: tuple[Accuracies, Accuracies], test: tuple[Accuracies, Accuracies]
) -> float:
    return _reported((_best(test[0]), _best(test[1])), test)


def chooses_its_own_by_the_test(
    validation: tuple[Accuracies, Accuracies], test: tuple[Accuracies, Accuracies]
) -> float:
    return _reported((_best(test[0]), _best(validation[1])), test)


def takes_the_luckiest_seed(
    validation: tuple[Accuracies, Accuracies], test: tuple[Accuracies, Accuracies]
) -> float:
    return float(test[0].max() - test[1].max())


exercise = Exercise(
    task="`validation` and `test` each hold two tensors of accuracies, (rates, seeds): with "
    "clipping, and without. Return by how much clipping raises the mean test accuracy, in a fair "
    "comparison.",
    lines=2,
    spec=spec,
    answer=gain_of_clipping,
    cases=samples.two_sides,
    laws=(OWN, VALIDATION),
    hints=(
        "What may the side with clipping do that the side without may not?",
        "Each side has a best rate of its own. Which of the two sets of pictures may say which?",
        "side.mean(1).argmax() is the row with the best mean over seeds.",
    ),
    mistakes={
        the_rate_of_clipping_for_both: OWN,
        the_last_rate_without_clipping: OWN,
        takes_the_luckiest_seed: OWN,
        chooses_by_the_test: VALIDATION,
        chooses_its_own_by_the_test: VALIDATION,
    },
)
