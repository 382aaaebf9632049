"""Logged norms as plain data, and the questions that they answer."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from gradlab.arguments import positive
from gradlab.clip import ByNorm, Rule
from gradlab.recording.ceiling import ceiling
from gradlab.recording.counterfactual import Norms, WhatIf, by_norms
from gradlab.recording.suggestion import Judgement, Suggestions, judge, suggest

AT_BOUND = 1e-3
"""Norms that never pass the threshold by more than this share were logged after clipping."""

_SURE = 1.96  # standard deviations that hold 95 % of a normal distribution


@dataclass(frozen=True, eq=False)
class Log:
    """The norm of the whole gradient at those steps at which a tool logged it.

    Args:
        source: where it was read.
        column: the name that the norms have there.
        steps: (n,) int64; the tool's own numbers, ascending.
        total_norm: (n,) float64; as logged: infinite or NaN where it was.
        learning_rate: (n,) float64; NaN where it was not logged.
    """

    source: str
    column: str
    steps: NDArray[np.int64]
    total_norm: NDArray[np.float64]
    learning_rate: NDArray[np.float64]

    def __post_init__(self) -> None:
        for value in (self.steps, self.total_norm, self.learning_rate):
            value.setflags(write=False)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def every(self) -> int:
        """How many steps usually lie between two that were logged; 1: none was left out."""
        return int(np.median(np.diff(self.steps))) if len(self) > 1 else 1

    @property
    def sparse(self) -> bool:
        """Whether steps are missing, even one."""
        return bool((np.diff(self.steps) > 1).any())

    def what_if(self, clip: Rule) -> WhatIf:
        """What the rule ``clip`` would have done to the logged gradients.

        Args:
            clip: a rule on the norm of the whole gradient. One that follows the run, as ``ZClip``,
                needs a log without gaps.

        Raises:
            TypeError: a rule that goes by more than the norm of everything.
            ValueError: the rule follows the run, and steps are missing; or it goes by another norm
                than the 2-norm.

        Note:
            Only right if the log holds norms from before clipping: ``judge`` looks at that.
        """
        if not isinstance(clip, Rule) or clip.part != "everything":
            raise TypeError(
                f"clip must be a rule on the norm of the whole gradient, got {clip!r}: a log of "
                f"{self.column!r} holds nothing else"
            )
        if clip.moves and self.sparse:
            raise ValueError(
                f"clip must be a fixed bound, got {clip}: it follows the run step by step, and "
                f"steps are missing in {self.source}"
            )
        return by_norms(clip, Norms.of_everything(self.total_norm, self.column))

    def suggest(self, optimizer: str | None = None) -> Suggestions:
        """Thresholds by stated rules, as of a recording.

        Args:
            optimizer: the name of its class, such as ``"AdamW"``; None: not known.

        Raises:
            ValueError: no norm is finite and positive.
        """
        return suggest(self.total_norm, None, _settings(optimizer), ceiling(self.total_norm))

    def judge(self, max_norm: float, optimizer: str | None = None) -> Judgement:
        """What clipping at ``max_norm`` was in this run, by how often it fired.

        Args:
            max_norm: the threshold of the run, in (0, inf). A log does not say it.
            optimizer: the name of its class, with its default settings; None: not known.

        Raises:
            ValueError: ``max_norm`` is not allowed, or no norm is larger while many are equal to
                it: they were logged after clipping, which says how often it fired and no more.

        Note:
            Of the steps between those logged nothing is known. The interval that it adds is right
            if the logged ones are like the others.
        """
        positive("max_norm", max_norm)
        finite = self.total_norm[np.isfinite(self.total_norm)]
        at_bound = np.abs(finite - max_norm) <= AT_BOUND * max_norm
        if at_bound.sum() > 1 and (finite <= max_norm * (1 + AT_BOUND)).all():
            raise ValueError(
                f"{self.column!r} of {self.source} must be norms from before clipping: none is "
                f"above max_norm={max_norm:g}, and {at_bound.sum()} of {len(finite)} are equal to "
                "it, as they are after clipping"
            )
        clip = ByNorm(max_norm)
        found = judge(self.total_norm, self.what_if(clip).fired, clip, _settings(optimizer))
        if not self.sparse or not len(finite):
            return found
        low, high = interval(found.fraction, len(finite))
        because = (
            f"{found.because}. Steps are missing in the log: if those that are there are like the "
            f"others, it fired in {low:.1%} to {high:.1%} of all steps (95 %)"
        )
        return Judgement(found.word, found.fraction, because, found.role)

    def __repr__(self) -> str:
        if not len(self):
            return f"Log({self.source}: no norms)"
        bad = int((~np.isfinite(self.total_norm)).sum())
        finite = self.total_norm[np.isfinite(self.total_norm)]
        norms = f"{finite.min():.3g} to {finite.max():.3g}" if finite.size else "none finite"
        gaps = f"one in about {self.every} steps: the others are not known" * self.sparse
        return (
            f"Log({self.source}, {self.column!r}: {len(self):,} norms of steps {self.steps[0]:,} "
            f"to {self.steps[-1]:,}, {gaps or 'every step'}; norm {norms}; {bad} not finite)"
        )


def interval(fraction: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share that was seen in ``n`` drawn at random.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    >>> "{:.3f} {:.3f}".format(*interval(0.1, 100))
    '0.055 0.174'
    """
    square = _SURE**2
    middle = fraction + square / (2 * n)
    half = _SURE * sqrt(fraction * (1 - fraction) / n + square / (4 * n * n))
    return max(0.0, (middle - half) / (1 + square / n)), min(
        1.0, (middle + half) / (1 + square / n)
    )


def _settings(optimizer: str | None) -> dict[str, object] | None:
    """As a recording keeps them, of an optimizer of which only the class is known."""
    return None if optimizer is None else {"name": optimizer, "groups": [{}]}
