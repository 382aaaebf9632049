"""The layers of a recording: the parameters of a model that are updated, which may become more."""

from __future__ import annotations

from operator import is_

from torch import Tensor, nn
from torch.optim import Optimizer


class Watched:
    """The parameters of ``model`` that ``optimizer`` updates, or that require a gradient.

    Args:
        model: the whole of it.
        optimizer: None: the loop updates the weights by itself.
        sizes: elements of each layer by name; what is new is added.

    Raises:
        TypeError: a parameter is complex.
        ValueError: there is none to watch.
    """

    def __init__(
        self, model: nn.Module, optimizer: Optimizer | None, sizes: dict[str, int]
    ) -> None:
        self._model, self._optimizer, self._sizes = model, optimizer, sizes
        self._updated: list[Tensor] = []
        self.layers: dict[str, Tensor] = {}
        self.now()

    def now(self) -> dict[str, Tensor]:
        """The layers by name, in the model's order, after a look whether there are new ones."""
        updated: list[Tensor] = (
            [parameter for parameter in self._model.parameters() if parameter.requires_grad]
            if self._optimizer is None
            else [p for group in self._optimizer.param_groups for p in group["params"]]
        )
        known = len(updated) == len(self._updated) and all(map(is_, updated, self._updated))
        if known and self.layers:
            return self.layers
        ids = set(map(id, updated))
        self.layers = {
            name.replace("_orig_mod.", ""): parameter  # torch.compile's
            for name, parameter in self._model.named_parameters()
            if id(parameter) in ids
        }
        if not self.layers:
            raise ValueError(
                "model must have a parameter that requires a gradient, got one without"
                if self._optimizer is None
                else "optimizer must update a parameter of model, got one that updates none"
            )
        for name, parameter in self.layers.items():
            if parameter.is_complex():
                raise TypeError(f"model must have real parameters, got {parameter.dtype} in {name}")
            self._sizes.setdefault(name, parameter.numel())
        self._updated = updated
        return self.layers
