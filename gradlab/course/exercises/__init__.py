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

from gradlab.course.exercises.accumulation import exercise as clip_with_accumulation
from gradlab.course.exercises.agc import exercise as agc_ratio
from gradlab.course.exercises.amount import exercise as threshold_for_amount
from gradlab.course.exercises.autoclip import exercise as autoclip_thresholds
from gradlab.course.exercises.by_global_norm import exercise as clip_by_global_norm
from gradlab.course.exercises.by_global_norm_in_place import exercise as clip_by_global_norm_
from gradlab.course.exercises.by_value import exercise as clip_by_value
from gradlab.course.exercises.checking.exercise import Exercise, Result, Text, Verdict
from gradlab.course.exercises.checking.judge import Law
from gradlab.course.exercises.components import exercise as pca_by_svd
from gradlab.course.exercises.cubic import exercise as cubic_amount
from gradlab.course.exercises.firing import exercise as fraction_clipped
from gradlab.course.exercises.held_out import exercise as sparsest_that_holds
from gradlab.course.exercises.linear_chain import exercise as gradient_norm_of_linear_chain
from gradlab.course.exercises.mask import exercise as magnitude_mask
from gradlab.course.exercises.norms import exercise as norm_before_after
from gradlab.course.exercises.rate import exercise as threshold_for_rate
from gradlab.course.exercises.taylor import exercise as taylor_scores
from gradlab.course.exercises.unscaling import exercise as unscale_then_clip
from gradlab.course.exercises.zeros import exercise as sparsity

__all__ = [
    "ALL",
    "Exercise",
    "Law",
    "Result",
    "Verdict",
    "agc_ratio",
    "autoclip_thresholds",
    "clip_by_global_norm",
    "clip_by_global_norm_",
    "clip_by_value",
    "clip_with_accumulation",
    "cubic_amount",
    "fraction_clipped",
    "gradient_norm_of_linear_chain",
    "magnitude_mask",
    "names",
    "norm_before_after",
    "pca_by_svd",
    "sparsest_that_holds",
    "sparsity",
    "taylor_scores",
    "threshold_for_amount",
    "threshold_for_rate",
    "unscale_then_clip",
]

ALL = (
    clip_by_value,
    clip_by_global_norm,
    clip_by_global_norm_,
    norm_before_after,
    fraction_clipped,
    threshold_for_rate,
    unscale_then_clip,
    clip_with_accumulation,
    gradient_norm_of_linear_chain,
    agc_ratio,
    autoclip_thresholds,
    magnitude_mask,
    sparsity,
    threshold_for_amount,
    taylor_scores,
    cubic_amount,
    sparsest_that_holds,
    pca_by_svd,
)
"""Every exercise, from easy to hard."""


def names() -> Text:
    """An overview of all exercises, one per line."""
    return Text("\n".join(repr(exercise) for exercise in ALL))
