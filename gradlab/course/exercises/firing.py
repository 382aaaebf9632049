"""How often would a threshold have fired? The first question to ask of a recording."""

import math

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import ANSWERS, Law
from gradlab.course.exercises.checking.values import agree


def spec(norms: torch.Tensor, max_norm: float) -> float:
    taken = [norm for norm in norms.tolist() if math.isfinite(norm)]
    fired = [norm for norm in taken if norm > max_norm]
    return len(fired) / len(taken)


def fraction_clipped(norms: torch.Tensor, max_norm: float) -> float:
    taken = norms[norms.isfinite()]
    return float((taken > max_norm).float().mean())


def all_finite(norms: torch.Tensor) -> bool:
    return bool(norms.isfinite().all())


ABOVE = Law(
    "counts the steps whose norm is above max_norm, as a share of all steps",
    "Clipping by norm shortens those and leaves the others alone.",
    lambda norms, max_norm, answer: (
        not all_finite(norms)
        or bool((norms == max_norm).any())
        or agree(spec(norms, max_norm), answer)
    ),
)
STRICT = Law(
    "does not count a norm of exactly max_norm",
    "min(1, max_norm / norm) is 1 there. (torch divides by norm + 1e-6 and takes a millionth off, "
    "which nobody will notice.)",
    lambda norms, max_norm, answer: not all_finite(norms) or agree(spec(norms, max_norm), answer),
)
TAKEN = Law(
    "leaves out steps whose norm is infinite or NaN, above the line and below",
    "Such a step is not taken: under mixed precision the scaler skips it. It says nothing about "
    "the threshold.",
    lambda norms, max_norm, answer: agree(spec(norms, max_norm), answer),
)


def counts_what_is_below(norms: torch.Tensor, max_norm: float) -> float:
    return 1 - fraction_clipped(norms, max_norm)


def gives_a_count(norms: torch.Tensor, max_norm: float) -> float:
    return fraction_clipped(norms, max_norm) * len(norms[norms.isfinite()])


def gives_percent(norms: torch.Tensor, max_norm: float) -> float:
    return 100 * fraction_clipped(norms, max_norm)


def averages_the_coefficients(norms: torch.Tensor, max_norm: float) -> float:
    taken = norms[norms.isfinite()]
    return float((max_norm / (taken + 1e-6)).clamp(max=1).mean())


def counts_equal_too(norms: torch.Tensor, max_norm: float) -> float:
    taken = norms[norms.isfinite()]
    return float((taken >= max_norm).float().mean())


def trusts_the_millionth(norms: torch.Tensor, max_norm: float) -> float:
    taken = norms[norms.isfinite()]
    return float((max_norm / (taken + 1e-6) < 1).float().mean())


def counts_infinity_as_clipped(norms: torch.Tensor, max_norm: float) -> float:
    return float((norms > max_norm).float().mean())


def divides_by_all_steps(norms: torch.Tensor, max_norm: float) -> float:
    return float((norms[norms.isfinite()] > max_norm).sum() / len(norms))


def sees_nan_but_not_infinity(norms: torch.Tensor, max_norm: float) -> float:
    return float((norms[~norms.isnan()] > max_norm).float().mean())


def refuses_what_is_not_finite(norms: torch.Tensor, max_norm: float) -> float:
    if not all_finite(norms):
        raise ValueError("norms must be finite")
    return fraction_clipped(norms, max_norm)


exercise = Exercise(
    task="Return the fraction of the steps that clipping by norm would have changed, given the "
    "total norm of each; steps with a norm that is not finite were not taken.",
    lines=2,
    spec=spec,
    answer=fraction_clipped,
    cases=lambda: cases.arguments(cases.recorded_norms(), cases.thresholds()),
    laws=(ABOVE, STRICT, TAKEN),
    hints=(
        "No gradient is needed: its norm decides alone whether the threshold fires.",
        "norms > max_norm is a tensor of True and False; the mean of it, as floats, is a fraction.",
        "norms[norms.isfinite()] are the steps that were taken.",
    ),
    mistakes={
        counts_what_is_below: ABOVE,
        gives_a_count: ABOVE,
        gives_percent: ABOVE,
        averages_the_coefficients: ABOVE,
        counts_equal_too: STRICT,
        trusts_the_millionth: STRICT,
        counts_infinity_as_clipped: TAKEN,
        divides_by_all_steps: TAKEN,
        sees_nan_but_not_infinity: TAKEN,
        refuses_what_is_not_finite: ANSWERS,
    },
)
