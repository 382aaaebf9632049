"""Two menus that say which layers a panel shows: a module, and one layer of it."""

from __future__ import annotations

from collections.abc import Iterable

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from gradlab.panels.modules import by_module

ALL = "all layers"


class LayerMenus:
    """The layers of a model, and which of them are chosen.

    Args:
        names: of the layers, in the model's order.

    Attributes:
        module: the menu of modules; hidden where each layer is one.
        layer: the menu of the layers in the chosen module.
        modules: names of the layers in each module.
    """

    def __init__(self, names: list[str]) -> None:
        self._names, self.modules = names, by_module(names)
        self._places = {name: place for place, name in enumerate(names)}
        self._members = [self.places(some) for some in self.modules.values()]
        self.module = ipywidgets.Dropdown(options=[ALL, *self.modules], description="show")
        self.layer = ipywidgets.Dropdown(options=[ALL], description="layer")
        self._listed: str | None = None
        self.list()
        if len(self.modules) == len(names):
            self.module.layout.display = "none"
            self.layer.description = "show"

    def list(self) -> None:
        """Offer the layers of the chosen module."""
        if self._listed != self.module.value:
            self._listed = self.module.value
            self.layer.options = [ALL, *self.modules.get(self._listed, self._names)]

    def chosen(self) -> tuple[str, ...]:
        """The layers that are shown; none named: all."""
        if self.layer.value != ALL:
            return (self.layer.value,)
        return tuple(self.modules.get(self.module.value, ()))

    def places(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Where some layers stand among all."""
        return np.array([self._places[name] for name in names])

    def norms(self, norms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of norms by layer, that of each module."""
        return np.array([np.linalg.norm(norms[some]) for some in self._members])

    def row(self, chosen: tuple[str, ...]) -> int:
        """Where the chosen layers stand among the modules, from 1; 0: all."""
        groups = enumerate(self.modules.values(), 1)
        return next(row for row, some in groups if chosen[0] in some) if chosen else 0
