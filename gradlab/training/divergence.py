"""Where a network's numbers stop being numbers: the first layer, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Origin:
    """The first layers at which an infinity or a NaN appeared in one step.

    Args:
        output: the first layer, on the way forward, whose output was not finite; None: all were.
        gradient: the first parameter, on the way back, whose gradient was not finite; None: all
            were.
    """

    output: str | None
    gradient: str | None

    def __str__(self) -> str:
        if self.output is not None:
            return f"the output of {self.output}"
        return f"the gradient of {self.gradient}" if self.gradient is not None else "nothing"


def find(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
) -> Origin:
    """The first layers at which one forward and one backward pass leave the finite numbers.

    The model is run once more, with hooks that are gone afterwards. Its weights stay as they are;
    its gradients are those of this pass.

    Args:
        model: on the device of the batch.
        inputs: of one batch.
        targets: of the same batch.
        loss: of (outputs, targets), 0-dim.

    Returns:
        Names as in ``named_modules()`` and ``named_parameters()``.

    Note:
        The first place where infinity is written is not where the trouble began: the weights
        before it grew too large some steps earlier.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> _ = nn.init.constant_(model[2].weight, float("inf"))
    >>> find(model, Tensor([[1, 2]]), Tensor([[0, 1]])).output
    '2'
    """
    outputs: list[str] = []
    gradients: list[str] = []
    model.zero_grad()
    with _watched(model, outputs.append, gradients.append):
        loss(model(inputs), targets).backward()
    return Origin(next(iter(outputs), None), next(iter(gradients), None))


@contextmanager
def _watched(
    model: nn.Module, output: Callable[[str], None], gradient: Callable[[str], None]
) -> Iterator[None]:
    """Report every leaf module and every parameter that meets a number that is not finite."""

    def report(value: object, name: str, where: Callable[[str], None]) -> None:
        if isinstance(value, Tensor) and not value.isfinite().all():
            where(name)

    handles = [
        module.register_forward_hook(lambda _, __, value, name=name: report(value, name, output))
        for name, module in model.named_modules()
        if next(module.children(), None) is None
    ] + [
        parameter.register_hook(lambda value, name=name: report(value, name, gradient))
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
