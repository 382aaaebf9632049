"""AutoClip: a threshold that follows the run.

Source: Seetharaman, Wichern, Pardo & Le Roux 2020, "AutoClip: adaptive gradient clipping for source
separation networks", section 2.
"""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import AGREES, FORM, UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree


def spec(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    thresholds = []
    for step in range(len(norms)):
        seen = sorted(norms[: step + 1].tolist())
        place = percentile / 100 * (len(seen) - 1)
        low = int(place)
        high = min(low + 1, len(seen) - 1)
        thresholds.append(seen[low] + (place - low) * (seen[high] - seen[low]))
    return norms.new_tensor(thresholds)


def autoclip_thresholds(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    so_far = [norms[: step + 1] for step in range(len(norms))]
    return torch.stack([seen.quantile(percentile / 100) for seen in so_far])


NO_FUTURE = Law(
    "starts with the first norm, which is all that was seen by then",
    "A run cannot wait for its own end: each threshold comes from this step's norm and the earlier "
    "ones.",
    lambda norms, percentile, answer: agree(norms[0], answer[0]),
)
ENDS = Law(
    "gives the smallest norm so far at percentile 0, and the largest at 100",
    "The percentile is the share of the norms that lie below the threshold; at 100 nothing is ever "
    "clipped.",
    lambda norms, percentile, answer: (
        percentile not in (0.0, 100.0)
        or agree((norms.cummax(0) if percentile else norms.cummin(0)).values, answer)
    ),
)


def looks_ahead(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    return norms.quantile(percentile / 100).expand(len(norms))


def leaves_this_step_out(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    before = [norms[:step] if step else norms.new_zeros(1) for step in range(len(norms))]
    return torch.stack([seen.quantile(percentile / 100) for seen in before])


def counts_from_the_top(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    return autoclip_thresholds(norms, 100 - percentile)


def forgets_all_but_two(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    recent = [norms[max(0, step - 1) : step + 1] for step in range(len(norms))]
    return torch.stack([seen.quantile(percentile / 100) for seen in recent])


def averages(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    return norms.cumsum(0) / torch.arange(1, len(norms) + 1)


def remembers_what_was_clipped(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    seen, thresholds = norms[:0], []
    for norm in norms:
        seen = torch.cat([seen, norm[None]])
        thresholds.append(seen.quantile(percentile / 100))
        seen[-1] = torch.minimum(norm, thresholds[-1])
    return torch.stack(thresholds)


def takes_the_nearest(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    so_far = [norms[: step + 1] for step in range(len(norms))]
    shares = [seen.quantile(percentile / 100, interpolation="lower") for seen in so_far]
    return torch.stack(shares)


def gives_the_last_alone(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    return norms.quantile(percentile / 100)


def sorts_in_place(norms: torch.Tensor, percentile: float) -> torch.Tensor:
    answer = autoclip_thresholds(norms, percentile)
    norms.copy_(norms.sort().values)
    return answer


exercise = Exercise(
    task="Return AutoClip's threshold at every step: the `percentile`, 0 to 100, of the norms up "
    "to and with this step's, as they were before clipping (interpolated, as torch.quantile does).",
    lines=2,
    spec=spec,
    answer=autoclip_thresholds,
    cases=lambda: cases.arguments(cases.norms(), cases.one_of(50.0, 0.0, 100.0, 25.0, 90.0)),
    laws=(NO_FUTURE, ENDS),
    hints=(
        "What is known at a step are the norms up to it: norms[: step + 1].",
        "torch.quantile wants a share from 0 to 1, not a percentage.",
        "torch.stack makes one tensor of a list of numbers that are tensors.",
    ),
    mistakes={
        looks_ahead: NO_FUTURE,
        leaves_this_step_out: NO_FUTURE,
        counts_from_the_top: ENDS,
        forgets_all_but_two: ENDS,
        averages: ENDS,
        remembers_what_was_clipped: AGREES,
        takes_the_nearest: AGREES,
        gives_the_last_alone: FORM,
        sorts_in_place: UNTOUCHED,
    },
)
