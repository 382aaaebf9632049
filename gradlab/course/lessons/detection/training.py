"""Training a detector by S4's recipe: add up gradients of micro-batches, clip, step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, inf, pi

import torch
from torch import Tensor, nn

from gradlab.clip import ByNorm, NonFiniteGradient, Rule
from gradlab.course.data import Composites
from gradlab.course.lessons.detection.candidates import standardised
from gradlab.course.lessons.detection.losses import loss, targets
from gradlab.course.models.detectors import STRIDE

Batch = tuple[Tensor, Tensor]

PARTS = ("backbone", "heads.score", "heads.box")
"""Whose norms are told apart, by the names of their parameters."""


@dataclass(frozen=True)
class Taken:
    """One step.

    Args:
        number: of the step, from 1.
        loss: of its pictures, before the step.
        norms: of the gradient before clipping, for each of ``PARTS``.
        fired: whether it was clipped.
    """

    number: int
    loss: float
    norms: tuple[float, ...]
    fired: bool

    @property
    def total_norm(self) -> float:
        """Norm of the whole gradient before clipping."""
        return hypot(*self.norms)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures and what a detector should say about them, ready for batches."""

    inputs: Tensor
    wanted: Tensor

    @classmethod
    def of(cls, composites: Composites, where: torch.device | str = "cpu") -> Pictures:
        """The pictures, standardised, and a target for every place, on a device."""
        inputs = standardised(composites.images)
        height, width = (side // STRIDE for side in inputs.shape[2:])
        return cls(inputs.to(where), targets(composites.boxes, height, width).to(where))

    def batches(self, batch_size: int, *, seed: int) -> Iterator[Batch]:
        """Shuffled batches without end."""
        generator = torch.Generator().manual_seed(seed)
        while True:
            order = torch.randperm(len(self.inputs), generator=generator)
            for places in order.split(batch_size):
                if len(places) == batch_size:
                    yield self.inputs[places], self.wanted[places]


def train(
    model: nn.Module,
    batches: Iterator[Batch],
    *,
    steps: int,
    optimizer: str = "AdamW",
    lr: float = 5e-3,
    clip: Rule | None = None,
    warmup: int = 0,
    accumulate: int = 1,
) -> Iterator[Taken]:
    """Train step by step; the iterator ends early where a gradient is not finite.

    The rate rises over ``warmup`` steps and falls to 0 along a cosine. What is divided by is the
    number of places with an object in all micro-batches of a step, so that accumulating changes
    nothing but the memory.

    Args:
        model: from ``models.detector``; parameters that ask for no gradient stay.
        batches: micro-batches, as ``Pictures.batches`` makes them.
        steps: of the optimizer.
        optimizer: ``"AdamW"``, or ``"SGD"`` with momentum 0.9.
        lr: the highest rate.
        clip: how to clip before each step; None: not at all.
        warmup: steps.
        accumulate: micro-batches of one step.
    """
    free = [p for p in model.parameters() if p.requires_grad]
    kinds = {"AdamW": (torch.optim.AdamW, {}), "SGD": (torch.optim.SGD, {"momentum": 0.9})}
    kind, more = kinds[optimizer]
    chosen = kind(free, lr=lr, **more)
    rule = ByNorm(inf) if clip is None else clip
    model.train()
    for step in range(steps):
        rate = 0.5 * lr * (1 + cos(pi * step / steps)) * min(1.0, (step + 1) / (warmup + 1))
        chosen.param_groups[0]["lr"] = rate
        chosen.zero_grad()
        value = accumulate_(model, [next(batches) for _ in range(accumulate)])
        norms = part_norms(model)
        try:
            clipped = rule.clip_(free)
        except NonFiniteGradient:
            return
        chosen.step()
        yield Taken(step + 1, value, norms, bool(clipped.fired))


def accumulate_(model: nn.Module, micro_batches: Sequence[Batch]) -> float:
    """Add up the gradients of micro-batches into one of them all; return their common loss."""
    objects = max(1.0, sum(float((wanted[:, 0] > 0).sum()) for _, wanted in micro_batches))
    total = 0.0
    for inputs, wanted in micro_batches:
        part = loss(model(inputs), wanted, objects)
        part.backward()
        total += float(part.detach())
    return total


def part_norms(model: nn.Module) -> tuple[float, ...]:
    """The norm of the gradient of each of ``PARTS``; 0 where it is frozen."""
    return tuple(
        float(_norm(p.grad for name, p in model.named_parameters() if name.startswith(part)))
        for part in PARTS
    )


def _norm(gradients: Iterable[Tensor | None]) -> float:
    known = [g.norm() for g in gradients if g is not None]
    return float(torch.stack(known).norm()) if known else 0.0
