"""Training a detector by S4's recipe: add up gradients of micro-batches, clip, step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, inf, pi
from typing import Any

import torch
from torch import Tensor, nn

from gradlab.clip import ByNorm, NonFiniteGradient, Rule
from gradlab.clip.gradients import gather, layer_norms, stacked
from gradlab.course.data import Composites
from gradlab.course.lessons.detection.candidates import standardised
from gradlab.course.lessons.detection.losses import loss, targets
from gradlab.course.models.detectors import STRIDE

Batch = tuple[Tensor, Any]
"""Pictures, and what should be said about them, in the form that their loss takes."""

Losses = Callable[[nn.Module, Sequence[Batch]], Iterator[Tensor]]
"""What each micro-batch of a step adds to the step's loss, computed when it is asked for."""

PARTS = (
    ("backbone",),
    ("heads.score", "head.classification_head"),
    ("heads.box", "head.regression_head"),
)
"""Whose norms are told apart, by the names of their parameters: ours, and those of RetinaNet."""


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
        for chosen in shuffled(len(self.inputs), batch_size, seed=seed):
            yield self.inputs[chosen], self.wanted[chosen]


def shuffled(count: int, batch_size: int, *, seed: int) -> Iterator[Tensor]:
    """Which of ``count`` pictures are in each batch, without end; what is left over is skipped."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for chosen in torch.randperm(count, generator=generator).split(batch_size):
            if len(chosen) == batch_size:
                yield chosen


def of_places(model: nn.Module, micro_batches: Sequence[Batch]) -> Iterator[Tensor]:
    """The losses of our detector, divided by the places with an object in all of the step.

    So accumulating changes nothing but the memory.
    """
    objects = max(1.0, sum(float((wanted[:, 0] > 0).sum()) for _, wanted in micro_batches))
    for inputs, wanted in micro_batches:
        yield loss(model(inputs), wanted, objects)


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
    losses: Losses = of_places,
) -> Iterator[Taken]:
    """Train step by step; the iterator ends early where a gradient is not finite.

    The rate rises over ``warmup`` steps and falls to 0 along a cosine.

    Args:
        model: a detector; parameters that ask for no gradient stay.
        batches: micro-batches without end, as ``Pictures.batches`` makes them.
        steps: of the optimizer.
        optimizer: ``"AdamW"``, or ``"SGD"`` with momentum 0.9.
        lr: the highest rate.
        clip: how to clip before each step; None: not at all.
        warmup: steps.
        accumulate: micro-batches of one step.
        losses: of the micro-batches of a step; that of ``models.detector`` by default.
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
        value = accumulate_(model, [next(batches) for _ in range(accumulate)], losses)
        norms = part_norms(model)
        try:
            clipped = rule.clip_(free)
        except NonFiniteGradient:
            return
        chosen.step()
        yield Taken(step + 1, value, norms, bool(clipped.fired))


def accumulate_(
    model: nn.Module, micro_batches: Sequence[Batch], losses: Losses = of_places
) -> float:
    """Add up the gradients of micro-batches into one of them all; return their common loss."""
    total = 0.0
    for part in losses(model, micro_batches):
        part.backward()
        total += float(part.detach())
    return total


def part_norms(model: nn.Module) -> tuple[float, ...]:
    """The norm of the gradient of each of ``PARTS``; 0 where it is frozen."""
    layers = gather(model.named_parameters())
    norms = stacked(layer_norms(layers, 2.0, torch.float32)).tolist()
    named = [(layer.name, norm) for layer, norm in zip(layers, norms, strict=True)]
    return tuple(hypot(*(norm for name, norm in named if name.startswith(part))) for part in PARTS)
