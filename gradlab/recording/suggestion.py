"""Thresholds that a recorded run suggests, and what its own rule was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import ByNorm, Rule
from gradlab.recording.ceiling import Ceiling
from gradlab.recording.counterfactual import Norms, by_norms
from gradlab.recording.optimizers import Role, answer

SELDOM = 0.1
"""A rule that fires at most this often guards against explosions."""
NEARLY_ALWAYS = 0.9
"""A rule that fires at least this often sets the length of the step."""
NEARLY_ALL = 0.9
"""But not one on layers, units or elements that leaves at least so much of the norm."""

_NO_STEPS = (
    "no step was recorded, and nothing was clipped. Inside the with block the loop must call "
    "step() of the optimizer that was given, and not only of another one around it or in its "
    "place; or, where none was given, recorder.clip_()"
)


@dataclass(frozen=True)
class Suggestion:
    """A threshold for the norm of the whole gradient, and what it would have done.

    Args:
        says: the rule that it comes from, in words.
        max_norm: the threshold, in the gradient's unit.
        fraction: of the steps with a finite norm at which it would have fired.
        smallest: the smallest coefficient that it would have applied; 1 if it never fires.
        typical: the median coefficient where it would have fired; 1 if it never fires.
    """

    says: str
    max_norm: float
    fraction: float
    smallest: float
    typical: float

    def __str__(self) -> str:
        did = "would never have fired"
        if self.fraction:
            did = (
                f"would have fired in {self.fraction:.1%}, coefficient down to {self.smallest:.2g}"
            )
        return f"max_norm={self.max_norm:<6.3g} {self.says + ':':16} {did}"


@dataclass(frozen=True)
class Suggestions:
    """Thresholds by stated rules, the smallest first; prints in words.

    Args:
        each: one for each rule.
        steps: how many steps with a finite norm they come from.
        median: of the norms of those steps.
        clipped: the rule of the recorded run; None: nothing clipped.
        stop: where the gradients stop, since something else clipped before; None: nowhere.
        under: what a clipped step is to the optimizer of the run, in a sentence.

    Note:
        A counterfactual about the recorded gradients: with another threshold the run itself would
        have gone elsewhere. Which threshold trains best, only training tells.
    """

    each: tuple[Suggestion, ...]
    steps: int
    median: float
    clipped: Rule | None
    stop: Ceiling | None
    under: str

    def __repr__(self) -> str:
        by = f"\nIt was clipped by {self.clipped}; these norms are those before." * bool(
            self.clipped
        )
        if self.stop:
            by += f"\nBut {self.stop}. No threshold can be told from them."
        return "\n".join(
            [
                f"{self.steps:,} steps with a finite norm, median {self.median:.3g}.{by}",
                *map(str, self.each),
                self.under,
                "This is about the recorded gradients: with another threshold, the run itself",
                "would have gone elsewhere.",
            ]
        )


def suggest(
    total: NDArray[np.float64],
    clipped: Rule | None,
    optimizer: Mapping[str, Any] | None = None,
    stop: Ceiling | None = None,
) -> Suggestions:
    """Thresholds for these norms, which the ``optimizer`` with these settings met.

    Args:
        total: the norms.
        clipped: the rule of the run; None: nothing clipped.
        optimizer: None: not known.
        stop: where something clipped before the norms were taken; None: nowhere.

    Raises:
        ValueError: there is none, or none that is finite and positive.
    """
    if not len(total):
        raise ValueError(_NO_STEPS)
    norms = total[np.isfinite(total)]
    if not (norms > 0).any():
        raise ValueError("the recording must hold a step whose norm is finite and positive")
    median = float(np.median(norms))
    thresholds = {
        "90th percentile": float(np.percentile(norms, 90)),
        "99th percentile": float(np.percentile(norms, 99)),
        "2 x median": 2 * median,
        "5 x median": 5 * median,
    }
    alone = Norms.of_everything(norms)
    each = [_tried(says, at, alone) for says, at in thresholds.items() if at > 0]
    each.sort(key=lambda one: one.max_norm)
    under = answer(optimizer).sometimes
    return Suggestions(tuple(each), len(norms), median, clipped, stop, under)


def _tried(says: str, max_norm: float, norms: Norms) -> Suggestion:
    done = by_norms(ByNorm(max_norm), norms)
    fired = done.coefficient[done.fired]
    smallest, typical = (fired.min(), np.median(fired)) if fired.size else (1.0, 1.0)
    return Suggestion(says, max_norm, done.fraction, float(smallest), float(typical))


@dataclass(frozen=True)
class Judgement:
    """What a clip rule was in a run, by how often it fired.

    Args:
        word: ``"no steps"`` (none was recorded), ``"none"`` (nothing clipped), ``"clipped before"``
            (by something else, before the norms were taken), ``"unused"`` (never fired),
            ``"explosion guard"`` (at most 10 % of the steps), ``"step-size limiter"`` (at least
            90 %; a rule on layers, units or elements must also leave less than 90 % of the norm) or
            ``"in between"``.
        fraction: of the steps with a finite norm at which it fired; NaN without any.
        because: the same in a sentence, and what it is to the optimizer.
        role: what another threshold would do to the steps if it fired at all of them, under the
            optimizer of the run: ``"scales the step"``, ``"scales the gradient's part"`` (and not
            weight decay's), ``"weighs against weight decay"``, ``"inert"``, ``"depends on eps"``
            or ``"cannot say"``; None: it did not fire, or is no fixed bound on everything.

    Note:
        It describes what happened, not whether it was good: a step-size limiter may be just what
        a model needs.
    """

    word: str
    fraction: float
    because: str
    role: Role | None = None

    def __repr__(self) -> str:
        return f"{self.word}: {self.because}"


def judge(
    total: NDArray[np.float64],
    fired: NDArray[np.bool_],
    clip: Rule | None,
    optimizer: Mapping[str, Any] | None = None,
    numel: int = 1,
    coefficient: NDArray[np.float64] | None = None,
    stop: Ceiling | None = None,
) -> Judgement:
    """What the rule ``clip`` was, given at which of the steps with these norms it fired.

    Args:
        total: (n,); norms of the whole gradient.
        fired: (n,).
        clip: None: nothing clipped.
        optimizer: its plain settings; None: not known.
        numel: elements of the gradient.
        coefficient: (n,); norm after / norm before; None: not known.
        stop: where something else clipped before the norms were taken; None: nowhere.
    """
    if not len(total):
        return Judgement("no steps", nan, _NO_STEPS)
    finite = np.isfinite(total)
    fraction = float(fired[finite].mean()) if finite.any() else float("nan")
    if stop:
        rule = f"{stop.kind.__name__}({stop.at:.3g})"
        instead = f"record(..., clip={rule}) clips in place of your own call"
        return Judgement("clipped before", fraction, f"{stop}; {instead}")
    often = f"{clip} fired in {fraction:.1%} of {finite.sum():,} steps with a finite norm"
    if clip is None:
        return Judgement("none", fraction, "nothing clipped in this run")
    if not finite.any():
        return Judgement("unused", fraction, f"{clip} met no gradient with a finite norm")
    if not fraction:
        return Judgement("unused", fraction, f"{often}: no protection was needed")
    fixed = clip.part == "everything" and not clip.moves
    to = answer(optimizer, clip.bound, numel) if fixed else None
    role, sometimes = (to.role, f". {to.sometimes[:-1]}") if to else (None, "")
    kept = nan if coefficient is None else float(np.median(coefficient[finite & fired]))
    seldom, between, always = _deeds(clip, kept)
    if fraction <= SELDOM:
        return Judgement("explosion guard", fraction, f"{often}: it {seldom}{sometimes}", role)
    if fraction < NEARLY_ALWAYS:
        because = f"{often}: more than a guard, and it {between}{sometimes}"
        return Judgement("in between", fraction, because, role)
    limits = f"{often}: it {always}"
    if clip.part != "everything" and kept >= NEARLY_ALL:
        return Judgement("in between", fraction, limits, role)
    if to:
        limits += f"{', ' if to.always.startswith('which') else '; '}{to.always}"
    return Judgement("step-size limiter", fraction, limits, role)


def _deeds(clip: Rule, kept: float) -> tuple[str, str, str]:
    """What a rule did that fired seldom, in between, nearly always; ``kept``: of the norm."""
    if kept == 0:
        return "dropped the rare large gradients", "drops many steps", "dropped nearly every step"
    if clip.part == "everything":
        sets = "set the norm of nearly every gradient"
        return "cut the rare large gradients", "sets the norm of many gradients", sets
    left = "" if isnan(kept) else f"; {kept:.1%} of the norm was left, in the median where it fired"
    when = "at few steps", "at many steps", "at nearly every step"
    few, many, nearly_all = (f"cut single {clip.part}s {at}{left}" for at in when)
    return few, many, nearly_all
