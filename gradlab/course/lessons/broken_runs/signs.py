"""What gives each fault away, as a number measured on the run; above its bound, it shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.broken_runs.running import Run


def chance(classes: int) -> float:
    """The loss of a network that gives all classes the same probability; 2.30 of ten."""
    return float(np.log(classes))


def floor(classes: int) -> float:
    """The lowest cross-entropy of probabilities that are taken for logits; 1.46 of ten."""
    return float(np.log(np.exp(1) + classes - 1) - 1)


def rise(run: Run) -> float:
    """Powers of ten from the first norm to the largest that is finite."""
    norms = _finite(run)
    return float(np.log10(norms.max() / norms[0]))


def sudden(run: Run) -> float:
    """Where the run was lost: a usual norm / the last norm before; near 0 after a long rise."""
    norms = _finite(run)
    lost = len(norms) < len(run.recording)
    return float(np.median(norms[-10:]) / norms[-1]) if lost else 0.0


def without_gradient(run: Run) -> float:
    """Layers that never had a gradient."""
    known = np.isfinite(run.recording.total_norm)
    return float(np.isnan(run.recording.layer_norms[known]).all(0).sum())


def faded(run: Run) -> float:
    """Where the loss ends at chance: powers of ten, at the first step, from bias to bias.

    From the norm of the first bias's gradient up to that of the last one.
    """
    first, last = run.recording.layer_norms[0][[1, -1]]
    return float(np.log10(last / first)) if first > 0 and _rests(run) else 0.0


def dead(run: Run) -> float:
    """The share of the layers whose gradient is exactly zero in most steps."""
    return float(((run.recording.layer_norms == 0).mean(0) > 0.5).mean())


def unlearnable(run: Run) -> float:
    """Where the loss ends at chance: how much shorter the gradient has become since the start."""
    norms = run.recording.total_norm
    return float(norms[:10].mean() / norms[-20:].mean()) if _rests(run) else 0.0


def piled_up(run: Run) -> float:
    """Norm of the gradient at the end / at the first step."""
    norms = run.recording.total_norm
    return float(np.nan_to_num(np.median(norms[-20:]) / norms[0]))


def forgotten(run: Run) -> float:
    """Loss on the test images / on the batch, typically."""
    ratio = np.median(run.test) / np.median(run.train)
    return float(np.nan_to_num(ratio))


def starved(run: Run) -> float:
    """Powers of ten by which a typical norm is below 1."""
    return float(-np.log10(np.median(_finite(run))))


def shrunk(run: Run) -> float:
    """A gain's norm at the first step / at the last, the median of the gains."""
    rows = [k for k, name in enumerate(run.recording.layers) if name.startswith("norm")]
    weights = run.recording.weight_norms[:, rows[::2]]
    return float(np.median(weights[0] / weights[-1])) if rows else 1.0


def stuck(run: Run) -> float:
    """Layers that had a gradient and did not move, in most of the steps that were looked at."""
    at = run.recording.histogram_steps
    asked = run.recording.layer_norms[at] > 0
    return float((((run.recording.update_norms == 0) & asked).mean(0) > 0.5).sum())


def floored(run: Run) -> float:
    """Where the loss has fallen, and the first gradient was short: the lowest loss / the floor."""
    fallen = run.train[-20:].mean() < chance(run.classes) - 0.1
    short = run.recording.total_norm[0] < 1
    return float(run.train.min()) / floor(run.classes) if fallen and short else 0.0


def thrown_back(run: Run) -> float:
    """Where the loss had fallen, and ends at chance: the longest gradient / a usual one before."""
    norms = run.recording.total_norm
    back = _rests(run) and run.train.min() < chance(run.classes) - 0.3
    return float(norms.max() / np.median(norms[:10])) if back else 0.0


def _rests(run: Run) -> bool:
    """Whether the loss ends at chance."""
    return bool(abs(run.train[-20:].mean() - chance(run.classes)) < 0.1)


def _finite(run: Run) -> NDArray[np.float64]:
    norms = run.recording.total_norm
    return norms[np.isfinite(norms)]
