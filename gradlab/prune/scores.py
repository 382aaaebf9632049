"""How much each weight matters, by five measures, taken once; the model is left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from gradlab.arguments import one_of, whole
from gradlab.prune.weights import Weight, prunable, survey, undisturbed

Batches = Iterable[tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]

IMPORTANCES = ("magnitude", "gradient", "taylor", "synflow", "random")
"""The names that ``score`` takes."""

GONE = float("-inf")
"""The score of a weight that a mask holds at zero already: it goes first, so masks only grow."""


@dataclass(frozen=True, eq=False)
class Scores:
    """How much each weight matters; the smaller the score, the sooner it goes.

    Args:
        importance: how they were measured, in a word.
        values: by name of the weight, in the model's order: the scores, of the weight's shape, on
            the CPU; minus infinity where a mask holds the weight at zero already.
        left_out: the weights without scores, by name, with the reason in words.
    """

    importance: str
    values: Mapping[str, Tensor]
    left_out: Mapping[str, str]

    def reversed(self) -> Scores:
        """The same scores with the other sign, so that the largest go first.

        What the listing of the course's S1 does, against its own text.
        """
        turned = {n: torch.where(v == GONE, v, -v) for n, v in self.values.items()}
        return replace(self, importance=f"{self.importance}, largest first", values=turned)


def score(
    model: nn.Module,
    importance: str = "magnitude",
    batches: Batches = (),
    *,
    loss: Loss = F.cross_entropy,
    seed: int = 0,
) -> Scores:
    r"""How much each weight of ``model`` matters, by one measure of importance.

    =============  ==========================  =====================================================
    importance     score of the weight w       needs
    =============  ==========================  =====================================================
    ``magnitude``  :math:`|w|`                 nothing
    ``gradient``   :math:`|g|`                 batches
    ``taylor``     :math:`|w g|`               batches
    ``synflow``    :math:`|w\, dR/d|w||`       the shape of the first batch's inputs
    ``random``     uniform in [0, 1)           a seed
    =============  ==========================  =====================================================

    :math:`g` is the gradient of the mean loss over all samples of the batches: one pass, averaged
    first, its magnitude taken after. :math:`R` is the sum of the outputs for an input of ones when
    every weight is replaced by its magnitude and every bias by zero, in float64.

    All passes run in evaluation mode: dropout is off, and batch normalisation uses and keeps its
    running statistics (for ``synflow`` their variances only). Gradients, modes, buffers and the
    random state are afterwards what they were before.

    Source: Han, Pool, Tran & Dally 2015, "Learning both weights and connections" (magnitude); the
    course's S1 (gradient); Lee, Ajanthan & Torr 2019, "SNIP: single-shot network pruning based on
    connection sensitivity", before its scores are divided by their sum, and, weight by weight,
    Molchanov et al. 2019, "Importance estimation for neural network pruning", whose first-order
    score is the square (taylor); Tanaka, Kunin, Yamins & Ganguli 2020, "Pruning neural networks
    without any data by iteratively conserving synaptic flow" (synflow).

    Args:
        model: on the device of the batches. Its weights that can be pruned are those of
            ``prunable``.
        importance: one of the names above.
        batches: (inputs, targets), finitely many; those of the training set, as
            ``ImageData.batches`` gives them.
        loss: of (outputs, targets), 0-dim, a mean over the batch.
        seed: of ``random``, 0 or more.

    Raises:
        ValueError: an unknown importance; nothing can be pruned; an importance that needs batches
            got none; a score is not finite.
        TypeError: ``synflow`` got inputs that are not floating-point numbers.

    Note:
        Where training has converged the mean gradient is near zero for every weight, large and
        small: what ``gradient`` and ``taylor`` then rank is mostly noise of the batches. And
        ``synflow`` is meant to be taken again after each of many small cuts.

    >>> model = nn.Linear(2, 1, bias=False)
    >>> _ = model.weight.data.copy_(torch.tensor([[3.0, -0.5]]))
    >>> batches = [(torch.tensor([[1.0, 4.0]]), torch.zeros(1, 1))]
    >>> score(model).values["weight"]
    tensor([[3.0000, 0.5000]])
    >>> score(model, "taylor", batches, loss=F.mse_loss).values["weight"]
    tensor([[6., 4.]])
    """
    one_of("importance", importance, IMPORTANCES)
    whole("seed", seed, 0)
    weights = prunable(model)
    with undisturbed(model), torch.enable_grad():
        if importance == "magnitude":
            found = [weight.value.abs() for weight in weights.values()]
        elif importance == "random":
            generator = torch.Generator().manual_seed(seed)
            found = [
                torch.rand(weight.parameter.shape, generator=generator)
                for weight in weights.values()
            ]
        elif importance == "synflow":
            found = _synaptic_flow(model, weights, batches)
        else:
            found = _mean_gradient(model, weights, batches, loss)
            if importance == "taylor":
                found = [w.value * g for w, g in zip(weights.values(), found, strict=True)]
    values = {n: _checked(n, w, s) for (n, w), s in zip(weights.items(), found, strict=True)}
    return Scores(importance, values, survey(model).left_out)


def _mean_gradient(
    model: nn.Module, weights: Mapping[str, Weight], batches: Batches, loss: Loss
) -> list[Tensor]:
    """The gradient of the mean loss over all samples, weight by weight."""
    parameters = [weight.parameter for weight in weights.values()]
    sums = [torch.zeros_like(p, dtype=torch.float32) for p in parameters]
    samples = 0
    for inputs, targets in batches:
        found = torch.autograd.grad(loss(model(inputs), targets), parameters, allow_unused=True)
        for total, gradient in zip(sums, found, strict=True):
            if gradient is not None:
                total.add_(gradient.detach(), alpha=len(inputs))
        samples += len(inputs)
    if not samples:
        raise ValueError("batches must hold one sample or more to take a gradient of, got none")
    return [total / samples for total in sums]


def _synaptic_flow(
    model: nn.Module, weights: Mapping[str, Weight], batches: Batches
) -> list[Tensor]:
    """Each weight's magnitude times the gradient of the flow that passes through it.

    In float64: scaling the layers instead would weigh a residual branch against its shortcut.
    """
    first = next(iter(batches), None)
    if first is None:
        raise ValueError("batches must hold one batch or more, for the shape of its inputs")
    if not first[0].is_floating_point():
        raise TypeError(
            f"synflow feeds ones: inputs must be floating-point, got {first[0].dtype} in batches"
        )
    state = {name: _as_flow(name, tensor.detach()) for name, tensor in _state(model)}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    leaves = [state[names[id(w.parameter)]].requires_grad_() for w in weights.values()]
    ones = torch.ones(1, *first[0].shape[1:], dtype=torch.float64)
    flow = functional_call(model, state, (ones,)).sum()
    found = torch.autograd.grad(flow, leaves, allow_unused=True)
    return [
        leaf.detach() * (torch.zeros_like(leaf) if gradient is None else gradient)
        for leaf, gradient in zip(leaves, found, strict=True)
    ]


def _state(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _as_flow(name: str, tensor: Tensor) -> Tensor:
    """A parameter or buffer as the flow sees it: positive, and nothing added on the way."""
    if not tensor.is_floating_point():
        return tensor.cpu()
    positive = tensor.to("cpu", torch.float64).abs()
    added = name.rpartition(".")[2] in ("bias", "running_mean")
    return torch.zeros_like(positive) if added else positive


def _checked(name: str, weight: Weight, found: Tensor) -> Tensor:
    """The magnitudes of the scores on the CPU, finite, with what is gone marked."""
    scores = found.detach().abs().cpu()
    scores = scores if scores.dtype == torch.float64 else scores.float()
    if not scores.isfinite().all():
        count = int((~scores.isfinite()).sum())
        raise ValueError(f"scores must be finite, got {count} that are inf or NaN in {name}")
    return scores if weight.mask is None else scores.masked_fill(weight.mask.cpu() == 0, GONE)
