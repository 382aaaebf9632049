"""The sparsity panel: which weights go, where, and what is left of the accuracy?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from math import ceil, sqrt
from threading import RLock
from typing import Any

import ipywidgets
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gradlab import prune
from gradlab.arguments import one_of, within
from gradlab.draw.sparsity import draw_curve, draw_sparsity_axis, on_sparsity_axis
from gradlab.draw.style import THRESHOLD
from gradlab.draw.weights import draw_holes, draw_scores, draw_shares
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.measuring import Measuring
from gradlab.panels.panel import percent
from gradlab.panels.ranked import EDGES, Ranked
from gradlab.prune import IMPORTANCES
from gradlab.prune.ranking import Cut
from gradlab.prune.weights import prunable, refuse_masks

LARGEST = "largest first"
SCOPES = ("all layers together", "each layer alone")
GRID = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def sparsity(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    accuracy: Callable[[nn.Module], float],
    *,
    importance: str = "magnitude",
    amount: float = 0.5,
) -> SparsityPanel:
    """A panel that prunes a network at the sparsity on its slider, and measures what is left.

    Above: the accuracy, measured at a few amounts (line) and, as soon as the slider rests, at
    exactly this one (dot); how much of each layer is gone, with a cross where nothing is left.
    Below: which scores go; the first layer's weights, with holes.

    Args:
        model: a trained network, on the device of ``batches``. The panel keeps a copy.
        batches: (inputs, targets) of the training set, finitely many, that the gradients are of.
        accuracy: a function that measures a model in [0, 1], on data it was not trained on, such
            as ``test.accuracy`` of the course's images. It is called often: make it quick.
        importance: what the panel starts with: one of ``prune.IMPORTANCES``, or "largest first".
        amount: likewise, from 0 to 0.99.

    Raises:
        ValueError: ``importance`` is unknown, ``amount`` out of range, the model has masks already;
            or as ``prune.score``.
        TypeError: as ``prune.score``.

    Note:
        Nothing is trained here: what is left can often be trained to far more than the dot says.
        A second panel on the same network measures nothing twice: ``again`` makes one.
    """
    _check(importance, amount)
    prunable(model)
    refuse_masks(model)
    # with the channels last, a pass takes half the time on a CPU
    copy = deepcopy(model).to(memory_format=torch.channels_last)
    return SparsityPanel(_Network(copy, list(batches), accuracy), importance, amount)


def _check(importance: str, amount: float) -> None:
    one_of("importance", importance, (*IMPORTANCES, LARGEST))
    within("amount", amount, 0, GRID[-1])


class _Network:
    """A trained network, and what is known of it: pruned, it is measured once."""

    def __init__(
        self,
        model: nn.Module,
        batches: list[tuple[Tensor, Tensor]],
        accuracy: Callable[[nn.Module], float],
    ) -> None:
        scores = {name: prune.score(model, name, batches) for name in IMPORTANCES}
        scores[LARGEST] = scores["magnitude"].reversed()
        self.ranked = {name: Ranked.of(found) for name, found in scores.items()}
        self.first = next(iter(prunable(model).values())).value
        self.unpruned = accuracy(model)
        self.measured: dict[tuple[str, str, float], float] = {}
        self._model, self._accuracy, self._evaluating = model, accuracy, RLock()

    def cut(self, importance: str, scope: str, amount: float) -> Cut:
        """What goes."""
        return self.ranked[importance].ranking.cut(amount, per_layer=scope != SCOPES[0])

    def measure(self, *setting: Any) -> bool:
        """Measure the network cut so; whether that was not known yet."""
        with self._evaluating:
            if new := setting not in self.measured:
                prune.apply_(self._model, self.cut(*setting))
                try:
                    self.measured[setting] = self._accuracy(self._model)
                finally:
                    prune.restore_(self._model)
            return new


class SparsityPanel(Measuring):
    """See ``sparsity``. ``measure()`` does at once what the panel does when its slider rests."""

    def __init__(self, network: _Network, importance: str, amount: float) -> None:
        self._network, self._measured = network, network.measured
        self.importance = ipywidgets.Dropdown(
            options=list(network.ranked), value=importance, description="by"
        )
        self.scope = ipywidgets.Dropdown(options=SCOPES, description="rank")
        self.amount = ipywidgets.FloatSlider(
            amount,
            min=0,
            max=GRID[-1],
            step=0.01,
            description="sparsity",
            readout_format=".0%",
            layout={"width": "420px"},
        )
        super().__init__([self.importance, self.scope, self.amount], self._picture)

    def again(self, *, importance: str = "magnitude", amount: float = 0.5) -> SparsityPanel:
        """Another panel on the same network; what one of the two measures, the other knows.

        Raises:
            ValueError: as ``sparsity``.
        """
        _check(importance, amount)
        return SparsityPanel(self._network, importance, amount)

    @property
    def page_values(self) -> dict[Any, tuple[float, ...]]:
        """Of sparsities, those that the curve is measured at."""
        return {self.amount: GRID}

    def _picture(self) -> LivePicture:
        figure, (left, right, below, pixels) = subplots(9, 6, nrows=2, ncols=2)
        network = self._network
        some = network.ranked["magnitude"]
        names = [name.removesuffix(".weight") for name in some.ranking.layers]
        self._weights = _tiles(network.first)
        most = 1.05 * max(ranked.counts.sum(0).max() for ranked in network.ranked.values())

        self._marker = draw_sparsity_axis(left, "accuracy on unseen data")
        self.curve = draw_curve(left, "measured", 0)
        (self.dot,) = left.plot([], [], "o", color=THRESHOLD, markersize=9, zorder=5)
        self.shares = draw_shares(right, names, some.counts.sum(1).tolist())
        self.scores = draw_scores(below, EDGES, most)
        self.holes = draw_holes(pixels, self._weights, f"{names[0]}: black is gone")
        parts = (self._marker, self.curve, self.shares, self.scores, self.holes)
        return LivePicture(figure, [*(a for part in parts for a in part.artists), self.dot])

    def show(self) -> str:
        """Look up what goes; what accuracy that leaves is measured once the slider rests."""
        importance, scope, amount = self._setting
        ranked, cut = self._network.ranked[importance], self._network.cut(*self._setting)
        self._marker.move(on_sparsity_axis(amount), f"sparsity {amount:.0%}")
        self.shares.move(cut.per_layer, cut.total)
        self.scores.move(ranked.going(cut), ranked.counts.sum(0))
        together = scope == SCOPES[0] and np.isfinite(cut.thresholds[0])
        relative = abs(cut.thresholds[0]) / ranked.largest
        self.scores.marker.move(float(np.clip(relative, EDGES[0], 1)) if together else None)
        stays = _tiles(cut.mask(cut.layers[0]))
        self.holes.move(np.where(stays, self._weights, np.nan))

        curve = [self._measured.get((importance, scope, at), np.nan) for at in GRID]
        self.curve.move(GRID, [curve])
        accuracy = self._measured.get(self._setting)
        self.dot.set_data([on_sparsity_axis(amount)], [accuracy or 0.0])
        self.dot.set_visible(accuracy is not None)
        return f"{amount:.0%} by {importance}, {scope}: {self._said(cut, accuracy)}"

    def measure(self) -> float:
        """Measure and show the accuracy at this setting and those of its curve; return it."""
        self.settle()
        return self._measured[self._setting]

    @property
    def _setting(self) -> tuple[str, str, float]:
        return self.importance.value, self.scope.value, round(self.amount.value, 2)

    def measure_next(self) -> bool:
        """Measure the first accuracy that is missing: of this setting, or of its curve."""
        importance, scope, here = self._setting
        return any(self._network.measure(importance, scope, at) for at in (here, *GRID))

    def _said(self, cut: Cut, accuracy: float | None) -> str:
        dense = percent(self._network.unpruned)
        found = (
            f"accuracy {percent(accuracy)}, {dense} unpruned."
            if accuracy is not None
            else "accuracy is measured when the slider rests."
        )
        shares = cut.per_layer
        low, high = int(shares.argmin()), int(shares.argmax())
        layers = (
            f"{percent(shares[low])} of {cut.layers[low]} to "
            f"{percent(shares[high])} of {cut.layers[high]}"
        )
        gone = (
            f" Nothing is left of {', '.join(cut.emptied)}: no image gets through, and all get "
            "the same answer."
        )
        return (
            f"{found} {cut.zeros.sum():,} of {cut.sizes.sum():,} weights are zero, from {layers}."
            + gone * bool(cut.emptied)
        )


def _tiles(weight: Tensor) -> NDArray[np.float64]:
    """A layer's weights as a picture: those of a convolution kernel by kernel, inf between them."""
    values = weight.detach().cpu().numpy().astype(np.float64)
    if values.ndim != 4:
        return values.reshape(len(values), -1)
    height, width = values.shape[2:]
    kernels = values.reshape(-1, height, width)
    columns = ceil(sqrt(4 * len(kernels) / 3))
    rows = ceil(len(kernels) / columns)
    framed = np.full((rows * columns, height + 1, width + 1), np.inf)
    framed[: len(kernels), :height, :width] = kernels
    grid = framed.reshape(rows, columns, height + 1, width + 1).transpose(0, 2, 1, 3)
    return grid.reshape(rows * (height + 1), -1)[:-1, :-1]
