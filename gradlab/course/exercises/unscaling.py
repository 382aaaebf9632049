"""Clip under automatic mixed precision, where gradients come multiplied by a scale."""

import math

import torch

from gradlab.course.exercises.by_global_norm import Gradients, clip_by_global_norm, same_direction
from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import ANSWERS, UNTOUCHED, Law
from gradlab.course.exercises.checking.values import agree, elements, length


def spec(
    scaled_gradients: list[torch.Tensor], scale: float, max_norm: float
) -> list[torch.Tensor] | None:
    for element in elements(scaled_gradients):
        if not math.isfinite(element):
            return None
    gradients = [gradient / scale for gradient in scaled_gradients]
    total_norm = length(gradients)
    if total_norm <= max_norm:
        return gradients
    return [gradient * (max_norm / total_norm) for gradient in gradients]


def unscale_then_clip(
    scaled_gradients: list[torch.Tensor], scale: float, max_norm: float
) -> list[torch.Tensor] | None:
    gradients = [gradient / scale for gradient in scaled_gradients]
    total_norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    if not total_norm.isfinite():
        return None
    coefficient = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    return [gradient * coefficient for gradient in gradients]


def is_finite(gradients: Gradients) -> bool:
    return all(math.isfinite(element) for element in elements(gradients))


def unscaled(scaled_gradients: Gradients, scale: float) -> Gradients:
    return [gradient / scale for gradient in scaled_gradients]


SKIPS = Law(
    "returns None where an element is infinite or NaN",
    "The scale was too large: the step is skipped. Times any coefficient, inf stays inf or becomes "
    "NaN, and a zero in its place would be a made-up gradient.",
    lambda gradients, scale, max_norm, answer: is_finite(gradients) or answer is None,
)
DIRECTION = Law(
    "scales all elements of all tensors by one number",
    "Unscaling and clipping by norm both shorten a gradient and keep its direction.",
    lambda gradients, scale, max_norm, answer: (
        not is_finite(gradients) or same_direction(unscaled(gradients, scale), answer)
    ),
)
WITHIN = Law(
    "gives back the unscaled gradient where its norm is within max_norm",
    "max_norm is meant for the true gradient: divide by the scale first, then measure. Clipping "
    "first makes the true gradient shorter by the whole scale.",
    lambda gradients, scale, max_norm, answer: (
        not is_finite(gradients)
        or length(unscaled(gradients, scale)) > max_norm
        or agree(unscaled(gradients, scale), answer)
    ),
)
BOUND = Law(
    "brings an unscaled norm above max_norm down to max_norm",
    "After unscaling, it is ordinary clipping: the coefficient is max_norm / total_norm.",
    lambda gradients, scale, max_norm, answer: (
        not is_finite(gradients)
        or length(unscaled(gradients, scale)) <= max_norm
        or agree(max_norm, length(answer))
    ),
)


def clips_before_unscaling(gradients: Gradients, scale: float, max_norm: float) -> Gradients | None:
    if not is_finite(gradients):
        return None
    return unscaled(clip_by_global_norm(gradients, max_norm), scale)


def forgets_to_unscale(gradients: Gradients, scale: float, max_norm: float) -> Gradients | None:
    return clip_by_global_norm(gradients, max_norm) if is_finite(gradients) else None


def scales_again(gradients: Gradients, scale: float, max_norm: float) -> Gradients | None:
    if not is_finite(gradients):
        return None
    return clip_by_global_norm([gradient * scale for gradient in gradients], max_norm)


def forgets_to_clip(gradients: Gradients, scale: float, max_norm: float) -> Gradients | None:
    return unscaled(gradients, scale) if is_finite(gradients) else None


def lets_infinity_through(gradients: Gradients, scale: float, max_norm: float) -> Gradients:
    return clip_by_global_norm(unscaled(gradients, scale), max_norm)


def sees_inf_but_not_nan(gradients: Gradients, scale: float, max_norm: float) -> Gradients | None:
    if any(bool(gradient.isinf().any()) for gradient in gradients):
        return None
    return clip_by_global_norm(unscaled(gradients, scale), max_norm)


def looks_at_the_first_tensor(
    gradients: Gradients, scale: float, max_norm: float
) -> Gradients | None:
    if not is_finite(gradients[:1]):
        return None
    return clip_by_global_norm(unscaled(gradients, scale), max_norm)


def puts_zeros_for_infinity(gradients: Gradients, scale: float, max_norm: float) -> Gradients:
    finite = [gradient.nan_to_num(0.0, 0.0, 0.0) for gradient in gradients]
    return clip_by_global_norm(unscaled(finite, scale), max_norm)


def raises_on_infinity(gradients: Gradients, scale: float, max_norm: float) -> Gradients:
    if not is_finite(gradients):
        raise ValueError("non-finite gradient")
    return clip_by_global_norm(unscaled(gradients, scale), max_norm)


def clips_each_tensor_alone(
    gradients: Gradients, scale: float, max_norm: float
) -> Gradients | None:
    if not is_finite(gradients):
        return None
    return [clip_by_global_norm([g], max_norm)[0] for g in unscaled(gradients, scale)]


def unscales_in_place(gradients: Gradients, scale: float, max_norm: float) -> Gradients | None:
    if not is_finite(gradients):
        return None
    return clip_by_global_norm([gradient.div_(scale) for gradient in gradients], max_norm)


exercise = Exercise(
    task="Return `scaled_gradients` divided by `scale`, then clipped by total norm to `max_norm`; "
    "None, to skip the step, if any element is infinite or NaN.",
    lines=5,
    spec=spec,
    answer=unscale_then_clip,
    cases=lambda: cases.arguments(
        cases.overflowing(),
        cases.one_of(2.0, 4.0, 0.5, 1024.0),
        cases.thresholds(),
    ),
    laws=(SKIPS, DIRECTION, WITHIN, BOUND),
    hints=(
        "max_norm is about the true gradient, so get that one first.",
        "Divide every tensor by scale; if the total norm is not finite, return None; then clip.",
        "total_norm.isfinite() is False for inf and for NaN, and one of them anywhere spoils the "
        "norm.",
    ),
    mistakes={
        clips_before_unscaling: WITHIN,
        forgets_to_unscale: WITHIN,
        scales_again: WITHIN,
        forgets_to_clip: BOUND,
        lets_infinity_through: SKIPS,
        sees_inf_but_not_nan: SKIPS,
        looks_at_the_first_tensor: SKIPS,
        puts_zeros_for_infinity: SKIPS,
        raises_on_infinity: ANSWERS,
        clips_each_tensor_alone: DIRECTION,
        unscales_in_place: UNTOUCHED,
    },
)
