"""Clip rules at equal strength: each leaves the same share of one gradient's norm.

A threshold of 0.1 means something else to every rule, so thresholds cannot be compared. What is
left can. All rules do one thing to parts of different size: they bound each part's norm. The part
is an element (``ByValue``), the weights into one output (``Adaptive``), a layer (``PerLayer``) or
everything (``ByNorm``). From the parts' norms, measured once, follow the threshold for any share,
what each layer loses, and how far the gradient turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gradlab.clip import Adaptive, ByNorm, ByValue, PerLayer, Rule
from gradlab.clip.counted import effect
from gradlab.clip.gradients import gather, unit_norms
from gradlab.histogram import LogHistogram
from gradlab.histogram.layers import of_tensors

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parts:
    """One gradient, as its clip rules see it.

    Args:
        histograms: the elements, counted, of each layer by name.
        units: (n_units,) the 2-norm of each unit's gradient, layer after layer.
        weights: (n_units,) the 2-norm of each unit's weight, at least ``Adaptive.eps``.
        layer: (n_units,) int; the place of each unit's layer.
    """

    histograms: dict[str, LogHistogram]
    units: Vector
    weights: Vector
    layer: NDArray[np.intp]

    @cached_property
    def elements(self) -> LogHistogram:
        """All layers' elements in one histogram."""
        return LogHistogram.merged(self.histograms.values())

    @cached_property
    def layers(self) -> Vector:
        """(n_layers,) 2-norms."""
        return np.sqrt(self.by_layer(self.units**2))

    @cached_property
    def norm(self) -> float:
        """The 2-norm of the whole gradient."""
        return float(np.linalg.norm(self.units))

    def by_layer(self, of_units: Vector) -> Vector:
        """(n_layers,) sums over the units of each layer."""
        return np.bincount(self.layer, of_units).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one rule leaves of a gradient.

    Args:
        rule: with the threshold that leaves it.
        kept: (n_layers,) norm after / norm before of each layer, in [0, 1]; NaN for a zero layer.
        share: the same of the whole gradient.
        cosine: of the angle between the whole gradient before and after, in (0, 1].
    """

    rule: Rule
    kept: Vector
    share: float
    cosine: float

    @property
    def degrees(self) -> float:
        """The angle between the whole gradient before and after, in degrees, below 90."""
        return float(np.degrees(np.arccos(self.cosine)))


def parts(model: nn.Module) -> Parts:
    """The norms of all parts of the model's gradient that a rule may bound, measured once.

    Args:
        model: a module after ``backward()``; parameters without a gradient are left out.

    Returns:
        Plain numbers on the CPU; later changes to the model do not reach them.

    Raises:
        TypeError: ``model`` is no module.
        ValueError: no parameter has a gradient, all of it is zero, or some of it is not finite:
            no rule can shorten that.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a module after backward(), got {type(model).__name__}")
    layers = gather(model.named_parameters())
    units = _vectors([layer.gradient for layer in layers])
    for layer, norms in zip(layers, units, strict=True):
        if not np.isfinite(norms).all():
            raise ValueError(f"gradients must be finite, got inf or NaN in that of {layer.name}")
    histograms = of_tensors({layer.name: layer.gradient for layer in layers})
    if not any(norms.any() for norms in units):
        raise ValueError("gradients must hold an element other than zero")
    return Parts(
        histograms,
        np.concatenate(units),
        np.concatenate(_vectors([layer.weight() for layer in layers])).clip(min=Adaptive.eps),
        np.repeat(np.arange(len(layers)), [len(norms) for norms in units]),
    )


def at_share(gradient: Parts, share: float) -> dict[str, Outcome]:
    """What each rule leaves of the gradient, at the threshold that leaves ``share`` of its norm.

    The thresholds of ``ByNorm``, ``PerLayer`` and ``Adaptive`` have a closed form (``level``),
    that of ``ByValue`` is found by bisection on the counts.

    Args:
        gradient: from ``parts``.
        share: total norm after / total norm before, dimensionless, in (0, 1].

    Returns:
        By the label of each rule, from the one on the smallest parts to that on the largest.

    Raises:
        ValueError: ``share`` is outside (0, 1].

    Note:
        Every rule can leave any share: its threshold may be as low as you like. The 1e-6 in
        ``ByNorm`` and ``PerLayer`` is neglected: they leave less of gradients as small as that.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share!r}")
    rules: tuple[Rule, ...] = (
        ByValue(_clip_value(gradient.elements, share)),
        Adaptive(level(gradient.units, gradient.weights, share)),
        PerLayer(level(gradient.layers, np.ones_like(gradient.layers), share)),
        ByNorm(share * gradient.norm),
    )
    return {rule.label: outcome(rule, gradient) for rule in rules}


def outcome(rule: Rule, gradient: Parts) -> Outcome:
    """What ``rule`` leaves of the gradient."""
    if rule.part == "element":
        told = effect(rule, gradient.histograms)
        before, after, dot = told.norm_before, told.norm_after, told.dot
    else:
        factors, squares = _factors(rule, gradient), gradient.units**2
        before, dot = gradient.layers, gradient.by_layer(factors * squares)
        after = np.sqrt(gradient.by_layer(factors**2 * squares))
    total, left = (float(np.linalg.norm(norms)) for norms in (before, after))
    kept = np.divide(after, before, out=np.full_like(before, np.nan), where=before > 0)
    return Outcome(rule, kept, left / total, min(float(dot.sum() / (total * left)), 1.0))


def level(norms: Vector, bounds: Vector, share: float) -> float:
    """The t for which parts, each bounded to the norm ``t * bound``, keep ``share`` of the total.

    ``sum(min(norm, t bound)**2) = share**2 sum(norm**2)``, solved as one fills a vessel with
    water: sort the parts by the t at which they are first touched; between two of these the sum is
    a parabola in t.

    Args:
        norms: (n,) not negative, not all zero.
        bounds: (n,) positive.
        share: dimensionless, in (0, 1].

    >>> print(f"{level(np.array([3.0, 4.0]), np.ones(2), 0.2):.4f}")  # both are cut to 1/sqrt(2)
    0.7071
    """
    order = np.argsort(norms / bounds)
    squares, widths = norms[order] ** 2, bounds[order] ** 2
    whole = np.cumsum(squares) - squares  # of the parts that t leaves alone
    cut = np.cumsum(widths[::-1])[::-1]  # times t**2: of the others
    at_touch = whole + squares / widths * cut
    target = share**2 * squares.sum()
    k = min(int(np.searchsorted(at_touch, target)), len(norms) - 1)
    return sqrt((target - whole[k]) / cut[k])


def _factors(rule: Rule, gradient: Parts) -> Vector:
    """(n_units,) what each unit is multiplied by: min(1, bound / norm of the part)."""
    bounds = rule.bound * np.ones_like(gradient.units)
    if rule.part == "unit":
        norms, bounds = gradient.units, bounds * gradient.weights
    elif rule.part == "layer":
        norms = gradient.layers[gradient.layer]
    else:
        norms = np.full_like(gradient.units, gradient.norm)
    return bounds / np.maximum(norms, bounds)


def _clip_value(elements: LogHistogram, share: float) -> float:
    """The clip_value that leaves this share of the norm, to one part in a million."""
    target, span = share * elements.norm(), elements.span()
    assert span is not None  # there is an element other than zero
    low, high = target / sqrt(elements.finite), span[1]  # no element below low would reach it
    while high > low * (1 + 1e-6):
        middle = sqrt(low * high)
        if elements.norm_after_value_clip(middle) < target:
            low = middle
        else:
            high = middle
    return high


def _vectors(tensors: list[Tensor]) -> list[Vector]:
    with torch.no_grad():
        return [norms.reshape(-1).cpu().numpy() for norms in unit_norms(tensors, torch.float64)]
