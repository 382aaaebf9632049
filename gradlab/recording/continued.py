"""Two recordings of one run, the second from where the first ended, as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab.recording.histograms import Histograms

if TYPE_CHECKING:
    from gradlab.recording.recording import Recording

_BY_STEP = "total_norm", "coefficient", "fired", "layer_norms", "learning_rate"
_LOOKED_AT = "weight_norms", "norms_after", "update_norms", "moment_ratios"


def continued(first: Recording, later: Recording) -> dict[str, Any]:
    """What a recording of both has otherwise than ``first``.

    Raises:
        ValueError: they are not of the same layers, in the same order, or clipped otherwise.
    """
    if (first.layers, *first.sizes) != (later.layers, *later.sizes):
        raise ValueError(
            f"later must have the same layers of the same sizes, got {len(later.layers)} of "
            f"{later.sizes.sum():,} elements after {len(first.layers)} of {first.sizes.sum():,}"
        )
    if repr(first.clip) != repr(later.clip):
        raise ValueError(f"later must be clipped by {first.clip}, too, got {later.clip}")
    begin = len(first)
    shifted = {begin + step: name for step, name in later.nonfinite.items()}
    return {
        **{
            name: np.concatenate([getattr(first, name), getattr(later, name)])
            for name in (*_BY_STEP, *_LOOKED_AT)
        },
        **{
            name: _joined(getattr(first, name), getattr(later, name), begin)
            for name in ("histograms", "moment_histograms")
        },
        "nonfinite": {**first.nonfinite, **shifted},
        "skipped": first.skipped + later.skipped,
        "every": max(first.every, later.every),
    }


def _joined(first: Histograms, later: Histograms, begin: int) -> Histograms:
    return Histograms.joined(first.layers, [first, replace(later, steps=begin + later.steps)])
