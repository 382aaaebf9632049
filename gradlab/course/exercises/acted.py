"""A gradient before and after: which rule acted? A diagnosis from the definitions alone."""

from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from gradlab.course.exercises.checking.cases import shaped
from gradlab.course.exercises.checking.exercise import Exercise
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.checking.values import agree, elements, length

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

NOTHING, BY_NORM, BY_VALUE, EITHER, NEITHER = range(5)


def spec(before: torch.Tensor, after: torch.Tensor) -> int:
    if agree(before, after):
        return NOTHING
    factor, bound = length(after) / length(before), max(map(abs, elements(after)))
    scaled = [factor * element for element in elements(before)]
    limited = [max(-bound, min(bound, element)) for element in elements(before)]
    by_norm = 0 < factor < 1 and agree(scaled, elements(after))
    by_value = bound > 0 and agree(limited, elements(after))
    if by_norm and by_value:
        return EITHER
    return BY_NORM if by_norm else BY_VALUE if by_value else NEITHER


def rule_that_acted(before: torch.Tensor, after: torch.Tensor) -> int:
    if torch.allclose(before, after):
        return 0
    factor, bound = after.norm() / before.norm(), after.abs().max()
    by_norm = 0 < factor < 1 and torch.allclose(factor * before, after)
    by_value = bound > 0 and torch.allclose(before.clamp(-bound, bound), after)
    if by_norm and by_value:
        return 3
    return 1 if by_norm else 2 if by_value else 4


def _answers(kind: int, name: str, idea: str) -> Law:
    return Law(
        name,
        idea,
        lambda before, after, answer: spec(before, after) != kind or answer == kind,
    )


UNCHANGED = _answers(
    NOTHING,
    "answers 0 where every element is as it was",
    "A rule may have stood by, with a threshold that this gradient does not reach: nobody can see.",
)
LENGTH = _answers(
    BY_NORM,
    "answers 1 where one factor below 1 has made the whole gradient shorter, and nothing else "
    "could have",
    "By norm every element is multiplied by the same number, zeros too. Computers round, so "
    "compare with torch.allclose.",
)
ELEMENTS = _answers(
    BY_VALUE,
    "answers 2 where the large elements stand at one bound and the others are as they were, and "
    "nothing else could have done that",
    "The bound is the largest magnitude afterwards. It may be reached by a single element.",
)
BOTH = _answers(
    EITHER,
    "answers 3 where either rule could have done it",
    "If all elements that are not zero have one magnitude, to cut each of them to a bound is to "
    "shorten them all by one factor. From this gradient alone the rule cannot be told.",
)
OTHER = _answers(
    NEITHER,
    "answers 4 where neither rule could have done it",
    "Clipping with a threshold above zero makes no gradient longer, turns no sign, and leaves an "
    "element that is not zero not zero.",
)


def never_says_nothing(before: torch.Tensor, after: torch.Tensor) -> int:
    return rule_that_acted(before, after) or 3


def compares_exactly(before: torch.Tensor, after: torch.Tensor) -> int:
    found, factor = rule_that_acted(before, after), after.norm() / before.norm()
    return 4 if found == 1 and not torch.equal(factor * before, after) else found


def divides_element_by_element(before: torch.Tensor, after: torch.Tensor) -> int:
    ratios = after / before
    found = rule_that_acted(before, after)
    return 4 if found == 1 and not torch.allclose(ratios, ratios.flatten()[:1]) else found


def looks_at_the_largest_alone(before: torch.Tensor, after: torch.Tensor) -> int:
    found = rule_that_acted(before, after)
    return 2 if found in (1, 2) and after.abs().max() < before.abs().max() else found


def wants_two_at_the_bound(before: torch.Tensor, after: torch.Tensor) -> int:
    found, magnitudes = rule_that_acted(before, after), after.abs()
    return 4 if found == 2 and (magnitudes == magnitudes.max()).sum() < 2 else found


def asks_the_direction_first(before: torch.Tensor, after: torch.Tensor) -> int:
    found = rule_that_acted(before, after)
    return 1 if found == 3 else found


def blames_by_value_for_the_rest(before: torch.Tensor, after: torch.Tensor) -> int:
    found = rule_that_acted(before, after)
    return 2 if found == 4 else found


def takes_any_factor(before: torch.Tensor, after: torch.Tensor) -> int:
    found, factor = rule_that_acted(before, after), after.norm() / before.norm()
    return 1 if found == 4 and torch.allclose(factor * before, after) else found


def takes_a_bound_of_zero(before: torch.Tensor, after: torch.Tensor) -> int:
    found = rule_that_acted(before, after)
    return 2 if found == 4 and not after.any() else found


@cache
def changed() -> "SearchStrategy[tuple[Any, ...]]":
    """A gradient, and what a rule, or something else, has made of it."""
    from hypothesis import strategies as st

    def change(drawn: tuple[list[torch.Tensor], str, float]) -> tuple[torch.Tensor, torch.Tensor]:
        (before,), how, size = drawn
        magnitude = before.abs().max()
        if how == "equal":
            before = magnitude * before.sign()
        after = {
            "nothing": before,
            "norm": size * before,
            "equal": size * before,
            "value": before.clamp(-size * magnitude, size * magnitude),
            "longer": before / size,
            "turned": -size * before,
            "gone": 0 * before,
            "dropped": torch.where(before.abs() > size * magnitude, before, 0.0),
            "part": torch.cat([size * before[:1], before[1:]]),
        }[how]
        return before, after.clone()

    gradients = st.one_of([shaped((n,)) for n in (2, 3, 4, 1)])
    hows = ("value", "norm", "nothing", "equal", "longer", "turned", "gone", "dropped", "part")
    sizes = st.sampled_from((0.5, 0.7, 0.3))
    return st.tuples(gradients, st.sampled_from(hows), sizes).map(change)


exercise = Exercise(
    task="A gradient `before`, and what was handed to the optimizer, `after`. Which rule acted? "
    "Return 0 if nothing was changed, 1 if clipping by norm did it, 2 if clipping by value did it, "
    "3 if either can have done it, 4 if neither can. Thresholds are above 0. Elements are compared "
    "as torch.allclose does.",
    lines=7,
    spec=spec,
    answer=rule_that_acted,
    cases=changed,
    laws=(UNCHANGED, LENGTH, ELEMENTS, BOTH, OTHER),
    hints=(
        "Both rules leave a trace. By norm: every element times one factor. By value: which "
        "elements are as they were, and where do the others stand?",
        "If it was by norm, the factor was after.norm() / before.norm(). If it was by value, the "
        "bound was after.abs().max(). Make `after` again from each, and compare.",
        "Two yes-or-no answers have four combinations. Where is a factor no clip, and what if the "
        "bound is 0?",
    ),
    mistakes={
        never_says_nothing: UNCHANGED,
        compares_exactly: LENGTH,
        divides_element_by_element: LENGTH,
        looks_at_the_largest_alone: LENGTH,
        wants_two_at_the_bound: ELEMENTS,
        asks_the_direction_first: BOTH,
        blames_by_value_for_the_rest: OTHER,
        takes_any_factor: OTHER,
        takes_a_bound_of_zero: OTHER,
    },
)
