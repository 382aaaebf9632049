"""What was recorded, as plain data, and the questions it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import Rule
from gradlab.recording.histograms import Histograms

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Recording:
    """The gradients of n optimizer steps of a model with L layers: plain numbers, on the CPU.

    A layer is a parameter tensor. All norms are 2-norms, of the gradients BEFORE clipping unless
    said otherwise.

    Args:
        layers: names of the parameters, in the model's order; those added later at the end.
        sizes: (L,) int64; elements of each.
        total_norm: (n,) float64; of all gradients together.
        coefficient: (n,) float64; norm after clipping / norm before.
        fired: (n,) bool; whether clipping changed anything.
        layer_norms: (n, L) float64; NaN where a layer had no gradient.
        nonfinite: step -> name of the first parameter whose gradient was not finite.
        skipped: steps that an AMP gradient scaler skipped; they have no row above.
        rule: what clipped, in words; None: nothing did.
        every: how many steps apart the histograms are.
        histograms: step -> layer -> ``LogHistogram``, at m of the steps.
        weight_norms: (m, L) float64; of the weights at those steps, before the update.
        norms_after: (m, L) float64; of the gradients at those steps, after clipping.
    """

    layers: tuple[str, ...]
    sizes: NDArray[np.int64]
    total_norm: NDArray[np.float64]
    coefficient: NDArray[np.float64]
    fired: NDArray[np.bool_]
    layer_norms: NDArray[np.float64]
    nonfinite: Mapping[int, str]
    skipped: int
    rule: str | None
    every: int
    histograms: Histograms
    weight_norms: NDArray[np.float64]
    norms_after: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.total_norm)

    @property
    def histogram_steps(self) -> NDArray[np.int64]:
        """(m,) int64: the steps that have histograms."""
        return self.histograms.steps

    @property
    def gradient_to_weight(self) -> NDArray[np.float64]:
        """(m, L) float64: norm of the gradient after clipping / norm of the weight, by layer."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.norms_after / self.weight_norms

    def what_if(self, rule: Rule) -> WhatIf:
        """What ``rule`` would have done to the recorded gradients."""
        raise NotImplementedError

    def suggest(self) -> Suggestions:
        """Thresholds by stated rules, each with what it would have done."""
        raise NotImplementedError

    def judge(self) -> Judgement:
        """What the rule that clipped IS, by how often it fired."""
        raise NotImplementedError

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the recording into ``folder``; an older one there is replaced at the very end."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """A pandas data frame, one row for each step and layer."""
        raise NotImplementedError

    def to_tensorboard(self, folder: str | PathLike[str]) -> None:
        """Write scalars and histograms as TensorBoard reads them."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What another rule would have done to recorded gradients, at k steps.

    Args:
        rule: in words.
        layers: names of the L layers.
        steps: (k,) int64; all steps for rules on norms, those with histograms for ``ByValue``.
        fired: (k,) bool; whether anything would have changed.
        coefficient: (k,) float64; norm after / norm before.
        norm_before: (k,) float64; of all gradients together.
        norm_after: (k,) float64.
        cosine: (k,) float64; of the angle between the whole gradient before and after.
        layer_norm_before: (k, L) float64; NaN where a layer had no gradient.
        layer_norm_after: (k, L) float64.
        error: relative error of the norms after; 0: exact.

    Note:
        A counterfactual about these gradients: with another rule the run would have gone elsewhere.
    """

    rule: str
    layers: tuple[str, ...]
    steps: NDArray[np.int64]
    fired: NDArray[np.bool_]
    coefficient: NDArray[np.float64]
    norm_before: NDArray[np.float64]
    norm_after: NDArray[np.float64]
    cosine: NDArray[np.float64]
    layer_norm_before: NDArray[np.float64]
    layer_norm_after: NDArray[np.float64]
    error: float

    @property
    def fraction(self) -> float:
        """The fraction of the steps with a finite norm at which it would have fired."""
        finite = np.isfinite(self.norm_before)
        return float(self.fired[finite].mean()) if finite.any() else float("nan")


@dataclass(frozen=True)
class Suggestion:
    """A threshold for the total norm, and what it would have done.

    Args:
        says: the rule it comes from, in words.
        max_norm: the threshold.
        fraction: of the steps at which it would have fired.
        smallest: smallest coefficient that it would have applied.
    """

    says: str
    max_norm: float
    fraction: float
    smallest: float


class Suggestions(tuple[Suggestion, ...]):
    """Suggested thresholds; prints as a table in words."""


@dataclass(frozen=True)
class Judgement:
    """What a rule was in a run.

    Args:
        word: "nothing clipped", "unused", "explosion guard", "between", "step-size limiter".
        fraction: of the steps with a finite norm at which it fired.
        because: a sentence.
    """

    word: str
    fraction: float
    because: str
