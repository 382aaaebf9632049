"""A histogram of magnitudes that answers for every threshold.

``LogHistogram`` counts the elements of a tensor in bins of constant relative width, by the top bits
of their bit patterns (``codes``), and answers every question of a threshold slider from the
counts alone.

Within a bin, the values are taken to be spread evenly (``evenly``). All answers come from that one
distribution, so they agree with each other: no cosine above 1, no norm that grows when the
threshold falls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from gradlab.arguments import positive, within
from gradlab.histogram.codes import BINS, CODES, EDGES, MANTISSA_BITS, NONFINITE, ZERO
from gradlab.histogram.counting import count
from gradlab.histogram.evenly import Evenly
from gradlab.histogram.found import found_in
from gradlab.histogram.sampling import interval

RELATIVE_ERROR = 2.0**-MANTISSA_BITS
"""The width of a bin, relative to its lower edge: no magnitude is misread by more (1.6 %)."""


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
            exact: look at every element; else, of a tensor of 16,384 elements or more, at one in
                ``numel // 8192``. The sample is the same at each call, and takes no random numbers
                from any generator of yours.

        Raises:
            TypeError: ``tensor`` is not a dense tensor of real floating-point numbers.
        """
        (found,) = count([checked(tensor)], exact=exact)().each()
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
        return self._evenly().ranked(rank)

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
        return float(np.sqrt(self._evenly().square()))

    def norm_after_value_clip(self, clip_value: float) -> float:
        """The 2-norm after clamping every element to [-clip_value, clip_value].

        Args:
            clip_value: positive, in the unit of the elements.

        Returns:
            The norm of the finite elements, within ``RELATIVE_ERROR``.

        Raises:
            ValueError: ``clip_value`` is not a positive number.
        """
        return float(np.sqrt(self._clamped(clip_value)[0]))

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
        square, dot = self._clamped(clip_value)
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
        return self._evenly().span()

    def _having(self, code: int) -> int:
        at = int(np.searchsorted(self.codes, code))
        return int(self.counts[at]) if at < len(self.codes) and self.codes[at] == code else 0

    def _evenly(self) -> Evenly:
        """Nothing is kept: a model has thousands of layers, and this takes microseconds."""
        return Evenly.of(self.codes, self.counts)

    def _above(self, threshold: Any) -> Any:
        """Fraction of the finite elements above each threshold."""
        held, finite = self._evenly().above(threshold), self.finite
        return held / finite if finite else np.full_like(held, np.nan, np.float64)

    def _clamped(self, clip_value: float) -> tuple[float, float]:
        """Squared norm after clamping, and dot product with the elements before it."""
        value = positive("clip_value", clip_value, may_be_inf=True)
        return self._evenly().clamped(min(value, float(EDGES[-1])))


def checked(tensor: Tensor) -> Tensor:
    """The tensor, if it is a dense one of real floating-point numbers."""
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        got = getattr(tensor, "dtype", type(tensor).__name__)
        raise TypeError(f"tensor must hold real floating-point numbers, got {got}")
    if tensor.layout != torch.strided:
        raise TypeError(f"tensor must be dense (torch.strided), got layout {tensor.layout}")
    return tensor
