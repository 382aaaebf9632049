"""What was recorded, as plain data, and the questions it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradlab.arguments import positive, whole
from gradlab.clip import Rule
from gradlab.histogram.magnitudes import Magnitudes
from gradlab.recording import culprits
from gradlab.recording.arrays import packed, unpacked
from gradlab.recording.ceiling import Ceiling, ceiling, pile
from gradlab.recording.continued import continued
from gradlab.recording.counterfactual import Norms, WhatIf, by_norms, by_values
from gradlab.recording.export import frame, tensorboard
from gradlab.recording.histograms import Histograms
from gradlab.recording.ranks import writes
from gradlab.recording.storage import read, write
from gradlab.recording.suggestion import Judgement, Suggestions, judge, suggest

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
        clip: the rule that clipped, without what it has seen; None: nothing did.
        optimizer: its class as ``name``, and in ``groups`` the settings of each group of parameters
            at the first step, with the number of ``parameters``; None: not known.
        learning_rate: (n,) float64; of the optimizer's first group; NaN: not known.
        every: how many steps apart the histograms are.
        histograms: step -> layer -> ``LogHistogram``, at m of the steps.
        weight_norms: (m, L) float64; of the weights at those steps, before the update.
        norms_after: (m, L) float64; of the gradients at those steps, after clipping.
        update_norms: (m, L) float64; of what the optimizer then added to the weights; NaN: not
            measured (``record(..., updates=True)`` does).
        moment_ratios: (m, L) float64; sqrt(mean(g^2 / v)) of the gradients that it was given, to
            its own average v of their squares; NaN: not measured, or it has none (Adam and its
            kin do).
        moment_histograms: step -> layer -> ``LogHistogram`` of g^2 / v of each element; where
            ``moment_ratios`` are known.
    """

    layers: tuple[str, ...]
    sizes: NDArray[np.int64]
    total_norm: NDArray[np.float64]
    coefficient: NDArray[np.float64]
    fired: NDArray[np.bool_]
    layer_norms: NDArray[np.float64]
    nonfinite: Mapping[int, str]
    skipped: int
    clip: Rule | None
    every: int
    histograms: Histograms
    weight_norms: NDArray[np.float64]
    norms_after: NDArray[np.float64]
    update_norms: NDArray[np.float64]
    moment_ratios: NDArray[np.float64]
    optimizer: Mapping[str, Any] | None
    learning_rate: NDArray[np.float64]
    moment_histograms: Histograms = field(default_factory=lambda: Histograms.joined((), []))

    def __post_init__(self) -> None:
        for value in (
            *vars(self).values(),
            *vars(self.histograms).values(),
            *vars(self.moment_histograms).values(),
        ):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def __len__(self) -> int:
        return len(self.total_norm)

    @property
    def histogram_steps(self) -> NDArray[np.int64]:
        """(m,) int64: the steps that have histograms."""
        return self.histograms.steps

    @property
    def gradient_to_weight(self) -> NDArray[np.float64]:
        """(m, L) float64: norm of the gradient after clipping / norm of the weight, by layer.

        Note:
            Times the learning rate it is the relative update of plain SGD, without momentum and
            weight decay. It is not that of Adam: see ``update_to_weight``.
        """
        return _ratio(self.norms_after, self.weight_norms)

    @property
    def update_to_weight(self) -> NDArray[np.float64]:
        """(m, L) float64: norm of what the step added to a weight / norm of the weight, by layer.

        NaN where ``update_norms`` were not measured.

        Note:
            A rule of thumb asks for about 0.001. A weight that begins at zero, such as a bias, has
            an infinite one at first, and a large one for long.
        """
        return _ratio(self.update_norms, self.weight_norms)

    @cached_property
    def clipped_before(self) -> Ceiling | None:
        """Where the gradients stop, since something clipped them before the recorder; else None.

        ``at`` which number, and at how many ``steps``; prints in words.
        """
        return ceiling(self.total_norm) or pile(self.histograms)

    def shares(self) -> NDArray[np.float64]:
        """(n, L) float64: each layer's share of the squared norm of the whole gradient.

        ``||g_l||^2 / ||g||^2``: where the rule fired, who spent the norm that was too large. A row
        sums to 1. NaN where a layer had no gradient, or the norm was zero or not finite.
        """
        return culprits.shares(self.total_norm, self.layer_norms)

    def culprits(
        self, step: int | None = None, *, z_thresh: float = 4.0, window: int = 64
    ) -> culprits.Culprits:
        """Which layers rose first before a spike, in the order of their rise; prints in words.

        A layer rises at the first step, of those from 16 before the spike on, at which its norm is
        more than ``z_thresh`` standard deviations above the mean of its last ``window`` norms.

        Args:
            step: the spike, counted from 0; None: the first step whose norm is not finite, or else
                the one with the largest norm.
            z_thresh: dimensionless, in (0, inf).
            window: steps, 8 or more.

        Raises:
            ValueError: there is no such step, or an argument is out of its range.

        Note:
            First is not guilty: what goes wrong in one layer may show in another's gradient first.
            And with many layers, some stand out by chance: look at their shares.
        """
        if not len(self):
            raise ValueError("the recording must hold a step, got none")
        worst = int(np.where(np.isfinite(self.total_norm), self.total_norm, np.inf).argmax())
        at = worst if step is None else whole("step", step, 0, len(self) - 1)
        limits = positive("z_thresh", z_thresh), whole("window", window, 8)
        return culprits.culprits(self.layers, self.total_norm, self.layer_norms, at, *limits)

    def what_if(self, clip: Rule) -> WhatIf:
        """What the rule ``clip`` would have done to the recorded gradients.

        From norms taken before clipping, so it holds whatever clipped in the recorded run.

        Args:
            clip: a rule on the norm of everything or of each layer, as ``ByNorm``, ``PerLayer``
                (2-norms), ``Percentile``, ``ZClip``, ``AdaGC`` and ``SkipSpikes``: exactly, at all
                steps; one that has a state starts with nothing seen. On each element, as
                ``ByValue``: from the histograms, at their steps, within
                ``histogram.RELATIVE_ERROR``.

        Returns:
            A ``WhatIf``.

        Raises:
            TypeError: another rule, such as ``Adaptive``, which goes by the norm of each row of
                each weight: those are not recorded.
            ValueError: a rule on other norms than 2-norms.

        Note:
            A counterfactual about these gradients: with another rule the run itself would have gone
            elsewhere, and met others.

        >>> import torch
        >>> import gradlab
        >>> from gradlab import clip
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with gradlab.record(model, optimizer) as recorder:
        ...     for size in (1.0, 2.0, 8.0, 4.0):
        ...         optimizer.zero_grad()
        ...         model(torch.tensor([size])).backward()
        ...         optimizer.step()
        >>> recorder.recording.what_if(clip.ByNorm(2.5)).coefficient.round(3)
        array([1.   , 1.   , 0.312, 0.625])
        """
        if not isinstance(clip, Rule):
            raise TypeError(f"clip must be a rule, got {type(clip).__name__}")
        if clip.part != "element":
            return by_norms(clip, self._norms)
        return by_values(clip, self._counted_norms, self._magnitudes, self.histograms.stride)

    def suggest(self) -> Suggestions:
        """Thresholds for the norm by stated rules, each with what it would have done.

        The 90th and the 99th percentile of the norms, and 2 and 5 times their median.

        Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural
        networks", section 3.2 (half to ten times the average norm); Seetharaman et al. 2020,
        "AutoClip" (percentiles).

        Raises:
            ValueError: no step has a norm that is finite and positive.

        Note:
            It knows this run only, with its learning rate: see the note of ``what_if``.
        """
        return suggest(self.total_norm, self.clip, self.optimizer, self.clipped_before)

    def judge(self) -> Judgement:
        """What the rule that clipped WAS, by how often it fired, and to this optimizer.

        Never: ``"unused"``. At most 10 % of the steps: an ``"explosion guard"``. At least 90 %: a
        ``"step-size limiter"``, and then its ``role`` says what the threshold's value does: under
        SGD it is one with the learning rate, under Adam it is inert. Else ``"in between"``; and so
        is a rule on layers, units or elements that leaves at least 90 % of the norm. And where
        norms or elements stop at one number, since something clipped before the recorder:
        ``"clipped before"``. Where no step was recorded: ``"no steps"``, and what the loop must
        call.
        """
        ran, numel = (self.clip, self.optimizer), int(self.sizes.sum())
        found = (self.coefficient, self.clipped_before)
        return judge(self.total_norm, self.fired, *ran, numel, *found)

    def then(self, later: Recording) -> Recording:
        """Both as one: ``later`` was recorded from where this one ended, as after a checkpoint.

        Raises:
            ValueError: they are not of the same layers, in the same order, or clipped otherwise.

        Note:
            A rule that follows the run goes on only if ``load_state_dict`` has given it its state
            back, as the optimizer its own.
        """
        return replace(self, **continued(self, later))

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the recording into ``folder`` as numpy arrays and a manifest, without pickle.

        What ``folder`` held before is replaced at the very end: a crash at any point leaves a
        recording that loads, the old one or the new one. Of several ranks, rank 0 writes.

        Raises:
            OSError: the disk refuses.
        """
        if writes():
            write(folder, packed(self))

    def to_frame(self) -> pd.DataFrame:
        """A pandas data frame, one row for each step and layer that had a gradient.

        Its columns: ``step``, ``layer``, ``size``, ``norm``, ``share`` of the squared total norm,
        ``weight_norm``, ``norm_after``, ``update_norm`` and ``moment_ratio`` (NaN at steps without
        histograms); and of the step: ``total_norm``, ``coefficient``, ``fired``, ``learning_rate``.

        Raises:
            ImportError: pandas is not installed.
        """
        return frame(self)

    def to_tensorboard(self, folder: str | PathLike[str]) -> None:
        """Write an event file that TensorBoard reads: norms, coefficient and histograms.

        Of several ranks, rank 0 writes.

        Raises:
            ImportError: tensorboard is not installed.
        """
        if writes():
            tensorboard(self, folder)

    def __repr__(self) -> str:
        finite = self.total_norm[np.isfinite(self.total_norm)]
        norms = f"{finite.min():.3g} to {finite.max():.3g}" if finite.size else "none finite"
        sampled = ", of a sample in large layers" * bool((self.histograms.strides > 1).any())
        did = [f"fired at {self.fired.sum():,} by {self.clip}"] if self.clip else []
        did += ["clipped before"] if self.clipped_before else []
        by = ", ".join(did) or "not clipped"
        return (
            f"Recording({len(self):,} steps, {len(self.layers)} layers; norm {norms}; {by}; "
            f"{len(self.nonfinite)} not finite, {self.skipped} skipped; "
            f"histograms at {len(self.histograms):,} steps{sampled})"
        )

    @cached_property
    def _norms(self) -> Norms:
        return Norms(self.layers, np.arange(len(self)), self.total_norm, self.layer_norms)

    @cached_property
    def _counted_norms(self) -> Norms:
        at = self.histogram_steps
        return Norms(self.layers, at, self.total_norm[at], self.layer_norms[at])

    @cached_property
    def _magnitudes(self) -> Magnitudes:
        held = self.histograms
        return Magnitudes(held.codes, held.counts, held.ends)


def _ratio(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return one / other


def load(folder: str | PathLike[str]) -> Recording:
    """The recording that ``Recording.save`` wrote into ``folder``.

    Raises:
        FileNotFoundError: there is none, or a file of it is gone.
        ValueError: a file of it is damaged, or was written by a newer gradlab, its name is said; or
            it was clipped by a rule that is not defined here.
    """
    found = read(folder)
    try:
        arguments = unpacked(found)
    except KeyError as error:
        raise ValueError(f"{folder} is no whole recording: it lacks {error}") from error
    return Recording(**arguments)
