"""Feature vectors: what a network makes of pictures, and what is left without their lengths."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradlab.arguments import one_of
from gradlab.compress.affine import vectors
from gradlab.data import ImageData


@torch.no_grad()
def features(network: nn.Sequential, images: ImageData, layer: str = "flatten") -> Tensor:
    """What ``network`` makes of ``images``, up to one of its layers.

    Args:
        network: with named layers, as all of the course's are; measured in evaluation mode, and
            left in the mode it was in.
        images: one split of a data set; standardised on the way.
        layer: the name of the last layer to pass; ``"flatten"`` gives the feature maps as a vector.

    Returns:
        (n, d) float32, on the CPU.

    Raises:
        ValueError: the network has no such layer.
    """
    names = [name for name, _ in network.named_children()]
    one_of("layer", layer, names)
    front, training = network[: names.index(layer) + 1], network.training
    device = next(network.parameters()).device
    network.eval()
    parts = [front(inputs).flatten(1).cpu() for inputs, _ in images.in_order(500, device=device)]
    network.train(training)
    return torch.cat(parts)


def unit_length(features: Tensor) -> Tensor:
    r"""Each vector divided by its own length, so that only its direction is left.

    .. math:: x / \lVert x \rVert_2

    Args:
        features: (n, d), finite.

    Returns:
        (n, d) of the same dtype; a vector of zeros has no direction, and stays.

    Raises:
        TypeError: ``features`` is no floating-point tensor.
        ValueError: it has another shape, or holds an infinity or a NaN.

    Note:
        The length is gone for good. Where it told the classes apart, a classifier now misses it.

    >>> unit_length(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    checked = vectors("features", features)
    length = torch.linalg.vector_norm(checked, dim=1, keepdim=True)
    return checked / torch.where(length > 0, length, 1)
