"""A training run with a throttle: step, rewind to a kept step, fork from it, all of it exactly.

``run = Steered(model, optimizer, lambda: images.batches(64, seed=0), rule=ByNorm(1.0))`` waits;
``run.step(40)`` trains; ``run.rewind(30)`` goes back; ``run.learning_rate`` and ``run.rule`` hold
from the next step on; ``run.branches`` says what happened, in every future that there was.
"""

from gradlab.steering.branch import Branch, Gradient, Taken
from gradlab.steering.state import Bookmark
from gradlab.steering.steered import Steered

__all__ = ["Bookmark", "Branch", "Gradient", "Steered", "Taken"]
