"""What a clip rule would do to a gradient of which only the histograms are known.

The gradient itself may be gone, or too large to clip again at every move of a slider. Rules on
norms are answered exactly up to the norms themselves, a rule on elements from the counts; both
within ``histogram.RELATIVE_ERROR``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gradlab.clip.rule import Rule, kinds
from gradlab.histogram import LogHistogram


@dataclass(frozen=True, eq=False)
class Effect:
    """What a rule would do, layer by layer; arrays are (n_layers,) float64.

    Args:
        layers: names, in the order of the arrays.
        norm_before: 2-norm of each layer's gradient.
        norm_after: the same after clipping.
        dot: inner product of each layer's gradient before and after.
        changed: how many elements change.
        finite: how many finite elements there are.
        factor: what each layer is multiplied by; NaN where the rule is no multiplication.
    """

    layers: tuple[str, ...]
    norm_before: NDArray[np.float64]
    norm_after: NDArray[np.float64]
    dot: NDArray[np.float64]
    changed: NDArray[np.float64]
    finite: NDArray[np.float64]
    factor: NDArray[np.float64]

    def over(self, layer: str | None = None) -> Summary:
        """The effect on one layer's gradient, or on the whole one (None).

        Raises:
            ValueError: there is no layer of that name.
        """
        if layer is not None and layer not in self.layers:
            raise ValueError(f"layer must be one of {', '.join(self.layers)}, got {layer!r}")
        some = slice(None) if layer is None else [self.layers.index(layer)]
        before = float(np.linalg.norm(self.norm_before[some]))
        after = float(np.linalg.norm(self.norm_after[some]))
        norms, finite = before * after, self.finite[some].sum()
        return Summary(
            before,
            after,
            min(float(self.dot[some].sum() / norms), 1.0) if norms > 0 else float("nan"),
            float(self.changed[some].sum() / finite) if finite else float("nan"),
        )


@dataclass(frozen=True)
class Summary:
    """What a rule would do to one gradient vector.

    Args:
        norm_before: 2-norm before clipping.
        norm_after: 2-norm after.
        cosine: of the angle between before and after, in (0, 1]; NaN for a zero gradient.
        fraction: of the elements changed, in [0, 1].
    """

    norm_before: float
    norm_after: float
    cosine: float
    fraction: float

    @property
    def degrees(self) -> float:
        """The angle between the gradient before and after, in degrees."""
        return float(np.degrees(np.arccos(self.cosine)))


def countable() -> list[type[Rule]]:
    """Every kind of rule that ``effect`` answers for, by the part it bounds, the smallest first."""
    return [kind for kind in kinds() if kind.part != "unit" and not kind.moves]


def effect(rule: Rule, histograms: Mapping[str, LogHistogram]) -> Effect:
    """What ``rule`` would do to the gradient that ``histograms`` count.

    Args:
        rule: one that bounds the norm of everything or of each layer (2-norms), or each element.
        histograms: one for each layer, by name.

    Raises:
        TypeError: another rule: it needs more than the histograms hold.
        ValueError: a norm rule with another norm than the 2-norm.
    """
    counts = tuple(histograms.values())
    norms = np.array([h.norm() for h in counts])
    finite = np.array([h.finite for h in counts], np.float64)
    if rule.moves:
        raise TypeError(f"rule must have a fixed threshold, got {rule!r}")
    if rule.part == "element":
        after = np.array([h.norm_after_value_clip(rule.bound) for h in counts])
        cosine = np.array([h.cosine_after_value_clip(rule.bound) for h in counts])
        changed = finite * [h.fraction_above(rule.bound) for h in counts]
        dot = np.nan_to_num(cosine) * norms * after
        factor = np.full(len(counts), np.nan)
    else:
        total, each = np.array([np.linalg.norm(norms)]), norms[None]
        found = rule.factors(torch.from_numpy(total), torch.from_numpy(each)).numpy()[0]
        factor = found * np.ones(len(counts))
        after, dot = norms * factor, norms**2 * factor
        nonzero = finite - [h.zeros for h in counts]
        changed = np.where(factor < 1, nonzero, 0.0)
    return Effect(tuple(histograms), norms, after, dot, changed, finite, factor)
