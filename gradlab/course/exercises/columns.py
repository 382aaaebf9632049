"""What a network reads: the likeliest sign of each column, and what CTC makes of them."""

import torch
from torch.nn import functional as F

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law


def spec(scores: torch.Tensor) -> torch.Tensor:
    signs, before = [], 0
    for row in scores.tolist():
        best = row.index(max(row))
        signs.append(best if best != before else 0)
        before = best
    return torch.tensor(signs, device=scores.device)


def signs_read(scores: torch.Tensor) -> torch.Tensor:
    best = scores.argmax(1)
    before = F.pad(best[:-1], (1, 0))
    return torch.where(best != before, best, 0)


NOTHING = Law(
    "reads nothing where the blank is the likeliest",
    "Class 0 is no sign. A reader that is trained with CTC may fail by saying it at every column: "
    "its loss is moderate and calm, and only what it reads shows the failure.",
    lambda scores, signs: not signs[scores.argmax(1) == 0].any(),
)
ONCE = Law(
    "counts a sign once that is said in several columns in a row",
    "A digit is wider than a column, and the network may say it as long as it sees it.",
    lambda scores, signs: int((signs > 0).sum()) <= int((spec(scores) > 0).sum()),
)
TWICE = Law(
    "counts a sign twice where a blank stands between",
    "How else could 11 be read? So each column is compared with the one before it, blank or not.",
    lambda scores, signs: int((signs > 0).sum()) >= int((spec(scores) > 0).sum()),
)


def says_its_second_best(scores: torch.Tensor) -> torch.Tensor:
    return scores[:, 1:].argmax(1) + 1


def keeps_the_repeats(scores: torch.Tensor) -> torch.Tensor:
    return scores.argmax(1)


def joins_across_blanks(scores: torch.Tensor) -> torch.Tensor:
    signs = scores.argmax(1)
    said = signs[signs > 0]
    signs[signs > 0] = torch.where(said != F.pad(said[:-1], (1, 0)), said, 0)
    return signs


def counts_each_sign_once(scores: torch.Tensor) -> torch.Tensor:
    signs = spec(scores)
    for sign in (1, 2):
        signs[(signs == sign).nonzero().flatten()[1:]] = 0
    return signs


exercise = Exercise(
    task="A network gives scores (columns, classes); class 0 is the blank. Return the sign that is "
    "read at each column, int64 (columns,): the best class where it is a new one, else 0.",
    lines=3,
    spec=spec,
    answer=signs_read,
    cases=samples.columns,
    laws=(NOTHING, ONCE, TWICE),
    hints=(
        "A sign is read where the best class of a column is another one than that of the column "
        "before, and not the blank.",
        "best = scores.argmax(1); before the first column stands a blank.",
        "before = F.pad(best[:-1], (1, 0)), with torch.nn.functional as F; torch.where chooses.",
    ),
    mistakes={
        says_its_second_best: NOTHING,
        keeps_the_repeats: ONCE,
        joins_across_blanks: TWICE,
        counts_each_sign_once: TWICE,
    },
)
