"""Clipping before averaging: every sample's gradient is bounded alone.

The rule of DP-SGD, without its noise. Gradients of a batch are then known by their inner products:
with K = G Gᵀ of the samples' gradients G (n, d), and a sample scaled by ``w = min(1, C / norm)``,
the mean of the clipped gradients has the squared norm ``wᵀ K w / n²`` and the inner product
``1ᵀ K w / n²`` with the mean gradient. So G is needed once, and K answers for every C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from gradlab.arguments import positive

Loss = Callable[[Tensor, Tensor], Tensor]

_CHUNK = 64  # samples at a time: bounds the memory of the activations
_COLUMNS = 1 << 16  # of the gradients that are widened to float64 at a time


def per_sample_gradients(
    model: nn.Module, inputs: Tensor, targets: Tensor, loss: Loss = F.cross_entropy
) -> dict[str, Tensor]:
    """The gradient of every sample's own loss, for each parameter that requires one.

    Args:
        model: any network that treats the samples of a batch one by one; its ``.grad`` and buffers
            are not touched.
        inputs: (n, ...), n at least 1, on the model's device.
        targets: (n, ...).
        loss: of a batch of one, ``loss(model(inputs), targets)``, 0-dim.

    Returns:
        By parameter name, tensors (n, *parameter.shape), of the parameter's dtype and device. Their
        mean over the samples is the gradient of a loss that averages over the batch.

    Raises:
        ValueError: a batch norm of the model is in training mode, so that each sample's output
            depends on all others; the numbers of inputs and targets differ, or are zero; no
            parameter requires a gradient.

    Note:
        Dropout in training mode draws a mask for each sample.

    >>> import torch
    >>> model = nn.Linear(3, 2)
    >>> found = per_sample_gradients(model, torch.rand(5, 3), torch.tensor([0, 1, 0, 1, 1]))
    >>> {name: tuple(gradient.shape) for name, gradient in found.items()}
    {'weight': (5, 2, 3), 'bias': (5, 2)}
    """
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
            raise ValueError(
                f"model must treat each sample alone, got {type(module).__name__} {name!r} in "
                "training mode: a batch norm mixes the samples of a batch. Use another norm, or "
                "model.eval() where running statistics will do"
            )
    if len(inputs) != len(targets) or not len(inputs):
        raise ValueError(
            "inputs and targets must hold the same number of samples, at least 1, "
            f"got {len(inputs)} and {len(targets)}"
        )
    held = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    if not held:
        raise ValueError("model must have a parameter that requires a gradient, got none")

    def loss_of_one(parameters: dict[str, Tensor], sample: Tensor, target: Tensor) -> Tensor:
        output = functional_call(model, parameters, (sample[None],))
        return loss(output, target[None])

    over_samples = vmap(
        grad(loss_of_one), in_dims=(None, 0, 0), randomness="different", chunk_size=_CHUNK
    )
    found: dict[str, Tensor] = over_samples(held, inputs, targets)
    return {name: gradient.detach() for name, gradient in found.items()}


@dataclass(frozen=True)
class MeanOfClipped:
    """The mean of a batch's clipped gradients, beside the mean of its gradients.

    Args:
        clipped: how many samples' gradients were clipped.
        norm_before: 2-norm of the mean gradient.
        norm_after: 2-norm of the mean of the clipped gradients.
        cosine: of the angle between the two, in [-1, 1]; NaN when one of them is zero.
    """

    clipped: int
    norm_before: float
    norm_after: float
    cosine: float

    @property
    def degrees(self) -> float:
        """The angle between the two means; above 90 the clipped one leads uphill."""
        return float(np.degrees(np.arccos(self.cosine)))


@dataclass(frozen=True, eq=False)
class SampleGradients:
    """The gradients of a batch's samples, known by their inner products.

    Args:
        gram: (n, n) float64; entry i, j is the inner product of the gradients of samples i and j.

    >>> import torch
    >>> three = SampleGradients.of(torch.tensor([[-1.0], [-1.0], [4.0]]))
    >>> one = three.clipped(1.0)
    >>> print(f"{one.norm_before:.3f} -> {one.norm_after:.3f}, cosine {one.cosine:.0f}")
    0.667 -> 0.333, cosine -1
    """

    gram: NDArray[np.float64]

    @classmethod
    def of(cls, gradients: Tensor | Mapping[str, Tensor]) -> SampleGradients:
        """The inner products of all pairs of samples, accumulated in float64.

        Args:
            gradients: (n, d), or tensors (n, ...) by parameter name, as ``per_sample_gradients``
                returns them; any real floating dtype, any device.

        Raises:
            TypeError: ``gradients`` is something else.
            ValueError: there is none, the numbers of samples differ, or a sample's gradient is not
                finite: no bound can shorten that.
        """
        tensors = _tensors(gradients)
        n = len(tensors[0])
        gram = np.zeros((n, n))
        for tensor in tensors:
            for piece in tensor.detach().reshape(n, -1).split(_COLUMNS, dim=1):
                wide = piece.double()
                gram += (wide @ wide.T).cpu().numpy()
        if not np.isfinite(gram).all():
            first = int((~np.isfinite(gram.diagonal())).argmax())
            raise ValueError(f"gradients must be finite, got inf or NaN in that of sample {first}")
        return cls(gram)

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """(n,) 2-norm of each sample's gradient."""
        return np.sqrt(self.gram.diagonal())

    @cached_property
    def cosines(self) -> NDArray[np.float64]:
        """(n,) cosine of each sample's gradient with their mean; NaN where one of them is zero."""
        lengths = self.norms * self._length(np.ones_like(self.norms))
        dots = self.gram.mean(axis=1)
        found = np.divide(dots, lengths, out=np.full_like(dots, np.nan), where=lengths > 0)
        return np.asarray(found.clip(-1, 1))

    def clipped(self, max_norm: float) -> MeanOfClipped:
        """What becomes of the mean when each sample's gradient is clipped to ``max_norm`` first.

        ``mean_i(g_i / max(1, ||g_i|| / C))`` with C = ``max_norm``.

        Source: Abadi et al. 2016, "Deep learning with differential privacy", Algorithm 1, without
        the noise. On the bias: Chen, Wu & Hong 2020, "Understanding gradient clipping in private
        SGD: a geometric perspective".

        Args:
            max_norm: the gradient's unit, positive.

        Raises:
            ValueError: ``max_norm`` is not positive.

        Note:
            Clipping the mean instead would never turn it. The direction given here may be any,
            also one in which the batch's loss rises.
        """
        positive("max_norm", max_norm, may_be_inf=True)
        ones = np.ones_like(self.norms)
        weights = max_norm / np.maximum(self.norms, max_norm)
        before, after = self._length(ones), self._length(weights)
        dot = float(ones @ self.gram @ weights) / len(ones) ** 2
        lengths = before * after
        cosine = min(max(dot / lengths, -1.0), 1.0) if lengths > 0 else float("nan")
        return MeanOfClipped(int((weights < 1).sum()), before, after, cosine)

    def _length(self, weights: NDArray[np.float64]) -> float:
        """The 2-norm of the weighted mean; what rounding leaves where all cancels is 0."""
        square = float(weights @ self.gram @ weights)
        floor = 1e-14 * float(weights @ self.norms) ** 2
        return float(np.sqrt(square)) / len(weights) if square > floor else 0.0


def _tensors(gradients: object) -> list[Tensor]:
    """The tensors of a batch's gradients, one or more, with the same number of samples."""
    given = gradients.values() if isinstance(gradients, Mapping) else [gradients]
    found: list[Tensor] = []
    for tensor in given:
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point() or not tensor.ndim:
            got = getattr(tensor, "dtype", type(tensor).__name__)
            raise TypeError(
                "gradients must be a floating-point tensor (n, d), or a mapping from parameter "
                f"names to tensors (n, ...), got {got}"
            )
        found.append(tensor)
    counts = {len(tensor) for tensor in found}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(
            "gradients must hold the same number of samples for every parameter, at least 1, "
            f"got {sorted(counts) or 'no tensor'}"
        )
    return found
