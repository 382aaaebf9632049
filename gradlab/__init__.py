"""gradlab: see what gradient clipping and pruning do to real models.

Two lines record your own training loop, whatever it is; ``gradlab.load`` reads what was saved, and
``gradlab.read_log`` what another tool logged::

    with gradlab.record(model, optimizer, clip=clip.ByNorm(1.0)) as recorder:
        ...                                # the loop, unchanged: backward(), optimizer.step()
    panels.threshold(recorder.recording)   # or .suggest(), .what_if(rule), .save(folder)

A gradient is measured once; every question is answered from the measurement; a picture shows the
answer; a widget moves the question. The house has two halves.

The instrument, which an engineer takes home (``from gradlab import clip, panels``):

- measure: ``histogram``: ``LogHistogram``, a gradient counted by magnitude
- act: ``clip``, rules that limit a gradient, each saying what it did, or would do; ``prune``, which
  weights can go; ``recording``, the gradients of any training loop, and what another threshold
  would have done; ``training``, the step, the loop, and a run with a throttle
- draw: ``draw``, pictures from plain data, internal; ``report``, a figure and a table for a paper
- control: ``panels``, sliders over pictures; ``frameworks``, the recorder in the loops of Trainer,
  Lightning and Accelerate

The course, which a learner walks through (``from gradlab.course import data, models``), built on
the instrument: its data and models, exercises, grids of runs, and ``lessons``, one folder a topic.

Importing ``gradlab`` loads none of them, so it costs nothing beside ``import torch``; a room is
loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradlab.recording.logs.reading import read_log
    from gradlab.recording.record import record
    from gradlab.recording.recording import load

__version__ = "0.1.0"
__all__ = ["load", "read_log", "record"]


_ROOMS = {"load": "recording", "read_log": "logs.reading", "record": "record"}


def __getattr__(name: str) -> Any:
    """Load the room of a public name when it is first asked for."""
    if name in _ROOMS:
        return getattr(import_module(f"gradlab.recording.{_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
