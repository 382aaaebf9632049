"""Batches or weights? The two control runs that tell what made a loss spike.

Source: Chowdhery et al. 2022, "PaLM", section 5.1: the batches around a spike, given to the weights
of another moment, made no spike.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def spec(other_weights: torch.Tensor, other_batches: torch.Tensor, level: float) -> int:
    batches_alone = weights_alone = False
    for loss in other_weights.tolist():
        batches_alone = batches_alone or loss > level
    for loss in other_batches.tolist():
        weights_alone = weights_alone or loss > level
    return {(True, False): 1, (False, True): 2, (False, False): 3, (True, True): 0}[
        batches_alone, weights_alone
    ]


def cause_of_spike(other_weights: torch.Tensor, other_batches: torch.Tensor, level: float) -> int:
    batches_alone, weights_alone = other_weights.max() > level, other_batches.max() > level
    if batches_alone and weights_alone:
        return 0
    return 1 if batches_alone else 2 if weights_alone else 3


def _spikes(losses: torch.Tensor, level: float) -> bool:
    return bool((losses > level).any())


CONTROL = Law(
    "names what both runs that spiked have in common",
    "A spike with other weights is not these weights' fault: the batches make it. A spike with "
    "other batches is not these batches' fault: the weights and the rate make it.",
    lambda other_weights, other_batches, level, answer: (
        _spikes(other_weights, level) == _spikes(other_batches, level)
        or answer == spec(other_weights, other_batches, level)
    ),
)
TOGETHER = Law(
    "calls it both together where neither control spikes, and says nothing where both do",
    "PaLM's authors found neither alone enough. Where both controls spike, each is enough, and the "
    "controls cannot tell which of them did it.",
    lambda other_weights, other_batches, level, answer: (
        answer == spec(other_weights, other_batches, level)
    ),
)


def swaps_the_controls(
    other_weights: torch.Tensor, other_batches: torch.Tensor, level: float
) -> int:
    return cause_of_spike(other_batches, other_weights, level)


def always_blames_the_batch(
    other_weights: torch.Tensor, other_batches: torch.Tensor, level: float
) -> int:
    return 1


def runs_one_control(other_weights: torch.Tensor, other_batches: torch.Tensor, level: float) -> int:
    return 1 if other_weights.max() > level else 2


def takes_both_for_together(
    other_weights: torch.Tensor, other_batches: torch.Tensor, level: float
) -> int:
    return cause_of_spike(other_weights, other_batches, level) or 3


def counts_the_level_itself(
    other_weights: torch.Tensor, other_batches: torch.Tensor, level: float
) -> int:
    return cause_of_spike(other_weights, other_batches, level - 0.01)


def asks_the_last_loss(
    other_weights: torch.Tensor, other_batches: torch.Tensor, level: float
) -> int:
    return cause_of_spike(other_weights[-1:], other_batches[-1:], level)


@cache
def controls() -> "SearchStrategy[tuple[Any, ...]]":
    """Losses of both controls, a spike in either or none, and a level."""
    from hypothesis import strategies as st

    def losses(drawn: tuple[list[int], bool, int]) -> torch.Tensor:
        quarters, spike, place = drawn
        seen = torch.tensor(quarters, dtype=torch.float32, device="cpu") / 4
        if spike:
            seen[place % len(seen)] += 4
        return seen

    run = st.tuples(
        st.lists(st.integers(2, 6), min_size=2, max_size=5), st.booleans(), st.integers(0, 4)
    ).map(losses)
    return st.tuples(run, run, st.sampled_from((4.0, 1.5)))


exercise = Exercise(
    task="A run spiked. Two control runs start before the spike: `other_weights` are the losses of "
    "the same batches given to the weights of another moment, `other_batches` those of the same "
    "weights given other batches. A control spikes if any loss is above `level`. Return 1 if the "
    "batches alone make the spike, 2 if the weights (with the rate) alone do, 3 if only both "
    "together do, 0 if the controls cannot tell.",
    lines=3,
    spec=spec,
    answer=cause_of_spike,
    cases=controls,
    laws=(CONTROL, TOGETHER),
    hints=(
        "What does the first control share with the run that spiked? And the second?",
        "If the same batches spike with other weights too, these weights are not needed for it.",
        "Two yes-or-no answers have four combinations; each has its own number.",
    ),
    mistakes={
        swaps_the_controls: CONTROL,
        always_blames_the_batch: CONTROL,
        runs_one_control: TOGETHER,
        takes_both_for_together: TOGETHER,
        counts_the_level_itself: CONTROL,
        asks_the_last_loss: CONTROL,
    },
)
