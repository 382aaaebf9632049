"""Photographs into which faces were pasted, so that the box of every face is known exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gradlab.arguments import one_of, whole
from gradlab.course.data import embedded

_SMALLEST = 16  # side of a face, in pixels; the largest is half of the picture's
_TURN = 0.35  # radians, either way
_TRIES = 8  # places tried for one face
_CROWD = 0.45  # how much the boxes of two faces of a crowd may overlap (IoU)
_GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True, eq=False)
class Composites:
    """Grey pictures with the boxes of the faces in them.

    Args:
        split: ``"train"`` or ``"test"``.
        images: float32 (n, 1, size, size) in [0, 1].
        boxes: for each picture float32 (k, 4), ``x1 y1 x2 y2`` in pixels; k may be 0.
    """

    split: str
    images: Tensor = field(repr=False)
    boxes: tuple[Tensor, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.boxes)


def composites(
    split: str = "train",
    count: int = 1000,
    *,
    size: int = 64,
    crowded: bool = False,
    distractors: Tensor | None = None,
    seed: int = 0,
) -> Composites:
    """Pictures made of parts of photographs, into which faces were pasted, and other things.

    Faces are turned, mirrored, lit and scaled to 16 pixels up to half of the picture's side; up to
    four cut-outs that are no faces are pasted in the same way, so that a pasted edge gives nothing
    away; then noise comes over all. Training pictures come from the left half of each photograph
    and from three quarters of the faces, test pictures from the right half and the other faces.
    The astronaut is in none of them.

    Source: faces and other cut-outs of ``faces`` (Huang et al. 2007), photographs of scikit-image.

    Args:
        split: ``"train"`` or ``"test"``.
        count: pictures, 1 or more.
        size: their side in pixels, 32 or more.
        crowded: five to eight faces that hide parts of each other; else none to three that do not.
        distractors: float32 (m, 25, 25) in [0, 1], cut-outs to be pasted beside those of the data
            set, such as a detector's false alarms; one in two of those pasted is one of them.
        seed: of all that is drawn; another seed, other pictures.

    Raises:
        ValueError: an argument is not allowed.
        ModuleNotFoundError: scikit-image, which holds the photographs, is not installed.

    Note:
        A pasted face is an easy face: it looks straight ahead, and its edge is soft. What a
        detector reaches here says nothing about photographs of people in a street.

    >>> pictures = composites("test", 4, size=48, seed=1)
    >>> pictures.images.shape, [len(boxes) for boxes in pictures.boxes]
    (torch.Size([4, 1, 48, 48]), [...])
    """
    one_of("split", split, ("train", "test"))
    whole("count", count)
    whole("size", size, 48)
    whole("seed", seed, 0)
    generator = torch.Generator().manual_seed(2 * seed + (split == "test"))
    faces, others = _cut_outs(split)
    least, most = (5, 8) if crowded else (0, 3)
    sides, centres, shown = _places(count, most + 4, size, _CROWD if crowded else 0.0, generator)
    kinds = torch.arange(most + 4) < most  # faces are placed first
    wanted = torch.where(
        kinds,
        torch.arange(most + 4) < torch.randint(least, most + 1, (count, 1), generator=generator),
        torch.arange(most + 4) - most < torch.randint(0, 5, (count, 1), generator=generator),
    )
    shown &= wanted
    images = _backgrounds(split, count, size, generator)
    for k in reversed(range(most + 4)):  # faces lie over what is no face
        pool = faces if kinds[k] else others
        chosen = pool[torch.randint(len(pool), (count,), generator=generator)]
        if distractors is not None and not kinds[k]:
            hard = distractors[torch.randint(len(distractors), (count,), generator=generator)]
            half = torch.rand(count, generator=generator) < 0.5
            chosen = torch.where(half[:, None, None], hard, chosen)
        here = shown[:, k]
        if here.any():
            images[here] = _pasted(
                images[here], chosen[here], sides[here, k], centres[here, k], generator
            )
    images = images + 0.03 * torch.randn(images.shape, generator=generator)
    corners = torch.cat((centres - sides[..., None] / 2, centres + sides[..., None] / 2), -1)
    boxes = tuple(c[s] for c, s in zip(corners[:, :most], shown[:, :most], strict=True))
    return Composites(split, images.clamp_(0, 1), boxes)


def astronaut(size: int = 160) -> Tensor:
    """The photograph of the astronaut Eileen Collins, grey: (1, size, size) in [0, 1].

    Source: NASA, as scikit-image ships it. No composite holds any part of it.

    Args:
        size: side in pixels, 32 or more; the whole photograph has 512.

    Raises:
        ValueError: ``size`` is not allowed.
    """
    whole("size", size, 32)
    grey = _grey(embedded.astronaut())
    return F.interpolate(grey[None, None], size=(size, size), mode="area")[0]


@cache
def _cut_outs(split: str) -> tuple[Tensor, Tensor]:
    """Faces, and others: those of the data set and as many parts of photographs; (n, 25, 25)."""
    _, splits = embedded.faces()
    images, labels = (torch.from_numpy(array) for array in splits[split])
    faces, others = images[labels == 1, 0] / 255, images[labels == 0, 0] / 255
    parts = _backgrounds(split, len(others), 25, torch.Generator().manual_seed(0))
    return faces, torch.cat((others, parts[:, 0]))


@cache
def _halves(split: str) -> tuple[Tensor, ...]:
    """The half of every photograph but the astronaut's, grey, (h, w)."""
    found = []
    for name, pixels in embedded.named_photographs().items():
        middle = pixels.shape[1] // 2
        half = pixels[:, : middle - 8] if split == "train" else pixels[:, middle + 8 :]
        if name != "astronaut":
            found.append(_grey(half))
    return tuple(found)


def _grey(pixels: NDArray[np.uint8]) -> Tensor:
    brightness: Tensor = (torch.from_numpy(pixels.copy()).float() / 255) @ torch.tensor(_GREY)
    return brightness


def _backgrounds(split: str, count: int, size: int, generator: torch.Generator) -> Tensor:
    """Parts of photographs, mirrored at random: (count, 1, size, size)."""
    halves = _halves(split)
    which = torch.randint(len(halves), (count,), generator=generator)
    where = torch.rand(count, 3, generator=generator).tolist()
    found = torch.empty(count, 1, size, size)
    for picture, (number, (scale, y, x)) in enumerate(zip(which.tolist(), where, strict=True)):
        half = halves[number]
        side = min(round(size * (1 + scale)), *half.shape)
        top, left = int(y * (half.shape[0] - side + 1)), int(x * (half.shape[1] - side + 1))
        part = half[top : top + side, left : left + side]
        found[picture] = F.interpolate(part[None, None], size=(size, size), mode="bilinear")[0]
    mirrored = torch.rand(count, generator=generator) < 0.5
    return torch.where(mirrored[:, None, None, None], found.flip(3), found)


def _places(
    count: int, most: int, size: int, overlap: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Sides (count, most) and centres (count, most, 2) in pixels, and which found a place."""
    spread = torch.rand(count, most, generator=generator)
    largest = size / 3 if overlap else size / 2
    sides = _SMALLEST * (largest / _SMALLEST) ** spread
    tries = torch.rand(count, most, _TRIES, 2, generator=generator)
    centres = sides[..., None, None] * (0.5 - tries) + size * tries
    placed, shown = torch.zeros(count, most, 2), torch.zeros(count, most, dtype=torch.bool)
    for k in range(most):
        free = _overlaps(centres[:, k], sides[:, k], placed, sides, shown) <= overlap
        shown[:, k] = free.any(1)
        first = free.float().argmax(1)
        placed[:, k] = centres[torch.arange(count), k, first]
    return sides, placed, shown


def _overlaps(at: Tensor, side: Tensor, others: Tensor, sides: Tensor, shown: Tensor) -> Tensor:
    """The largest IoU of squares tried at (n, tries, 2) with those that are shown: (n, tries)."""
    a, b = side[:, None, None], sides[:, None]
    gaps = (at[:, :, None] - others[:, None]).abs()
    shared = ((a + b)[..., None] / 2 - gaps).clamp(min=0)
    shared = torch.minimum(shared, torch.minimum(a, b)[..., None]).prod(-1)
    found = shared / (a**2 + b**2 - shared)
    return torch.where(shown[:, None], found, 0.0).amax(-1)


def _pasted(
    images: Tensor, cut: Tensor, side: Tensor, centre: Tensor, g: torch.Generator
) -> Tensor:
    """Each picture with one cut-out over it, turned, mirrored and lit, with a soft round edge."""
    count, size = len(images), images.shape[-1]
    angle = _TURN * (2 * torch.rand(count, generator=g) - 1)
    mirror = torch.where(torch.rand(count, generator=g) < 0.5, -1.0, 1.0)
    gain = 0.7 + 0.6 * torch.rand(count, 1, 1, 1, generator=g)
    lift = 0.2 * torch.rand(count, 1, 1, 1, generator=g) - 0.1
    # From a pixel of the picture, in [-1, 1], to the place in the cut-out that it shows.
    zoom, middle = size / side, 2 * centre / size - 1
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    turn = torch.stack((mirror * cos, mirror * sin, -sin, cos), 1).view(count, 2, 2)
    theta = torch.cat((turn, -turn @ middle[:, :, None]), 2)
    layers = torch.stack((cut * gain[:, 0] + lift[:, 0], _edge().expand_as(cut)), 1)
    grid = F.affine_grid(theta, [count, 2, size, size], align_corners=False)
    face, alpha = F.grid_sample(layers, grid, align_corners=False).split(1, 1)
    pasted: Tensor = images * (1 - alpha) + face.clamp(0, 1) * alpha
    return pasted


@cache
def _edge() -> Tensor:
    """How much of a cut-out is seen: all within an ellipse, nothing in the corners; (25, 25)."""
    line = torch.linspace(-1, 1, 25)
    radius = (line[:, None] ** 2 + line[None] ** 2).sqrt()
    return ((1.12 - radius) / 0.15).clamp(0, 1)
