"""gradlab: see what gradient clipping and pruning do to real models.

Two lines record your own training loop, whatever it is; ``gradlab.load`` reads what was saved::

    with gradlab.record(model, optimizer, clip=clip.ByNorm(1.0)) as recorder:
        ...                                # the loop, unchanged: backward(), optimizer.step()
    panels.threshold(recorder.recording)   # or .suggest(), .what_if(rule), .save(folder)

A gradient is measured once; every question is answered from the measurement; a picture shows the
answer; a widget moves the question.

Rooms, in the order in which they may import each other (``from gradlab import clip, panels``):

- ``arguments``: checks that name the argument, what is allowed, and what was given
- ``device``: where to run, how much to run, and how to make a run repeatable
- ``data``: real images and a text without a download, and the usual data sets with one
- ``models``: every network of the course
- ``exercises``: functions to write, that check themselves
- ``patterns``, ``histogram``: ``LogHistogram``, a gradient counted by magnitude, and the questions
  it answers
- ``clip``: the rules that limit a gradient, each saying what it did
- ``depth``, ``recurrence``, ``cliff``, ``geometry``, ``per_sample``: gradients measured through
  layers, through time, at a cliff, in the plane, and example by example
- ``whatif``, ``divergence``: what a rule would do, and where a run left the finite numbers
- ``recording``: the gradients of any training loop, and what another threshold would have done
- ``train``, ``steering``: the training loop, and one with a throttle: rewind, fork
- ``compare``: what all rules would do at equal strength
- ``prune``: which weights can go; scores, masks, schedules, and channels that really leave
- ``sweep``, ``experiments``, ``claims``: grids of runs that survive a crash, the course's own, and
  what they say about the sources' claims
- ``draw``: pictures from plain data
- ``live``: a picture that repaints only what moved
- ``report``: a recording as a figure and a table for a paper
- ``panels``: sliders over pictures

Importing ``gradlab`` loads none of them, so it costs nothing beside ``import torch``; a room is
loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradlab.recording import load, record

__version__ = "0.1.0"
__all__ = ["load", "record"]


def __getattr__(name: str) -> Any:
    """Load the room of ``record`` and ``load`` when one of them is first asked for."""
    if name in __all__:
        from gradlab import recording

        return getattr(recording, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
