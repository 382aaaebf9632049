"""A histogram of magnitudes that answers for every threshold.

``LogHistogram`` counts the elements of a tensor in bins of constant relative width, by the top bits
of their bit patterns (``codes``), and answers every question of a threshold slider from the
counts alone.

Within a bin, the values are taken to be spread evenly. All answers come from that one
distribution, so they agree with each other: no cosine above 1, no norm that grows when the
threshold falls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from gradlab.arguments import positive, within
from gradlab.histogram.codes import (
    BINS,
    CODES,
    EDGES,
    MANTISSA_BITS,
    NONFINITE,
    ZERO,
    found_in,
)
from gradlab.histogram.counting import count
from gradlab.histogram.sampling import interval

RELATIVE_ERROR = 2.0**-MANTISSA_BITS
"""The width of a bin, relative to its lower edge: no magnitude is misread by more (1.6 %)."""

_LOW, _HIGH = EDGES[:-1], EDGES[1:]
_NEGATIVE = CODES // 2  # the first code of a negative element


@dataclass(frozen=True, eq=False)
class LogHistogram:
    """How many elements of a tensor have which magnitude, and what clipping would do to them.

    Histograms add: layers, steps and ranks merge with ``+`` and ``merged``. Every question takes
    the same time whatever the size of the tensor. Only bins that hold something are kept: 6 bytes
    each, and at most a few thousand of the 32,640.

    Args:
        codes: (k,) uint16, increasing; of the bins that hold anything, as in ``histogram.codes``.
        counts: (k,) unsigned; how many elements have each code.
        stride: one element in so many was looked at, and stands for the others; 1: every one was.
            Shares and quantiles are then estimates, as sure as ``fraction_interval`` and
            ``quantile_interval`` say. The largest element of each sign is counted in any case.

    Note:
        A magnitude is known to ``RELATIVE_ERROR`` (1.6 %), below 1.2e-38 only to 1.8e-40. Float64
        magnitudes outside float32's range are counted in its outermost bins.

    >>> g = LogHistogram.of(torch.tensor([0.0, -0.5, 1.0, 3.0, float("nan")]))
    >>> g.numel, g.zeros, g.nonfinite
    (5, 1, 1)
    >>> g.fraction_above(0.7)
    0.5
    """

    codes: NDArray[np.uint16]
    counts: NDArray[np.unsignedinteger]
    stride: int = 1

    @classmethod
    def of(cls, tensor: Tensor, *, exact: bool = True) -> LogHistogram:
        """The histogram of all elements of ``tensor``.

        Args:
            tensor: any shape and strides, any real floating dtype, any device; not changed.
            exact: look at every element; else, of a tensor of 32,768 elements or more, at one in
                ``numel // 16384``. The sample is the same at each call, and takes no random numbers
                from any generator of yours.

        Raises:
            TypeError: ``tensor`` is not a dense tensor of real floating-point numbers.
        """
        (found,) = count([checked(tensor)], exact=exact)()
        return cls(*found)

    @classmethod
    def merged(cls, histograms: Iterable[LogHistogram]) -> LogHistogram:
        """One histogram of all their elements, exactly; of no histograms, one of no elements."""
        each = list(histograms)
        table = np.zeros(CODES, np.int64)
        if each:
            codes = np.concatenate([one.codes for one in each])
            np.add.at(table, codes, np.concatenate([one.counts for one in each]).astype(np.int64))
        return cls(*found_in(table, max((one.stride for one in each), default=1)))

    def __add__(self, other: LogHistogram) -> LogHistogram:
        if not isinstance(other, LogHistogram):
            return NotImplemented
        return LogHistogram.merged([self, other])

    def __repr__(self) -> str:
        return (
            f"LogHistogram({self.numel:,} elements, {self.zeros:,} zero, "
            f"{self.nonfinite:,} non-finite, norm {self.norm():.4g})"
        )

    @property
    def numel(self) -> int:
        """How many elements were counted: zero, non-zero and non-finite ones."""
        return int(self.counts.sum(dtype=np.int64))

    @property
    def zeros(self) -> int:
        """How many elements are exactly zero."""
        return self._having(ZERO)

    @property
    def nonfinite(self) -> int:
        """How many elements are infinite or NaN; no answer below includes them."""
        return self._having(NONFINITE)

    @property
    def finite(self) -> int:
        """How many elements are neither infinite nor NaN."""
        return self.numel - self.nonfinite

    def bins(self) -> NDArray[np.int64]:
        """(2, 16320): elements of each bin, positive ones in row 0, negative ones in row 1."""
        table = np.zeros(CODES, np.int64)
        table[self.codes] = self.counts
        return table.reshape(2, -1)[:, :BINS]

    def fraction_above(self, threshold: float) -> float:
        """The fraction of the finite elements with ``|x| > threshold``.

        Args:
            threshold: positive; inf is allowed.

        Returns:
            Dimensionless, in [0, 1]; NaN when there is no finite element. It is the exact fraction
            for some threshold within ``RELATIVE_ERROR`` of the one asked for.

        Raises:
            ValueError: ``threshold`` is not a positive number.
        """
        return float(self._above(positive("threshold", threshold, may_be_inf=True)))

    def quantile(self, q: float) -> float:
        """The smallest magnitude that at least a share ``q`` of the finite elements do not exceed.

        Args:
            q: dimensionless, in [0, 1]; 0 asks for the smallest magnitude, 1 for the largest.

        Returns:
            The magnitude, in the unit of the elements, within ``RELATIVE_ERROR`` of numpy's
            ``quantile(abs(x), q, method="inverted_cdf")``; NaN when there is no finite element.

        Raises:
            ValueError: ``q`` is outside [0, 1].
        """
        q = within("q", q, 0, 1)
        if not self.finite:
            return float("nan")
        rank = max(int(np.ceil(q * self.finite)), 1) - self.zeros  # among the non-zero, from 1
        if rank <= 0:
            return 0.0
        bins, below = self._magnitudes()
        i = int(np.searchsorted(below, rank)) - 1
        part = (rank - 0.5 - below[i]) / (below[i + 1] - below[i])
        return float(_LOW[bins[i]] + part * (_HIGH[bins[i]] - _LOW[bins[i]]))

    def fraction_interval(self, threshold: float) -> tuple[float, float]:
        """Between which fractions above ``threshold`` the exact one lies: 99 times in 100.

        Wilson's interval at three standard errors, for ``finite / stride`` independent draws: where
        layers of several strides were merged, it is wider than it need be. Where every element was
        looked at, both are ``fraction_above``.
        """
        return interval(self.fraction_above(threshold), self.finite, self.stride)

    def quantile_interval(self, q: float) -> tuple[float, float]:
        """Between which magnitudes the exact quantile lies, 99 times in 100, up to one bin."""
        low, high = interval(within("q", q, 0, 1), self.finite, self.stride)
        return self.quantile(low), self.quantile(high)

    def norm(self) -> float:
        """The 2-norm of the finite elements, within ``RELATIVE_ERROR``; usually far closer."""
        bins, below = self._magnitudes()
        return float(np.sqrt(np.diff(below) @ mean_square(_LOW[bins], _HIGH[bins])))

    def norm_after_value_clip(self, clip_value: float) -> float:
        """The 2-norm after clamping every element to [-clip_value, clip_value].

        Args:
            clip_value: positive, in the unit of the elements.

        Returns:
            The norm of the finite elements, within ``RELATIVE_ERROR``.

        Raises:
            ValueError: ``clip_value`` is not a positive number.
        """
        return float(np.sqrt(self._clipped_moments(clip_value)[0]))

    def cosine_after_value_clip(self, clip_value: float) -> float:
        """The cosine of the angle between the elements before and after clamping.

        ``sum(|x| min(|x|, c)) / (norm(x) norm(min(|x|, c)))`` with c = ``clip_value``.

        Args:
            clip_value: positive, in the unit of the elements.

        Returns:
            Dimensionless, in (0, 1]; NaN when all finite elements are zero.

        Raises:
            ValueError: ``clip_value`` is not a positive number.
        """
        square, dot = self._clipped_moments(clip_value)
        norms = self.norm() * np.sqrt(square)
        return float(min(dot / norms, 1.0)) if norms > 0 else float("nan")

    def shares(self, edges: ArrayLike, *, clip_value: float = float("inf")) -> NDArray[np.float64]:
        """The fraction of the finite elements in each interval of magnitudes, for drawing.

        Args:
            edges: (n + 1,) increasing positive magnitudes.
            clip_value: clamp the elements to [-clip_value, clip_value] first.

        Returns:
            (n,) fractions; interval i is (edges[i], edges[i + 1]].
        """
        at = np.asarray(edges, np.float64)
        above = np.where(at < clip_value, self._above(at), 0.0)
        return -np.diff(above)

    def span(self) -> tuple[float, float] | None:
        """The edges of the lowest and highest bins that hold anything; None when all is zero."""
        bins, _ = self._magnitudes()
        return (float(_LOW[bins[0]]), float(_HIGH[bins[-1]])) if bins.size else None

    def _having(self, code: int) -> int:
        at = int(np.searchsorted(self.codes, code))
        return int(self.counts[at]) if at < len(self.codes) and self.codes[at] == code else 0

    def _magnitudes(self) -> _Magnitudes:
        """Nothing is kept: a model has thousands of layers, and this takes microseconds."""
        bins = self.codes & np.uint16(_NEGATIVE - 1)
        inside = bins < BINS
        order = np.argsort(bins[inside], kind="stable")
        found, first = np.unique(bins[inside][order], return_index=True)
        running = np.cumsum(self.counts[inside][order], dtype=np.int64)
        below = np.append(np.append(0, running)[first], running[-1:])
        return _Magnitudes(found, below if len(found) else np.zeros(1, np.int64))

    def _above(self, threshold: Any) -> Any:
        """Fraction of the finite elements above each threshold."""
        bins, below = self._magnitudes()
        k = np.clip(np.searchsorted(EDGES, threshold, side="right") - 1, 0, BINS - 1)
        at = np.searchsorted(bins, k)
        part = np.minimum((threshold - _LOW[k]) / (_HIGH[k] - _LOW[k]), 1.0)
        here = np.append(np.diff(below), 0)[at] * (np.append(bins, BINS)[at] == k)
        held, finite = below[-1] - below[at] - part * here, self.finite
        return held / finite if finite else np.full_like(held, np.nan, np.float64)

    def _clipped_moments(self, clip_value: float) -> tuple[float, float]:
        """Squared norm after clamping, and dot product with the elements before it."""
        c = min(positive("clip_value", clip_value, may_be_inf=True), float(EDGES[-1]))
        bins, below = self._magnitudes()
        low, high = _LOW[bins], _HIGH[bins]
        numbers, part = np.diff(below), np.clip((c - low) / (high - low), 0.0, 1.0)
        inside, above = part * numbers, (1 - part) * numbers
        top = np.clip(c, low, high)
        square = inside @ mean_square(low, top) + c * c * above.sum()
        dot = inside @ mean_square(low, top) + c * (above @ mean(top, high))
        return float(square), float(dot)


class _Magnitudes(NamedTuple):
    """Which bins hold magnitudes, (j,); how many elements lie below each, and in all, (j + 1,)."""

    bins: NDArray[np.uint16]
    below: NDArray[np.int64]


def by_layer(model: nn.Module) -> dict[str, LogHistogram]:
    """The histogram of every gradient of ``model``, by parameter name, in the model's order.

    Args:
        model: a module after ``backward()``; parameters without a gradient are left out.

    Raises:
        ValueError: no parameter has a gradient.
    """
    return of_tensors({n: p.grad for n, p in model.named_parameters() if p.grad is not None})


def of_tensors(tensors: Mapping[str, Tensor | LogHistogram]) -> dict[str, LogHistogram]:
    """The histogram of every tensor, under the same names; what is a histogram already stays.

    Raises:
        TypeError: one is neither a histogram nor a dense tensor of real floating-point numbers.
        ValueError: there is none: for a model, ``backward()`` has not run yet.
    """
    if not tensors:
        raise ValueError("no gradient to measure: call loss.backward() first")
    new = {n: checked(t) for n, t in tensors.items() if not isinstance(t, LogHistogram)}
    found = dict(zip(new, count(list(new.values()))(), strict=True))
    return {
        n: t if isinstance(t, LogHistogram) else LogHistogram(*found[n]) for n, t in tensors.items()
    }


def checked(tensor: Tensor) -> Tensor:
    """The tensor, if it is a dense one of real floating-point numbers."""
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        got = getattr(tensor, "dtype", type(tensor).__name__)
        raise TypeError(f"tensor must hold real floating-point numbers, got {got}")
    if tensor.layout != torch.strided:
        raise TypeError(f"tensor must be dense (torch.strided), got layout {tensor.layout}")
    return tensor


def mean(low: Any, high: Any) -> Any:
    """The mean of numbers spread evenly from ``low`` to ``high``."""
    return (low + high) / 2


def mean_square(low: Any, high: Any) -> Any:
    """The mean of their squares."""
    return (low * low + low * high + high * high) / 3
