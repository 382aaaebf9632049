"""A recording in the tools that people have: pandas and TensorBoard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradlab.histogram import LogHistogram
from gradlab.histogram.codes import EDGES

if TYPE_CHECKING:
    import pandas as pd

_MERGED = 8  # bins to a bucket: 8 buckets to a factor of two, as TensorBoard's own


def frame(columns: Mapping[str, NDArray[Any]], layers: tuple[str, ...]) -> pd.DataFrame:
    """The columns as a data frame, with the number in ``layer`` replaced by the layer's name."""
    pandas = _imported("pandas")
    names = pandas.Categorical.from_codes(columns["layer"], list(layers))
    return pandas.DataFrame({**columns, "layer": names})


def tensorboard(
    folder: str | PathLike[str],
    scalars: Mapping[str, NDArray[np.float64]],
    histograms: Iterable[tuple[str, int, LogHistogram]],
) -> None:
    """Write an event file: ``scalars`` at every step where they are a number, and histograms."""
    _imported("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(fspath(folder)) as writer:
        for tag, values in scalars.items():
            for step in np.flatnonzero(~np.isnan(values)).tolist():
                writer.add_scalar(tag, values[step], step)
        for tag, step, histogram in histograms:
            writer.add_histogram_raw(tag, **_raw(histogram), global_step=step)


def _raw(histogram: LogHistogram) -> dict[str, Any]:
    """The finite elements in TensorBoard's words: filled buckets, and the gaps between them."""
    edges = EDGES[::_MERGED]
    positive, negative = histogram.counts.reshape(2, -1, _MERGED).sum(axis=-1)
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
