"""From which threshold on clipped gradients still point where the mean gradient does."""

from gradlab.course.exercises.checking import samples
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree


def spec(common: float, rare: float, share: float) -> float:
    lowest, highest = 0.0, rare  # at rare nothing is clipped, and the mean points forward
    for _ in range(80):
        middle = (lowest + highest) / 2
        mean = share * min(rare, middle) - (1 - share) * min(common, middle)
        lowest, highest = (lowest, middle) if mean > 0 else (middle, highest)
    return highest


def safe_threshold(common: float, rare: float, share: float) -> float:
    # Up to λ = common both gradients are cut to λ, and their mean is λ (share - (1 - share)): its
    # sign is that of the vote, whatever λ is. So where the rare gradient is not rare (share > 1/2),
    # every λ is safe. Beyond, the common one is whole: the mean is share λ - (1 - share) common,
    # above zero from λ = common (1 - share) / share on. No learning rate repairs a λ below: it
    # changes how far the steps go, not whither. And a larger batch does not, if each example is
    # clipped first. That is the price of clipping skewed gradients, and also why the tails, not the
    # mean norm, decide on λ.
    return 0.0 if share > 0.5 else common * (1 - share) / share


VOTE = Law(
    "is 0 where the forward gradient is the more frequent one",
    "Cut to one length, the gradients vote. If most point forward, so does the clipped mean.",
    lambda common, rare, share, answer: share <= 0.5 or agree(0.0, answer),
)
TOTAL = Law(
    "lets the forward gradients weigh as much as the others, all together",
    "At the threshold, share · λ = (1 - share) · common: how long they are counts, and how many.",
    lambda common, rare, share, answer: share > 0.5 or agree((1 - share) * common, share * answer),
)


def the_larger_one(common: float, rare: float, share: float) -> float:
    return rare


def the_common_one(common: float, rare: float, share: float) -> float:
    return common


def forgets_the_vote(common: float, rare: float, share: float) -> float:
    return common * (1 - share) / share


def the_mean_norm(common: float, rare: float, share: float) -> float:
    return 0.0 if share > 0.5 else share * rare + (1 - share) * common


def turns_the_shares_round(common: float, rare: float, share: float) -> float:
    return 0.0 if share > 0.5 else common * share / (1 - share)


exercise = Exercise(
    task="A gradient is one number: `rare` with probability `share`, otherwise -`common`; both are "
    "above zero, and so is its mean. Every sample is clipped to [-λ, λ] before the average. Return "
    "the λ above which the mean of the clipped gradient is above zero; 0 if every λ will do.",
    lines=1,
    spec=spec,
    answer=safe_threshold,
    cases=samples.skewed,
    laws=(VOTE, TOTAL),
    hints=(
        "Write the mean of the clipped gradient for λ below `common`, then for λ between the two.",
        "Below `common` it is λ (2 share - 1). Above, it is share · λ - (1 - share) · common.",
        "Where is the second one zero? And when is the first one above zero?",
    ),
    mistakes={
        forgets_the_vote: VOTE,
        the_larger_one: VOTE,
        the_common_one: VOTE,
        the_mean_norm: TOTAL,
        turns_the_shares_round: TOTAL,
    },
)
