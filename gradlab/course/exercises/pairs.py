"""Is ours better? A verdict from accuracies of the same seeds, where some runs diverged."""

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

ENOUGH = 5


def spec(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    leads = []
    for a, b in zip(ours.tolist(), theirs.tolist(), strict=True):
        if math.isfinite(a) and math.isfinite(b):
            leads.append(a - b)
    if len(leads) < 5:
        return 0
    if all(lead > 0 for lead in leads) and sum(leads) / len(leads) >= cutoff:
        return 1
    if not any(lead > 0 for lead in leads):
        return -1
    return 0


def decide_by_pairs(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    lead = ours - theirs
    lead = lead[lead.isfinite()]
    if len(lead) < 5:
        return 0
    if (lead > 0).all() and lead.mean() >= cutoff:
        return 1
    return 0 if (lead > 0).any() else -1


def all_ended(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    return bool((ours - theirs).isfinite().all())


def signs(ours: torch.Tensor, theirs: torch.Tensor) -> int:
    """The answer if any size of the mean would do."""
    return spec(ours, theirs, -math.inf)


_BY_SIGNS = {1: (0, 1), 0: (0,), -1: (-1,)}  # better in every seed, yet perhaps by too little

PAIRS = Law(
    "compares the two runs of each seed with each other",
    "They start from the same weights and see the same batches, so their difference varies less "
    "than either. Means, or the best against the best, hide that one seed says the opposite.",
    lambda ours, theirs, cutoff, answer: (
        not all_ended(ours, theirs) or answer in _BY_SIGNS[signs(ours, theirs)]
    ),
)
AVERAGE = Law(
    "asks the mean of the differences to reach the cut-off",
    "The sign in every seed says that there is an effect, the mean says how large it is.",
    lambda ours, theirs, cutoff, answer: (
        not all_ended(ours, theirs) or answer == spec(ours, theirs, cutoff)
    ),
)
ENDED = Law(
    f"leaves out a seed if one of its runs diverged, and asks that {ENOUGH} are left",
    "A run that diverged has no accuracy; 0 would be invented. If neither were better, five "
    "differences would all be positive in 1 of 32 cases, three in 1 of 8.",
    lambda ours, theirs, cutoff, answer: answer == spec(ours, theirs, cutoff),
)


def compares_the_means(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    lead = float(ours.nanmean() - theirs.nanmean())
    return 1 if lead >= cutoff and lead > 0 else -1


def compares_the_best(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    lead = float(ours.nan_to_num().max() - theirs.nan_to_num().max())
    return 1 if lead > 0 and lead >= cutoff else -1


def takes_a_majority(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    lead = (ours - theirs)[(ours - theirs).isfinite()]
    return 1 if (lead > 0).float().mean() > 0.5 and lead.mean() >= cutoff else -1


def asks_for_no_size(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    return decide_by_pairs(ours, theirs, 0.0)


def asks_every_seed_for_the_cutoff(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    lead = (ours - theirs)[(ours - theirs).isfinite()]
    if len(lead) < ENOUGH:
        return 0
    return 1 if ((lead > 0) & (lead >= cutoff)).all() else 0 if (lead > 0).any() else -1


def calls_a_diverged_run_zero(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    return decide_by_pairs(ours.nan_to_num(), theirs.nan_to_num(), cutoff)


def lets_nan_decide(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    lead = ours - theirs
    if (lead > 0).all() and lead.mean() >= cutoff:
        return 1
    return 0 if (lead > 0).any() else -1


def averages_each_side_alone(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    signs_say = decide_by_pairs(ours, theirs, 0.0)
    return signs_say if ours.nanmean() - theirs.nanmean() >= cutoff else min(signs_say, 0)


def is_content_with_few(ours: torch.Tensor, theirs: torch.Tensor, cutoff: float) -> int:
    lead = (ours - theirs)[(ours - theirs).isfinite()]
    if (lead > 0).all() and lead.mean() >= cutoff:
        return 1
    return 0 if (lead > 0).any() else -1


@cache
def seeds() -> "SearchStrategy[tuple[Any, ...]]":
    """Accuracies of two trainings with the same seeds, sometimes NaN, and a cut-off."""
    from hypothesis import strategies as st

    def accuracies(drawn: tuple[list[tuple[int, int]], list[int], bool, float]) -> tuple[Any, ...]:
        pairs, lost, spoilt, cutoff = drawn
        theirs, lead = torch.tensor(pairs, dtype=torch.float32, device="cpu").div(16).T.clone()
        ours = theirs + lead
        for place in lost if spoilt else ():
            (ours, theirs)[place % 2][place // 2 % len(pairs)] = math.nan
        return ours, theirs, cutoff

    leads = ((1, 3), (-2, 4), (-3, 0))
    seed = [st.tuples(st.integers(3, 8), st.integers(*lead)) for lead in leads]
    runs = st.one_of([st.lists(one, min_size=5, max_size=7) for one in seed])
    lost = st.lists(st.integers(0, 13), min_size=1, max_size=3, unique=True)
    spoilt = st.booleans()
    return st.tuples(runs, lost, spoilt, cases.one_of(0.0, 0.125)).map(accuracies)


exercise = Exercise(
    task="Two trainings, an accuracy per seed, the same seeds in the same order; NaN where a run "
    "diverged. Of the seeds in which both ended, return 1 (holds) if ours is better in every one, "
    "and by `cutoff` or more on average; -1 (fails) if it is better in none; 0 (depends) "
    "otherwise, and 0 if fewer than 5 are left.",
    lines=6,
    spec=spec,
    answer=decide_by_pairs,
    cases=seeds,
    laws=(PAIRS, AVERAGE, ENDED),
    hints=(
        "What decides is a difference for each seed, not a difference of two means.",
        "(ours - theirs) is NaN exactly where one of the two diverged.",
        "lead[lead.isfinite()] are the seeds that count; (lead > 0).all() asks every one of them.",
    ),
    mistakes={
        compares_the_means: PAIRS,
        compares_the_best: PAIRS,
        takes_a_majority: PAIRS,
        asks_for_no_size: AVERAGE,
        asks_every_seed_for_the_cutoff: AVERAGE,
        calls_a_diverged_run_zero: ENDED,
        lets_nan_decide: ENDED,
        averages_each_side_alone: ENDED,
        is_content_with_few: ENDED,
    },
)
