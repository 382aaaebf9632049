"""The histograms of many tensors at once: of a model's gradients, or of any by name."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from gradlab.histogram.counting import count
from gradlab.histogram.log import LogHistogram, checked


def by_layer(model: nn.Module) -> dict[str, LogHistogram]:
    """The histogram of every gradient of ``model``, by parameter name, in the model's order.

    Args:
        model: a module after ``backward()``; parameters without a gradient are left out.

    Raises:
        ValueError: no parameter has a gradient.
    """
    return of_tensors({n: p.grad for n, p in model.named_parameters() if p.grad is not None})


def of_tensors(tensors: Mapping[str, Tensor | LogHistogram]) -> dict[str, LogHistogram]:
    """The histogram of every tensor, under the same names; what is a histogram already stays.

    Raises:
        TypeError: one is neither a histogram nor a dense tensor of real floating-point numbers.
        ValueError: there is none: for a model, ``backward()`` has not run yet.
    """
    if not tensors:
        raise ValueError("no gradient to measure: call loss.backward() first")
    new = {n: checked(t) for n, t in tensors.items() if not isinstance(t, LogHistogram)}
    found = dict(zip(new, count(list(new.values()))().each(), strict=True))
    return {
        n: t if isinstance(t, LogHistogram) else LogHistogram(*found[n]) for n, t in tensors.items()
    }
