"""What happened in a steered run, as plain data: its steps, branch by branch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradlab.clip import Rule
from gradlab.histogram import LogHistogram


class Taken(NamedTuple):
    """One step that was taken.

    Args:
        loss: of the batch, before the step.
        total_norm: of the whole gradient before clipping.
        coefficient: norm after clipping / norm before.
        fired: whether clipping changed anything.
        learning_rate: of the optimizer's first group.
        clip: the rule that clipped; None: nothing was clipped.
    """

    loss: float
    total_norm: float
    coefficient: float
    fired: bool
    learning_rate: float
    clip: Rule | None


@dataclass(frozen=True, eq=False)
class Branch:
    """One future of a run, from its very first step on; arrays have a row for each step.

    Args:
        steps: all of them, those before the fork too.
        parent: index of the branch that it left; None: of none.
        forked_at: after how many steps it left it.
        diverged: where an infinity or a NaN ended it; None: nothing did.
    """

    steps: tuple[Taken, ...] = ()
    parent: int | None = None
    forked_at: int = 0
    diverged: str | None = None

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def loss(self) -> NDArray[np.float64]:
        """(n,): of the batch, before the step."""
        return np.array([step.loss for step in self.steps], np.float64)

    @cached_property
    def total_norm(self) -> NDArray[np.float64]:
        """(n,): norm of the whole gradient before clipping."""
        return np.array([step.total_norm for step in self.steps], np.float64)

    @cached_property
    def coefficient(self) -> NDArray[np.float64]:
        """(n,): norm after clipping / norm before."""
        return np.array([step.coefficient for step in self.steps], np.float64)

    @cached_property
    def fired(self) -> NDArray[np.bool_]:
        """(n,): whether clipping changed anything."""
        return np.array([step.fired for step in self.steps], np.bool_)

    @cached_property
    def learning_rate(self) -> NDArray[np.float64]:
        """(n,): of the optimizer's first group."""
        return np.array([step.learning_rate for step in self.steps], np.float64)

    @cached_property
    def max_norm(self) -> NDArray[np.float64]:
        """(n,): bound of a norm that was in force; NaN where the rule bounded something else."""
        rules = (step.clip for step in self.steps)
        bounds = [c.bound if c and c.bound_name == "max_norm" else nan for c in rules]
        return np.array(bounds, np.float64)


class Gradient(NamedTuple):
    """All elements of the gradient of one step, before and after clipping.

    Args:
        before: counted before clipping.
        after: counted after it; None: ``coefficient`` times those before, every one.
        coefficient: norm after clipping / norm before.
    """

    before: LogHistogram
    after: LogHistogram | None
    coefficient: float

    def shares(self, edges: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The fractions of the elements in each interval of magnitudes, before and after.

        Args:
            edges: (n + 1,) increasing positive magnitudes.

        Returns:
            Two arrays (n,); interval i is (edges[i], edges[i + 1]].
        """
        before = self.before.shares(edges)
        if self.after is not None:
            return before, self.after.shares(edges)
        if not self.coefficient:  # dropped: nothing is left that an interval could hold
            return before, np.zeros_like(before)
        return before, self.before.shares(np.asarray(edges) / self.coefficient)
