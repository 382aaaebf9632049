"""Adaptive gradient clipping: each unit's gradient measured against the unit's own weights.

Source: Brock, De, Smith & Simonyan 2021, "High-Performance Large-Scale Image Recognition Without
Normalization", section 4.1.
"""

import torch

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import FORM, UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree, length

Ratios = tuple[torch.Tensor, torch.Tensor]


def spec(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    ratios, rows = [], []
    for weight_row, gradient_row in zip(weight, gradient, strict=True):
        ratio = length(gradient_row) / max(length(weight_row), eps)
        ratios.append(ratio)
        rows.append(gradient_row if ratio <= clip_factor else gradient_row * clip_factor / ratio)
    return weight.new_tensor(ratios), torch.stack(rows)


def agc_ratio(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    ratio = gradient.norm(dim=1) / weight.norm(dim=1).clamp(min=eps)
    coefficient = (clip_factor / ratio).clamp(max=1.0)
    return ratio, gradient * coefficient[:, None]


def ratios(weight: torch.Tensor, gradient: torch.Tensor, eps: float) -> list[float]:
    pairs = zip(weight, gradient, strict=True)
    return [length(moves) / max(length(unit), eps) for unit, moves in pairs]


PER_UNIT = Law(
    "measures each unit, a row of the weight, for itself",
    "A gradient that one unit would not notice upsets another, whose weights are small; one ratio "
    "for the whole layer hides that.",
    lambda weight, gradient, clip_factor, eps, answer: all(
        length(unit) < eps or agree(expected, given)
        for unit, expected, given in zip(
            weight, ratios(weight, gradient, eps), answer[0].tolist(), strict=True
        )
    ),
)
FLOOR = Law(
    "counts a weight norm below eps as eps",
    "Without a floor, a unit of zeros would divide by zero, and could never learn.",
    lambda weight, gradient, clip_factor, eps, answer: agree(
        ratios(weight, gradient, eps), answer[0].tolist()
    ),
)
KEEPS = Law(
    "keeps the gradient of a unit whose ratio is within clip_factor",
    "Each unit is clipped for itself, only where it is above, and never enlarged.",
    lambda weight, gradient, clip_factor, eps, answer: all(
        ratio > clip_factor or agree(before, after)
        for ratio, before, after in zip(
            ratios(weight, gradient, eps), gradient, answer[1], strict=True
        )
    ),
)
CLIPS = Law(
    "brings the ratio of a unit above clip_factor down to clip_factor",
    "The clipped row is the row times clip_factor / ratio.",
    lambda weight, gradient, clip_factor, eps, answer: all(
        ratio <= clip_factor or agree(clip_factor, after)
        for ratio, after in zip(
            ratios(weight, gradient, eps), ratios(weight, answer[1], eps), strict=True
        )
    ),
)


def one_ratio_for_the_layer(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    ratio = gradient.norm() / weight.norm().clamp(min=eps)
    return ratio.expand(len(weight)), gradient * (clip_factor / ratio).clamp(max=1.0)


def measures_columns(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    ratio = gradient.norm(dim=0) / weight.norm(dim=0).clamp(min=eps)
    return ratio, gradient * (clip_factor / ratio).clamp(max=1.0)


def forgets_eps(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    return agc_ratio(weight, gradient, clip_factor, 0.0)


def adds_eps(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    ratio = gradient.norm(dim=1) / (weight.norm(dim=1) + eps)
    return ratio, gradient * (clip_factor / ratio).clamp(max=1.0)[:, None]


def turns_the_ratio_over(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    ratio = weight.norm(dim=1) / gradient.norm(dim=1).clamp(min=eps)
    return ratio, gradient * (clip_factor / ratio).clamp(max=1.0)[:, None]


def always_scales(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    ratio, _ = agc_ratio(weight, gradient, clip_factor, eps)
    return ratio, gradient * (clip_factor / ratio.clamp(min=1e-6))[:, None]


def forgets_the_weight_when_clipping(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    ratio, _ = agc_ratio(weight, gradient, clip_factor, eps)
    return ratio, gradient * (clip_factor / gradient.norm(dim=1)).clamp(max=1.0)[:, None]


def multiplies_by_clip_factor(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    ratio, _ = agc_ratio(weight, gradient, clip_factor, eps)
    return ratio, torch.where(ratio[:, None] > clip_factor, gradient * clip_factor, gradient)


def works_in_place(
    weight: torch.Tensor, gradient: torch.Tensor, clip_factor: float, eps: float
) -> Ratios:
    ratio, clipped = agc_ratio(weight, gradient, clip_factor, eps)
    return ratio, gradient.copy_(clipped)


exercise = Exercise(
    task="Return AGC's ratio for each row, the gradient's norm over the weight's (eps at least), "
    "and `gradient` with every row whose ratio is above `clip_factor` scaled down to it.",
    lines=3,
    spec=spec,
    answer=agc_ratio,
    cases=lambda: cases.weight_gradient(
        ((1, 1), (1, 2), (2, 1), (2, 2), (3, 2)),
        cases.one_of(1.0, 0.5, 0.1, 0.01, 4.0),
        cases.one_of(1.0, 0.001, 4.0),
    ),
    laws=(PER_UNIT, FLOOR, KEEPS, CLIPS),
    hints=(
        "A unit is a row: take the norms of rows, not of the whole tensor.",
        "tensor.norm(dim=1) gives one norm per row, and clamp(min=eps) keeps it from being zero.",
        "Multiply each row by (clip_factor / ratio).clamp(max=1.0); [:, None] makes it a column.",
    ),
    mistakes={
        one_ratio_for_the_layer: PER_UNIT,
        measures_columns: FORM,
        adds_eps: PER_UNIT,
        turns_the_ratio_over: PER_UNIT,
        forgets_eps: FLOOR,
        always_scales: KEEPS,
        forgets_the_weight_when_clipping: KEEPS,
        multiplies_by_clip_factor: CLIPS,
        works_in_place: UNTOUCHED,
    },
)
