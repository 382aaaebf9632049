"""exercises: functions to write, that check themselves.

In a notebook, start from a stub, write the lines that are missing, and ask::

    from gradlab.course import exercises

    exercises.names()                                # all of them
    exercises.clip_by_value.stub                     # the cell to start from
    exercises.clip_by_value.check(my_function)       # the smallest input that shows what is wrong
    exercises.clip_by_value.hint()                   # an idea; again, for more of it
    exercises.clip_by_value.solution()               # the code of a solution

``check`` tries a few hundred inputs, always the same, and answers within about two seconds,
whatever the function does. Each exercise lives in one module with all that belongs to it: the
definition as slow and obvious Python, the laws that every right function obeys, the hints, a
solution, and the typical wrong answers, each with the law that catches it.
"""

from __future__ import annotations

from importlib import import_module

from gradlab.course.exercises.checking.exercise import Exercise, Text

__all__ = ["ALL", "names"]

_FROM_EASY_TO_HARD = (
    "by_value",
    "by_global_norm",
    "by_global_norm_in_place",
    "norms",
    "firing",
    "acted",
    "rate",
    "unscaling",
    "accumulation",
    "linear_chain",
    "safe",
    "agc",
    "autoclip",
    "mask",
    "zeros",
    "columns",
    "amount",
    "taylor",
    "removal",
    "cubic",
    "held_out",
    "averages",
    "start",
    "mirrored",
    "components",
    "pairwise",
    "bracket",
    "control",
    "same_run",
    "interval",
    "fair",
    "typical",
    "pairs",
    "iou",
    "ap",
    "normaliser",
    "isolated",
    "attention",
    "spike_bound",
    "whose_fault",
)

ALL: tuple[Exercise, ...] = tuple(
    import_module(f"{__name__}.{module}").exercise for module in _FROM_EASY_TO_HARD
)
"""Every exercise, from easy to hard; each is also an attribute of this package by its name."""

_BY_NAME = {exercise.name: exercise for exercise in ALL}


def __getattr__(name: str) -> Exercise:
    if name in _BY_NAME:
        return _BY_NAME[name]
    raise AttributeError(f"there is no exercise {name!r}, only {', '.join(_BY_NAME)}")


def __dir__() -> list[str]:
    return [*__all__, *_BY_NAME]


def names() -> Text:
    """An overview of all exercises, one per line."""
    return Text("\n".join(repr(exercise) for exercise in ALL))
