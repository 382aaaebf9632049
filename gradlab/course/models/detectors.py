"""A detector with one stage: a backbone, and two heads that answer in every place of its map."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradlab.arguments import whole
from gradlab.course.models.parts import chain, he_normal, initialise

STRIDE = 8
"""Pixels between two places of the map that a detector answers for."""

_PRIOR = 0.01  # probability of an object before anything is learned
_GROUPS = 4  # of channels, normalised together


class Heads(nn.Module):
    """For each place the logit of an object, and how far the four sides of its box are.

    Returns (b, 5, h, w): the logit, and the distances from the middle of the place to the left,
    upper, right and lower side, in pixels, above 0.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score, self.box = (nn.Conv2d(channels, n, 3, padding=1) for n in (1, 4))
        for head in (self.score, self.box):
            nn.init.normal_(head.weight, std=0.01)
        nn.init.constant_(self.score.bias, -log(1 / _PRIOR - 1))  # type: ignore[arg-type]
        nn.init.constant_(self.box.bias, 1.0)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """The logit, and the distances as softplus, whose slope is at most 1, times the stride."""
        return torch.cat((self.score(features), STRIDE * F.softplus(self.box(features))), 1)


def detector(width: int = 16, *, channels: int = 1, norm: bool = True) -> nn.Sequential:
    """A detector of one class of objects: six convolutions, then one for each of two heads.

    The backbone's convolutions have 1, 2, 2, 4, 4 and 4 times ``width`` channels; three of them
    halve the picture. Group normalisation follows each, which does not depend on the batch. There
    are no anchors: each place of the map says whether an object is there, and where its box ends.
    At first every place gives the probability 0.01, so that the many places without an object do
    not drown the few with one.

    Source: Tian, Shen, Chen & He 2019, "FCOS: fully convolutional one-stage object detection"
    (without its feature pyramid and centre-ness); the prior is that of Lin et al. 2017, "Focal loss
    for dense object detection", section 4.1. S4 has a backbone and two heads as well.

    Args:
        width: channels of the first convolution, a multiple of 4 where ``norm`` is True.
        channels: channels of the picture.
        norm: group normalisation after every convolution of the backbone.

    Returns:
        A network from (batch, channels, h, w) to (batch, 5, h / 8, w / 8): a logit, and the
        distances to the left, upper, right and lower side of the box, pixels.

    Raises:
        ValueError: ``width`` or ``channels`` is not allowed.
    """
    whole("width", width)
    whole("channels", channels)
    if norm and width % _GROUPS:
        raise ValueError(f"width must be a multiple of {_GROUPS} where norm is True, got {width!r}")
    sizes = [channels, *(factor * width for factor in (1, 2, 2, 4, 4, 4))]
    modules: dict[str, nn.Module] = {}
    for number, stride in enumerate((2, 2, 1, 2, 1, 1), 1):
        fan_in, fan_out = sizes[number - 1 : number + 1]
        modules[f"conv{number}"] = nn.Conv2d(fan_in, fan_out, 3, stride, padding=1, bias=not norm)
        if norm:
            modules[f"norm{number}"] = nn.GroupNorm(_GROUPS, fan_out)
        modules[f"relu{number}"] = nn.ReLU()
    backbone = initialise(chain(**modules), he_normal)
    return chain(backbone=backbone, heads=Heads(sizes[-1]))
