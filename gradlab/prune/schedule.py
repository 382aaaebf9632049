"""How much to prune, and when: at once, or a little at a time while training goes on."""

from __future__ import annotations

from dataclasses import dataclass

from gradlab.arguments import whole, within


@dataclass(frozen=True)
class Schedule:
    """The share of the weights that is to be gone after each step, fast at first and slow at last.

    ``s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3`` for t in {t_0, t_0 + dt, ..., t_0 + n dt}
    with s_f = ``final``, s_i = ``initial``, t_0 = ``first``, dt = ``every``, and t_0 + n dt =
    ``last``. Between two such steps, and outside of them, nothing is to be done. Where ``first`` is
    ``last``, everything goes at once.

    A training loop asks it after each step::

        for step in train.steps(model, optimizer, batches):
            if (amount := schedule(step.number)) is not None:
                prune.prune_to_(model, amount)

    Source: Zhu & Gupta 2017, "To prune, or not to prune: exploring the efficacy of pruning for
    model compression", eq. 1.

    Args:
        final: dimensionless, in [0, 1]: the amount in the end.
        first: the step after which the first weights go, 0 or more.
        last: the step after which the last ones go, ``first`` or more.
        every: steps from one cut to the next, 1 or more; the last one comes at ``last`` in any
            case.
        initial: dimensionless, in [0, ``final``]: the amount at ``first``.

    Raises:
        ValueError: an argument is not a number, or out of its range.

    >>> gradual = Schedule(0.5, first=0, last=4)
    >>> [gradual(step) for step in range(6)]
    [0.0, 0.2890625, 0.4375, 0.4921875, 0.5, None]
    >>> at_once = Schedule(0.8, first=2, last=2)
    >>> [at_once(step) for step in range(4)]
    [None, None, 0.8, None]
    """

    final: float
    first: int
    last: int
    every: int = 1
    initial: float = 0.0

    def __post_init__(self) -> None:
        within("final", self.final, 0, 1)
        within("initial", self.initial, 0, self.final)
        whole("first", self.first, 0)
        whole("last", self.last, self.first)
        whole("every", self.every)

    def __call__(self, step: int) -> float | None:
        """The amount that is to be gone after this step; None where nothing is to be done."""
        since, span = step - self.first, self.last - self.first
        if not 0 <= since <= span or (since % self.every and since != span):
            return None
        left = 1 - since / span if span else 0.0
        return self.final + (self.initial - self.final) * left**3
