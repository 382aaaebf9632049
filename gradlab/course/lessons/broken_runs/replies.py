"""What a diagnosis is answered: what was right about it, or what it was mistaken for."""

from __future__ import annotations

from gradlab.course.lessons.broken_runs.faults import (
    APART,
    BATCH,
    BF16,
    DEAD,
    DECAY,
    FROZEN,
    GAIN,
    HEALTHY,
    NAMES,
    PILED,
    RATE,
    SOFTMAX,
    SORTED,
    UNSCALED,
    fault,
)

HEALTHY_SIGN = (
    "Both losses fall and stay together, the norm is rough but keeps its size, every row has a "
    "gradient, and every weight moves by about 0.1 to 10 % a step."
)

CONFUSED = {
    (RATE, BATCH): "One batch spoils the numbers in one step. Here the steps before it are "
    "already wrong.",
    (RATE, PILED): "There the norm climbs slowly, over dozens of steps. Here it multiplies.",
    (BATCH, RATE): "The same end, NaN, but another way there: a rate would have shown before.",
    (BATCH, GAIN): "A gain acts from the first step on. The first steps here are ordinary.",
    (FROZEN, HEALTHY): "By its losses it is. That is why a loss curve alone is not enough.",
    (FROZEN, DEAD): "A dead layer has gradients of exactly zero (white). This one has none.",
    (FROZEN, BF16): "There the weight has a gradient and does not follow it.",
    (APART, GAIN): "The loss rests at the same height. But here no gradient is tiny.",
    (APART, DEAD): "The loss rests at the same height. But here nothing is exactly zero in rows.",
    (APART, SORTED): "Sorted batches make a saw: near zero within a class. This loss is flat.",
    (APART, RATE): "No norm rises here, and the steps are of ordinary size.",
    (GAIN, DEAD): "Close: little arrives in front. But tiny is not zero; look above the bars.",
    (GAIN, APART): "The loss rests at the same height. But there, all layers move as in health.",
    (GAIN, UNSCALED): "There all gradients are short by one factor. Here the biases fade, layer "
    "by layer, towards the first.",
    (DEAD, GAIN): "Close: nothing arrives in front. But a faded gradient is tiny, not zero.",
    (DEAD, FROZEN): "A frozen layer has no gradient (grey). These have one: exactly zero.",
    (DEAD, APART): "The loss rests at the same height. But there, all layers have gradients.",
    (UNSCALED, GAIN): "A gain makes the biases fade towards the first layer. Here all are short "
    "by the same factor.",
    (UNSCALED, APART): "There the loss moves, to 2.30. This one stays where it began.",
    (UNSCALED, DEAD): "Small is not zero: there are bars in the histogram.",
    (UNSCALED, FROZEN): "Every layer has a gradient, and it is the same length at every step.",
    (PILED, RATE): "A rate shows at once. Here the first steps are ordinary, and it climbs.",
    (PILED, SORTED): "There the loss of the batch is near zero most of the time.",
    (PILED, DECAY): "Decay makes weights shorter. Here the gradient becomes longer.",
    (SOFTMAX, DECAY): "Both end too high. But this network has no norms, so no gains.",
    (SOFTMAX, HEALTHY): "It learns, but compare the loss with that of the first run of this page.",
    (SOFTMAX, GAIN): "There the biases fade by powers of ten towards the first layer. Here they "
    "are of one size.",
    (SORTED, APART): "There no batch is ever learned. Here the loss of the batch comes near 0.",
    (SORTED, RATE): "The jumps come at equal distances: they follow the data, not the step size.",
    (SORTED, PILED): "There the norm is smooth and climbs. Here it falls to nearly nothing.",
    (BF16, HEALTHY): "By its losses it is. Look at the maps again, row by row.",
    (BF16, FROZEN): "A frozen layer has no gradient (grey, left). These have one.",
    (BF16, DECAY): "Decay would move the gains, down. Here they do not move at all.",
    (DECAY, HEALTHY): "It learns, but its loss stops higher than that of its neighbours.",
    (DECAY, BF16): "There the gains do not move. Here they do, all alike.",
    (DECAY, SOFTMAX): "That loss cannot fall below 1.46. This one does.",
    (HEALTHY, RATE): "The loss is rough since each batch is another one. It still falls.",
    (HEALTHY, PILED): "Norms of a healthy run may rise a little late in training; look at how "
    "rough this curve is.",
    (HEALTHY, DECAY): "The matrices shrink, as they are asked to; do the gains?",
    (HEALTHY, BF16): "Every row of the right map has a colour.",
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
