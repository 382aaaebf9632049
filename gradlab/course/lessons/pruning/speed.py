"""The speed panel: what does a sparse network save, by size and by the stopwatch?"""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.course.lessons.pruning.picture import draw_bars
from gradlab.course.lessons.pruning.questions import CHANNEL_AMOUNTS
from gradlab.course.sweep.records import Records
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel, percent

NETWORKS = {"dense": "unpruned", "zeros": "weights zero", "channels": "channels out"}
PICTURES = {
    "bytes": ("size (kB)", 1e-3),
    "macs": ("MACs per image (millions)", 1e-6),
    "time": ("time of a batch (unpruned = 1)", 1.0),
    "test": ("accuracy on unseen images", 1.0),
}
Measured = Mapping[tuple[str, str], NDArray[np.float64]]  # by network and unit: (seeds, ...)


def speed_panel(records: Records) -> Speed:
    """A panel that sets a network with zeros beside one without channels: size, time, accuracy.

    The slider is the share of all weights that are zero, or of each layer's channels that are gone.
    All three networks were trained for the same epoch more. Bars are means over seeds; the black
    lines reach from the least to the greatest.

    Args:
        records: of the experiment "pruning": ``sweep.recorded("pruning")``.

    Raises:
        ValueError: a run is missing or failed: a mean over the others would hide it.

    Note:
        Times are those of one machine, one batch and one thread. And a share of the channels is
        more than the same share of the weights: where each layer has lost half of its channels, a
        quarter of the weights is left.
    """
    chosen = records.where(part="speed")
    found = {
        (network, unit): chosen.values(f"{network} {unit}")
        for network in NETWORKS
        for unit in PICTURES
    }
    if any(np.isnan(runs).any() for runs in found.values()):
        raise ValueError("records must hold every run of the panel, got one missing or failed")
    unpruned = found["zeros", "test"][:, :1]  # of the same training, nothing zero
    found["dense", "test"] = unpruned.repeat(len(CHANNEL_AMOUNTS), axis=1)
    return Speed(found)


class Speed(Panel):
    """See ``speed_panel``."""

    def __init__(self, found: Measured) -> None:
        self._found = found
        self.amount = ipywidgets.SelectionSlider(
            options=[(f"{amount:.0%}", amount) for amount in CHANNEL_AMOUNTS],
            value=CHANNEL_AMOUNTS[2],  # at 0 all bars are equal
            description="gone",
            layout={"width": "420px"},
        )
        super().__init__([self.amount], self._picture())

    def _picture(self) -> LivePicture:
        figure, axes = subplots(9, 4, nrows=2, ncols=2)
        self.costs = {}
        for each, (unit, (title, factor)) in zip(axes, PICTURES.items(), strict=True):
            most = 1.05 * factor * max(self._found[name, unit].max() for name in NETWORKS)
            self.costs[unit] = draw_bars(each, list(NETWORKS.values()), title, most)
        for each in axes[1::2]:
            each.tick_params(labelleft=False)
        return LivePicture(figure, [a for cost in self.costs.values() for a in cost.artists])

    def show(self) -> str:
        """Read all measurements at the slider's amount."""
        place = CHANNEL_AMOUNTS.index(self.amount.value)
        here = {key: runs[:, place] for key, runs in self._found.items()}
        for unit, cost in self.costs.items():
            runs = PICTURES[unit][1] * np.stack([here[name, unit] for name in NETWORKS])
            cost.move(runs.min(1), runs.mean(1), runs.max(1))
        zeros, channels = (_told(here, name) for name in ("zeros", "channels"))
        gone = f"{self.amount.value:.0%}"
        return f"{gone} of the weights zero: {zeros} {gone} of the channels out: {channels}"


def _told(here: Measured, name: str) -> str:
    """What this network saves, against the unpruned one of the same seed."""
    size, macs = ((here[name, u] / here["dense", u]).mean() for u in ("bytes", "macs"))
    time, accuracy = here[name, "time"], here[name, "test"]
    change = 100 * (accuracy - here["dense", "test"]).mean()
    return (
        f"{percent(size)} of the size, {percent(macs)} of the multiplications, "
        f"{percent(time.mean())} of the time ({time.min():.0%} to {time.max():.0%}); accuracy "
        f"{percent(accuracy.mean())}, {change:+.1f} points."
    )
