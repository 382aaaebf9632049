"""A recording in the tools that people have: pandas and TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradlab.histogram import LogHistogram
from gradlab.histogram.codes import EDGES

if TYPE_CHECKING:
    import pandas as pd

    from gradlab.recording.recording import Recording

_MERGED = 8  # bins to a bucket: 8 buckets to a factor of two, as TensorBoard's own


def frame(recording: Recording) -> pd.DataFrame:
    """A data frame with a row for each step and layer that had a gradient."""
    pandas = _imported("pandas")
    # A NaN norm is that of a layer without a gradient, or that of a gradient with a NaN.
    held = ~np.isnan(recording.layer_norms)
    for step, name in recording.nonfinite.items():
        held[step, recording.layers.index(name)] = True
    at, layer = np.nonzero(held)
    of_steps = ("total_norm", "coefficient", "fired", "learning_rate")
    return pandas.DataFrame(
        {
            "step": at,
            "layer": pandas.Categorical.from_codes(layer, list(recording.layers)),
            "size": recording.sizes[layer],
            "norm": recording.layer_norms[held],
            "share": recording.shares()[held],
            **{name: _at_all_steps(recording, values)[held] for name, values in _looked(recording)},
            **{name: getattr(recording, name)[at] for name in of_steps},
        }
    )


def tensorboard(recording: Recording, folder: str | PathLike[str]) -> None:
    """Write an event file: scalars at every step where they are a number, and histograms."""
    _imported("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    scalars = {
        "gradient/total_norm": recording.total_norm,
        "gradient/coefficient": recording.coefficient,
        "gradient/fired": recording.fired.astype(np.float64),
    } | {f"norm/{name}": recording.layer_norms[:, i] for i, name in enumerate(recording.layers)}
    with SummaryWriter(fspath(folder)) as writer:
        for tag, values in scalars.items():
            for step in np.flatnonzero(~np.isnan(values)).tolist():
                writer.add_scalar(tag, values[step], step)
        for kind, counted in (
            ("gradient", recording.histograms),
            ("g2_over_v", recording.moment_histograms),
        ):
            for step, each in counted.items():
                for name, histogram in each.items():
                    writer.add_histogram_raw(f"{kind}/{name}", **_raw(histogram), global_step=step)


def _looked(recording: Recording) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """What was measured at the steps with histograms, as the columns are called."""
    yield "weight_norm", recording.weight_norms
    yield "norm_after", recording.norms_after
    yield "update_norm", recording.update_norms
    yield "moment_ratio", recording.moment_ratios


def _at_all_steps(recording: Recording, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the steps with histograms, with NaN at the others."""
    spread = np.full_like(recording.layer_norms, np.nan)
    spread[recording.histogram_steps] = values
    return spread


def _raw(histogram: LogHistogram) -> dict[str, Any]:
    """The finite elements in TensorBoard's words: filled buckets, and the gaps between them."""
    edges = EDGES[::_MERGED]
    positive, negative = histogram.bins().reshape(2, -1, _MERGED).sum(axis=-1)
    positive[0] += histogram.zeros
    counts = np.concatenate([negative[::-1], positive])
    lows = np.concatenate([-edges[:0:-1], edges[:-1]])
    highs = np.concatenate([-edges[-2::-1], edges[1:]])
    (filled,) = np.nonzero(counts)
    if not filled.size:
        filled = np.array([len(negative)])  # where zero is
    gap = np.diff(filled, prepend=-1) > 1
    limits = np.stack([lows[filled], highs[filled]], axis=1)
    held = np.stack([np.zeros_like(filled), counts[filled]], axis=1)
    kept = np.stack([gap, np.ones_like(gap)], axis=1)
    return {
        "min": lows[filled[0]],
        "max": highs[filled[-1]],
        "num": histogram.finite,
        "sum": float(counts @ ((lows + highs) / 2)),
        "sum_squares": histogram.norm() ** 2,
        "bucket_limits": limits[kept],
        "bucket_counts": held[kept],
    }


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{name} is needed for this export and is not installed; it comes with the extra "
            "'export' of gradlab-course"
        ) from error
