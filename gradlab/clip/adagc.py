"""The rule that bounds each layer's norm by the moving average of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from gradlab.arguments import positive, whole, within
from gradlab.clip.gradients import Layer, scale_each_
from gradlab.clip.measured import Measured
from gradlab.clip.moving import Number, Seeing
from gradlab.clip.rule import Part, Replayed, ratio

_NORM = "norm of "  # a layer, in the saved state


@dataclass(frozen=True, eq=False, repr=False)
class AdaGC(Seeing):
    """Bound each layer's norm by ``lambda_rel`` times the moving average of its own: AdaGC.

    ``g_l <- g_l * min(1, lambda_rel * a_l / ||g_l||)`` for each parameter tensor l, and then
    ``a_l <- beta * a_l + (1 - beta) * ||g_l||``, with the norm after clipping. In the warm-up, all
    steps before the ``warmup_steps``-th, all gradients are scaled together to a total norm of
    ``lambda_abs``, and a_l is the smallest norm of the layer so far.

    Source: Wang, Li, Chen, Zeng, Yang, Yu, Ma & Shen 2025, "AdaGC: enhancing LLM pretraining
    stability via adaptive gradient clipping", arXiv 2502.11034, Algorithm 1.

    Args:
        lambda_rel: dimensionless, in [1, inf); below 1 the bound would shrink at each step.
        beta: in [0, 1); how much of the average stays at each step.
        warmup_steps: the first step that is clipped by layer, counted from 1.
        lambda_abs: the gradient's unit, in (0, inf]; the total norm in the warm-up.
        nonfinite: ``"raise"``, ``"skip"`` or ``"allow"``; such steps do not count.

    Raises:
        ValueError: an argument is out of its range; or, when clipping, two parameters have one
            name: it knows them by name.

    Note:
        The average follows the smallest norm of the warm-up, so many steps right after it are
        clipped. A layer that appears later starts with a step of the warm-up. A norm of zero does
        not count here; by the authors' algorithm one such step in the warm-up, as of a layer behind
        weights that start at zero, would bound the layer by zero for good.

    >>> rule, w = AdaGC(warmup_steps=3), torch.zeros(1, requires_grad=True)
    >>> for size in (0.5, 0.4, 3.0, 0.3):
    ...     w.grad = torch.tensor([size])
    ...     print(f"{size} -> {size * rule.clip_(w).coefficient:.3f}")
    0.5 -> 0.500
    0.4 -> 0.400
    3.0 -> 0.420
    0.3 -> 0.300
    """

    label: ClassVar[str] = "by norm, per layer (AdaGC)"
    part: ClassVar[Part] = "layer"
    bound_name: ClassVar[str] = "lambda_rel"
    usual: ClassVar[float] = 1.05
    smallest_bound: ClassVar[float] = 1.0

    lambda_rel: float = 1.05
    beta: float = 0.98
    warmup_steps: int = 100
    lambda_abs: float = 1.0
    places: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        within("lambda_rel", self.lambda_rel, self.smallest_bound)
        within("beta", self.beta, 0, 1, below=True)
        whole("warmup_steps", self.warmup_steps)
        positive("lambda_abs", self.lambda_abs, may_be_inf=True)

    @property
    def warmup(self) -> int:
        """The steps that are clipped together."""
        return self.warmup_steps - 1

    def _unseen(self) -> dict[str, Tensor]:
        none = torch.empty(0, dtype=torch.float64)
        return {"steps": torch.zeros((), dtype=torch.float64), "averages": none}

    def _see(self, xp: Any, seen: tuple[Number, ...], *norms: Number) -> tuple[Any, ...]:
        """The bound of each layer; NaN is the norm of one without a gradient."""
        (together, each), (steps, average) = norms, seen
        warm = (average == inf) | (steps + 1 < self.warmup_steps)
        bound = xp.where(warm, together * each, float(self.lambda_rel) * average)
        left = xp.minimum(each, bound)
        moved = average + (1 - float(self.beta)) * (left - average)
        new = xp.where(warm, xp.minimum(average, left), moved)
        return bound, steps + 1, xp.where(left > 0, new, average)

    def _act_(self, layers: list[Layer], measured: Measured, look: bool) -> tuple[Tensor, Tensor]:
        total, norms = measured.total_norm, measured.layer_norms
        names = [layer.name for layer in layers]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"parameters must have different names, got {twice!r} twice")
        for name in names:
            self.places.setdefault(name, len(self.places))
        here = (total.cpu(), norms.cpu()) if look else (total, norms)
        self._goes_on(here[0].device)
        known = self.seen["averages"]
        new = known.new_full((len(self.places) - len(known),), inf)
        self.seen["averages"] = torch.cat([known, new])
        row = [here[0].new_full((), torch.nan)] * len(self.places)
        for name, norm in zip(names, here[1].unbind(), strict=True):
            row[self.places[name]] = norm
        each = torch.stack(row).double()
        finite = here[0].isfinite()
        bounds = self._judge(finite, self._together(here[0]), each)
        found = _down_to(each, bounds).where(finite, 1.0).to(norms).unbind()
        factors = torch.stack([found[self.places[name]] for name in names])
        fired = ((factors < 1) & (norms > 0)).any()
        if not look or fired:
            scale_each_([layer.gradient for layer in layers], factors.unbind())
        return ratio(torch.linalg.vector_norm(norms * factors), total), fired

    def replayed(self, total: Tensor, layers: Tensor) -> Replayed:
        norms, finite = layers.double(), total.isfinite().nonzero()[:, 0].tolist()
        together, rows = self._together(total).tolist(), norms.numpy()
        unseen = np.full(layers.shape[1], inf)
        steps = self._step_by_step(np, (0.0, unseen), ((together[k], rows[k]) for k in finite))
        bounds = np.full(layers.shape, inf)
        with np.errstate(invalid="ignore"):  # a layer that is new has an infinite average
            for k, bound in zip(finite, steps, strict=True):
                bounds[k] = bound
        thresholds = torch.from_numpy(bounds)
        return Replayed(_down_to(norms, thresholds).to(total), thresholds)

    def _together(self, total: Tensor) -> Tensor:
        """What brings all layers together to the total norm of the warm-up, up or down."""
        return float(self.lambda_abs) / total.double()

    def state_dict(self) -> dict[str, Tensor]:
        """How many steps it has seen, and the average of each layer, by name."""
        averages = self.seen["averages"].clone().unbind()
        named = {_NORM + name: averages[place] for name, place in self.places.items()}
        return {"steps": self.seen["steps"].clone()} | named

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state_dict()`` returned.

        Raises:
            ValueError: it is the state of another rule.
        """
        averages = [state[name].double() for name in state if name.startswith(_NORM)]
        joined = torch.stack(averages) if averages else self._unseen()["averages"]
        rest = {name: value for name, value in state.items() if not name.startswith(_NORM)}
        super().load_state_dict(rest | {"averages": joined} if rest else {})
        names = [name.removeprefix(_NORM) for name in state if name.startswith(_NORM)]
        self.places.clear()
        self.places.update({name: place for place, name in enumerate(names)})


def _down_to(norm: Tensor, bound: Tensor) -> Tensor:
    """The factor that brings a norm down to a bound; exactly 1 where it is not above."""
    return (bound / norm).where(norm > bound, 1.0)
