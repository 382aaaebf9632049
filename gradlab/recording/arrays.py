"""A recording as named arrays, and back: what ``storage`` puts into a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradlab.clip import Rule
from gradlab.recording.histograms import Histograms

if TYPE_CHECKING:
    from gradlab.recording.recording import Recording

_PLAIN = (
    "sizes",
    "total_norm",
    "coefficient",
    "fired",
    "layer_norms",
    "skipped",
    "every",
    "weight_norms",
    "norms_after",
    "update_norms",
    "moment_ratios",
)
_COUNTED = ("steps", "ends", "codes", "counts", "strides")


def packed(recording: Recording) -> dict[str, NDArray[Any]]:
    """All that a recording holds, as arrays of numbers and of text."""
    return (
        {name: np.asarray(getattr(recording, name)) for name in _PLAIN}
        | {f"histograms_{name}": getattr(recording.histograms, name) for name in _COUNTED}
        | {f"moments_{name}": getattr(recording.moment_histograms, name) for name in _COUNTED}
        | {
            "layers": np.array(recording.layers, np.str_),
            "clip": np.array(json.dumps(recording.clip and recording.clip.to_dict())),
            "optimizer": np.array(json.dumps(recording.optimizer)),
            "learning_rate": recording.learning_rate,
            "nonfinite_steps": np.array(list(recording.nonfinite), np.int64),
            "nonfinite_layers": np.array(list(recording.nonfinite.values()), np.str_),
        }
    )


def unpacked(found: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The arguments of the ``Recording`` that was packed.

    Raises:
        KeyError: an array is missing.
        ValueError: it was clipped by a rule that is not defined here.
    """
    layers = tuple(found["layers"].tolist())
    bad = zip(found["nonfinite_steps"].tolist(), found["nonfinite_layers"].tolist(), strict=True)
    plain: dict[str, Any] = {name: found[name] for name in _PLAIN}
    every = np.ones_like(found["histograms_ends"])  # written before there were samples
    found = {"histograms_strides": every, **found}
    counted = {name: found[f"histograms_{name}"] for name in _COUNTED}
    clip = json.loads(str(found["clip"]))
    return {
        **plain,
        **{name: int(plain[name]) for name in ("skipped", "every")},
        "layers": layers,
        "clip": clip and Rule.from_dict(clip),
        "optimizer": json.loads(str(found["optimizer"])),
        "learning_rate": found["learning_rate"],
        "nonfinite": dict(bad),
        "histograms": Histograms(layers=layers, **counted),
        **_moments(layers, found),
    }


def _moments(layers: tuple[str, ...], found: Mapping[str, NDArray[Any]]) -> dict[str, Histograms]:
    """Nothing, where it was written before they were counted."""
    if "moments_steps" not in found:
        return {}
    counted = {name: found[f"moments_{name}"] for name in _COUNTED}
    return {"moment_histograms": Histograms(layers=layers, **counted)}
