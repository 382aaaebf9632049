"""Which layers spend the norm of the whole gradient, and which rose first before a spike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BEFORE = 16
"""Steps before a spike in which a layer may rise first."""
_FEWEST = 8  # norms to take a deviation of


@dataclass(frozen=True, eq=False)
class Culprits:
    """The k layers whose norms stood out at a step or shortly before, the first to rise first.

    Args:
        step: the step asked about.
        total_norm: of the whole gradient there.
        z_thresh: from how many standard deviations above the mean of its last norms one stands out.
        window: how many norms those are.
        layers: names.
        rose: (k,) int64; the step at which each first stood out.
        z_score: (k,) float64; by how many standard deviations, at that step; inf where the norm was
            not finite.
        share: (k,) float64; of the squared norm of the whole gradient, at ``step``.

    Note:
        First is not guilty: what goes wrong in one layer may show in another's gradient first. And
        with many layers, some stand out by chance.
    """

    step: int
    total_norm: float
    z_thresh: float
    window: int
    layers: tuple[str, ...]
    rose: NDArray[np.int64]
    z_score: NDArray[np.float64]
    share: NDArray[np.float64]

    def __repr__(self) -> str:
        head = f"Step {self.step:,}, norm {self.total_norm:.3g}"
        above = f"{self.z_thresh:g} standard deviations above its last {self.window} norms"
        if not self.layers:
            return f"{head}: no layer rose {above}, here or in the {BEFORE} steps before."
        lines = [f"{head}. Layers in the order in which they rose {above}:"]
        for name, rose, z, share in zip(
            self.layers, self.rose.tolist(), self.z_score, self.share, strict=True
        ):
            ago = f"{self.step - rose} steps before" if rose < self.step else "at that step"
            held = f", {share:.1%} of the squared norm" if np.isfinite(share) else ""
            lines.append(f"  {name}: {ago} (z = {z:.3g}){held}")
        return "\n".join(lines)


def shares(total: NDArray[np.float64], norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, L): each layer's part of the squared norm of the whole gradient; NaN where none is known.

    Args:
        total: (n,); norms of the whole gradient.
        norms: (n, L); of each layer's.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.square(norms / total[:, None])
    return np.where(np.isfinite(total)[:, None], part, np.nan)


def culprits(
    layers: tuple[str, ...],
    total: NDArray[np.float64],
    norms: NDArray[np.float64],
    step: int,
    z_thresh: float,
    window: int,
) -> Culprits:
    """The layers that stood out at ``step`` or in the steps ``BEFORE`` it, by their own norms."""
    near = np.arange(max(step - BEFORE, 0), step + 1)
    lost = np.isnan(norms[near]) & ~np.isfinite(total[near])[:, None]
    scores = np.stack([_z_scores(norms[max(at - window, 0) : at + 1]) for at in near])
    scores = np.where(lost | np.isposinf(norms[near]), np.inf, scores)
    above = scores > z_thresh
    (risen,) = np.nonzero(above.any(axis=0))
    first = above.argmax(axis=0)[risen]
    found = scores[first, risen]
    order = np.lexsort((-found, first))
    risen, first, found = risen[order], first[order], found[order]
    share = shares(total[[step]], norms[[step]])[0, risen]
    names = tuple(layers[column] for column in risen)
    return Culprits(step, float(total[step]), z_thresh, window, names, near[first], found, share)


def _z_scores(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """(L,): of the last row among the rows before it; NaN where these are too few."""
    *_, now = norms
    known = np.isfinite(norms[:-1])
    count = known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = norms[:-1].sum(axis=0, where=known) / count
        deviation = np.sqrt(np.square(norms[:-1] - mean).sum(axis=0, where=known) / (count - 1))
        return np.where(count >= _FEWEST, (now - mean) / deviation, np.nan)
