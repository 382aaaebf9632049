"""Weight decay beside a threshold that always fires: which other settings make the same run?"""

from functools import cache
from typing import TYPE_CHECKING, Any

from gradlab.course.exercises.checking import cases
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def spec(lr: float, max_norm: float, weight_decay: float, other: float) -> tuple[float, float]:
    along_the_gradient = lr * max_norm
    off_the_weight = lr * weight_decay
    rate = along_the_gradient / other
    return rate, off_the_weight / rate


def settings_of_the_same_run(
    lr: float, max_norm: float, weight_decay: float, other: float
) -> tuple[float, float]:
    ratio = other / max_norm
    return lr / ratio, weight_decay * ratio


STEP = Law(
    "goes as far along the gradient at every step",
    "A gradient that is always clipped has the length of the threshold, so this part of the step "
    "is the rate times the threshold.",
    lambda lr, max_norm, weight_decay, other, answer: agree(lr * max_norm, answer[0] * other),
)
DECAY = Law(
    "takes the same share off every weight at every step",
    "The decay is added after the clipping, so its part of the step is the rate times the decay, "
    "whatever the threshold.",
    lambda lr, max_norm, weight_decay, other, answer: agree(
        lr * weight_decay, answer[0] * answer[1]
    ),
)


def keeps_everything(
    lr: float, max_norm: float, weight_decay: float, other: float
) -> tuple[float, float]:
    return lr, weight_decay


def keeps_the_decay(
    lr: float, max_norm: float, weight_decay: float, other: float
) -> tuple[float, float]:
    return lr * max_norm / other, weight_decay


def goes_the_other_way(
    lr: float, max_norm: float, weight_decay: float, other: float
) -> tuple[float, float]:
    return lr * other / max_norm, weight_decay * max_norm / other


def scales_both_alike(
    lr: float, max_norm: float, weight_decay: float, other: float
) -> tuple[float, float]:
    return lr * max_norm / other, weight_decay * max_norm / other


@cache
def settings() -> "SearchStrategy[tuple[Any, ...]]":
    """A rate, a threshold, a weight decay that may be 0, and another threshold."""
    from hypothesis import strategies as st

    rates, decays = cases.one_of(0.5, 1.0, 0.125, 0.25, 2.0), cases.one_of(0.25, 0.0, 0.5, 0.125)
    bounds = cases.one_of(1.0, 2.0, 0.5, 4.0, 8.0)
    return st.tuples(rates, bounds, decays, cases.one_of(2.0, 1.0, 4.0, 0.25, 0.125))


exercise = Exercise(
    task="Plain SGD with learning rate `lr` and weight decay, w - lr * (clipped gradient + "
    "weight_decay * w), whose gradient is clipped at `max_norm` and is longer at every step. "
    "Derive the learning rate and the weight decay that make the same run with the threshold "
    "`other`, which always fires too. Return both.",
    lines=2,
    spec=spec,
    answer=settings_of_the_same_run,
    cases=settings,
    laws=(STEP, DECAY),
    hints=(
        "Write the step as two parts: what goes along the gradient, and what goes to the weight.",
        "The first part is lr * max_norm long. Which rate makes it as long with `other`?",
        "The second part is lr * weight_decay * w. The rate has changed, so the decay has to.",
    ),
    mistakes={
        keeps_everything: STEP,
        keeps_the_decay: DECAY,
        goes_the_other_way: STEP,
        scales_both_alike: DECAY,
    },
)
