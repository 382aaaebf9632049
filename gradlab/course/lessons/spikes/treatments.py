"""What can be done about a spike: six futures of one run, from a step before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from gradlab.arguments import whole
from gradlab.clip import AdaGC, ByNorm, Rule, SkipSpikes, ZClip
from gradlab.training import Steered
from gradlab.training.branch import Branch

NONE, REWIND = "none", "rewind and skip"
AFTER = 10
"""Batches that ``REWIND`` leaves out from the spike on; and all between its start and the spike."""


def rules() -> dict[str, Rule]:
    """The treatments that are clip rules, as they are before the first step."""
    return {
        "ByNorm": ByNorm(1.0),
        "ZClip": ZClip(),
        "AdaGC": AdaGC(warmup_steps=50),
        "SkipSpikes": SkipSpikes(),
    }


TREATMENTS = (NONE, *rules(), REWIND)


@dataclass(frozen=True, eq=False)
class Future:
    """What became of a run under one treatment.

    Args:
        branch: the whole run, from its first step on.
        start: after how many steps the treatment began.
        judged: what ``judge`` said of the model at the end; None: nobody asked.
    """

    branch: Branch
    start: int
    judged: float | None = None


def heard(run: Steered, until: int, listening: Mapping[str, Rule]) -> None:
    """Take a run back to ``until``, and let rules hear it on the way, so that they know its norms.

    The run goes back to its first step and takes the steps from there once more. A rule hears one
    number for each layer, the norm of its gradient: that is all that these rules look at.
    """
    taken = run.branch.steps[:until]
    names = {id(weight): name for name, weight in run.model.named_parameters()}

    def hear(optimizer: torch.optim.Optimizer, *_: object) -> None:
        norms = {
            names[id(weight)]: weight.grad.norm()
            for group in optimizer.param_groups
            for weight in group["params"]
            if weight.grad is not None
        }
        for rule in listening.values():
            rule.clip_([(name, _with_gradient(norm)) for name, norm in norms.items()])

    run.rewind(0)
    hook = run.optimizer.register_step_pre_hook(hear)
    try:
        for step in taken:
            run.learning_rate = step.learning_rate
            run.take(measure=False)
    finally:
        hook.remove()


def treated(
    run: Steered, name: str, rates: Sequence[float], spike: int, rule: Rule | None
) -> Iterator[int]:
    """Train a run on, under one treatment, from where it stands.

    Args:
        run: as ``heard`` leaves it.
        name: one of ``TREATMENTS``.
        rates: the learning rate of each step from here on.
        spike: the step at which the loss rose.
        rule: of that treatment, which has heard the run; None: it is no rule.

    Yields:
        After how many steps the run stands, after each; until it has taken all, or diverges.
    """
    run.clip = rule
    run.skipped = range(run.position, spike + AFTER) if name == REWIND else range(0)
    for rate in rates:
        run.learning_rate = rate
        run.take(measure=False)
        if run.ended:
            return
        yield run.position


def futures(
    run: Steered,
    spike: int,
    before: int = 10,
    judge: Callable[[nn.Module], float] | None = None,
) -> dict[str, Future]:
    """The futures of a run under six treatments, from ``before`` steps before its spike.

    Each ends after as many steps as the run has, and has the learning rates that the run had. The
    rules have heard the run from its first step, so that they know its usual norms.

    Args:
        run: that has spiked, unclipped; it stands at its end, and does so again afterwards.
        spike: the step at which the loss rose, from 0; ``onset`` finds one.
        before: so many steps before it the treatment begins, 0 or more.
        judge: called with the model at the end of each future.

    Raises:
        ValueError: ``spike`` is no step of the run, ``before`` is none before it, a step of the run
            was clipped, or the run is rewound.

    Note:
        A rule that acts from here on is not a rule that acted from the first step on: the weights
        before the spike are those of the unclipped run. And this is one seed.
    """
    whole("spike", spike, 0, len(run.branch) - 1)
    start = spike - whole("before", before, 0, spike)
    if run.ahead:
        raise ValueError(f"run must stand at its end, got one that was rewound by {run.ahead}")
    if any(step.clip is not None for step in run.branch.steps):
        raise ValueError("run must be one that was not clipped, got one that was")
    end, listening = run.bookmark(), rules()
    rates = [step.learning_rate for step in run.branch.steps[start:]]

    def found() -> Future:
        return Future(run.branch, start, judge(run.model) if judge else None)

    futures = {NONE: found()}
    try:
        heard(run, start, listening)
        here = run.bookmark()
        for name in TREATMENTS[1:]:
            run.reset(here)
            for _ in treated(run, name, rates, spike, listening.get(name)):
                pass
            futures[name] = found()
    finally:
        run.reset(end)
    return futures


def _with_gradient(norm: torch.Tensor) -> torch.Tensor:
    """A parameter of one number whose gradient has that norm."""
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = norm.detach().reshape(1).clone()
    return weight
