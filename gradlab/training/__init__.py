"""Training: one step, the loop over it, a whole run, and a run with a throttle.

``step(model, optimizer, batch, clip=ByNorm(1.0))`` is all there is to training; ``steps`` loops
over it, ``train`` returns what happened, and ``Steered`` waits between two steps::

    run = Steered(model, optimizer, lambda: images.batches(64, seed=0), clip=ByNorm(1.0))
    run.step(40)               # trains
    run.rewind(30)             # goes back, exactly
    run.clip = ByNorm(0.1)     # holds from the next step on
    run.step(10)
    run.branches               # what happened, in every future that there was

- ``loop``, ``run``: the step, the loop, the whole run
- ``divergence``: the first layer at which a network left the finite numbers
- ``steered``, ``state``, ``stream``, ``branch``: the run with a throttle, what it keeps, and what
  happened in it
"""

from gradlab.training.loop import step, steps
from gradlab.training.run import train
from gradlab.training.steered import Steered

__all__ = ["Steered", "step", "steps", "train"]
