"""What a clip rule would do to a gradient of which only the histograms are known.

The gradient itself may be gone, or too large to clip again at every move of a slider. Rules on
norms are answered exactly up to the norms themselves, a rule on elements from the counts; both
within ``histogram.RELATIVE_ERROR``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from gradlab.clip.rule import Rule, kinds
from gradlab.histogram import LogHistogram
from gradlab.histogram.magnitudes import Magnitudes, totals


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

    def over(self, *layers: str) -> Summary:
        """The effect on the gradients of some layers together, or on the whole one (none named).

        Raises:
            ValueError: there is no layer of that name.
        """
        place = {layer: at for at, layer in enumerate(self.layers)} if layers else {}
        for layer in layers:
            if layer not in place:
                raise ValueError(f"layer must be one of {', '.join(self.layers)}, got {layer!r}")
        some = [place[layer] for layer in layers] if layers else slice(None)
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


class Counted:
    """The histograms of many layers, made ready to be asked about rules again and again.

    Args:
        histograms: one for each layer, by name.
    """

    def __init__(self, histograms: Mapping[str, LogHistogram]) -> None:
        self._histograms = histograms
        self.layers = tuple(histograms)
        self.nonzero, _, squares = totals(histograms.values())
        self.norms: NDArray[np.float64] = np.sqrt(squares)
        zeros = [one.zeros for one in histograms.values()]
        self.finite: NDArray[np.float64] = self.nonzero + np.array(zeros, np.float64)

    @cached_property
    def magnitudes(self) -> Magnitudes:
        """For rules on elements."""
        return Magnitudes.of(self._histograms)


def effect(rule: Rule, histograms: Counted | Mapping[str, LogHistogram]) -> Effect:
    """What ``rule`` would do to the gradient that ``histograms`` count.

    Args:
        rule: one that bounds the norm of everything or of each layer (2-norms), or each element.
        histograms: one for each layer, by name, or those made ready.

    Raises:
        TypeError: another rule: it needs more than the histograms hold.
        ValueError: a norm rule with another norm than the 2-norm.
    """
    if rule.moves:
        raise TypeError(f"rule must have a fixed threshold, got {rule!r}")
    held = histograms if isinstance(histograms, Counted) else Counted(histograms)
    norms = held.norms
    if rule.part == "element":
        found = held.magnitudes.clamped(rule.bound)
        after, dot, changed = np.sqrt(found.square[0]), found.dot[0], found.above[0]
        factor = np.full(len(norms), np.nan)
    else:
        total = np.array([np.linalg.norm(norms)])
        factors = rule.factors(torch.from_numpy(total), torch.from_numpy(norms[None]))
        factor = factors.numpy()[0] * np.ones(len(norms))
        after, dot = norms * factor, norms**2 * factor
        changed = np.where(factor < 1, held.nonzero, 0.0)
    return Effect(held.layers, norms, after, dot, changed, held.finite, factor)
