"""What a diagnosis is answered: what was right about it, or what it was mistaken for."""

from __future__ import annotations

from gradlab.course.lessons.broken_runs.faults import FAULTS, HEALTHY, NAMES, fault

HEALTHY_SIGN = (
    "Both losses fall and stay together, the norm is rough but keeps its size, every row has a "
    "gradient, and every weight moves by about 0.1 to 10 % a step."
)

_RATE, _BATCH, _FROZEN, _APART, _GAIN, _DEAD, _UNSCALED, _PILED, _SOFTMAX, _SORTED, _BF16, _DECAY = (
    one.name for one in FAULTS
)

CONFUSED = {
    (_RATE, _BATCH): "One batch spoils the numbers in one step. Here the steps before it are "
    "already wrong.",
    (_RATE, _PILED): "There the norm climbs slowly, over dozens of steps. Here it multiplies.",
    (_BATCH, _RATE): "The same end, NaN, but another way there: a rate would have shown before.",
    (_BATCH, _GAIN): "A gain acts from the first step on. The first steps here are ordinary.",
    (_FROZEN, HEALTHY): "By its losses it is. That is why a loss curve alone is not enough.",
    (_FROZEN, _DEAD): "A dead layer has gradients of exactly zero (white). This one has none.",
    (_FROZEN, _BF16): "There the weight has a gradient and does not follow it.",
    (_APART, _GAIN): "The loss rests at the same height. But here the first layers have gradients.",
    (_APART, _DEAD): "The loss rests at the same height. But here nothing is exactly zero in rows.",
    (_APART, _SORTED): "Sorted batches make a saw: near zero within a class. This loss is flat.",
    (_APART, _RATE): "No norm rises here, and the steps are of ordinary size.",
    (_GAIN, _DEAD): "Close: nothing arrives in front. But tiny is not zero; look above the bars.",
    (_GAIN, _APART): "The loss rests at the same height. But there, all layers move as in health.",
    (_GAIN, _UNSCALED): "There every layer's gradient is too short by one factor. Here it is the "
    "first layers'.",
    (_DEAD, _GAIN): "Close: nothing arrives in front. But a faded gradient is tiny, not zero.",
    (_DEAD, _FROZEN): "A frozen layer has no gradient (grey). These have one: exactly zero.",
    (_DEAD, _APART): "The loss rests at the same height. But there, all layers have gradients.",
    (_UNSCALED, _GAIN): "A gain makes layers differ. Here all are too short by the same factor.",
    (_UNSCALED, _APART): "There the loss moves, to 2.30. This one stays where it began.",
    (_UNSCALED, _DEAD): "Small is not zero: there are bars in the histogram.",
    (_UNSCALED, _FROZEN): "Every layer has a gradient, and it is the same length at every step.",
    (_PILED, _RATE): "A rate shows at once. Here the first steps are ordinary, and it climbs.",
    (_PILED, _SORTED): "There the loss of the batch is near zero most of the time.",
    (_PILED, _DECAY): "Decay makes weights shorter. Here the gradient becomes longer.",
    (_SOFTMAX, _DECAY): "Both end too high. But this network has no norms, so no gains.",
    (_SOFTMAX, HEALTHY): "It learns, but compare the loss with that of the first run of this page.",
    (_SOFTMAX, _GAIN): "The gradients are short in all layers; there it is the first layers.",
    (_SORTED, _APART): "There no batch is ever learned. Here the loss of the batch comes near 0.",
    (_SORTED, _RATE): "The jumps come at equal distances: they follow the data, not the step size.",
    (_SORTED, _PILED): "There the norm is smooth and climbs. Here it falls to nearly nothing.",
    (_BF16, HEALTHY): "By its losses it is. Look at the maps again, row by row.",
    (_BF16, _FROZEN): "A frozen layer has no gradient (grey, left). These have one.",
    (_BF16, _DECAY): "Decay would move the gains, down. Here they do not move at all.",
    (_DECAY, HEALTHY): "It learns, but its loss stops higher than that of its neighbours.",
    (_DECAY, _BF16): "There the gains do not move. Here they do, all alike.",
    (_DECAY, _SOFTMAX): "That loss cannot fall below 1.46. This one does.",
    (HEALTHY, _RATE): "The loss is rough since each batch is another one. It still falls.",
    (HEALTHY, _PILED): "Norms of a healthy run may rise a little late in training; look at how "
    "rough this curve is.",
    (HEALTHY, _DECAY): "The matrices shrink, as they are asked to; do the gains?",
    (HEALTHY, _BF16): "Every row of the right map has a colour.",
}  # fmt: skip
"""(what it is, what was said) -> what tells the two apart."""


def sign(name: str) -> str:
    """What a run with that diagnosis shows."""
    return HEALTHY_SIGN if name == HEALTHY else fault(name).sign


def reply(truth: str, said: str) -> str:
    """What the reader is told who says ``said`` of a run that is ``truth``.

    Raises:
        ValueError: one of them is no diagnosis.
    """
    for what, name in (("truth", truth), ("said", said)):
        if name not in NAMES:
            raise ValueError(f"{what} must be one of {list(NAMES)}, got {name!r}")
    if said == truth:
        why = "" if truth == HEALTHY else f" {fault(truth).why}"
        return f"Right: {truth}. What gives it away: {sign(truth)}{why}"
    apart = CONFUSED.get((truth, said), "")
    look = "Compare it with the healthy runs." if truth == HEALTHY else fault(truth).look
    expected = f"You took it for: {said}. Then this would be seen: {sign(said)}"
    return " ".join(part for part in (expected, apart, f"Look again: {look}") if part)
