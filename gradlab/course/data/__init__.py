"""Real images, a text and small scenes: some travel along, others are downloaded or drawn."""

import os
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gradlab.arguments import one_of
from gradlab.course.data import downloads, embedded
from gradlab.course.data.augment import flip, random_crop
from gradlab.course.data.images import ImageData
from gradlab.course.data.order import temporal_order
from gradlab.course.data.pasted import Composites, astronaut, composites
from gradlab.course.data.shapes import relations
from gradlab.course.data.strips import digit_strips
from gradlab.course.data.text import TextData, python_docs
from gradlab.course.data.wider import wider_face

__all__ = [
    "Composites",
    "ImageData",
    "TextData",
    "astronaut",
    "available",
    "composites",
    "digit_strips",
    "flip",
    "load",
    "python_docs",
    "random_crop",
    "relations",
    "temporal_order",
    "wider_face",
]

_EMBEDDED = {"digits": embedded.digits, "patches": embedded.patches, "faces": embedded.faces}
_ARRAYS = tuple(name for name in downloads.HOMES if name != "wider-face")
_SPLITS = ("train", "test")


def load(
    name: str,
    split: str = "train",
    *,
    root: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> ImageData:
    """One split of a data set of real images.

    ================= ======================================= =============== =========
    name              what                                    train / test    c, h, w
    ================= ======================================= =============== =========
    ``digits``        handwritten digits, a part of MNIST     4,000 / 1,000   1, 28, 28
    ``patches``       patches of ten photographs              4,000 / 1,000   3, 32, 32
    ``faces``         faces, and cut-outs that are none       150 / 50        1, 25, 25
    ``mnist``         handwritten digits                      60,000 / 10,000 1, 28, 28
    ``fashion-mnist`` clothes                                 60,000 / 10,000 1, 28, 28
    ``cifar10``       animals and vehicles                    50,000 / 10,000 3, 32, 32
    ================= ======================================= =============== =========

    Args:
        name: the first three travel inside packages of the course; the others are read from
            ``root``.
        split: ``"train"`` or ``"test"``.
        root: the folder of downloaded data; by default the environment variable ``GRADLAB_DATA``,
            else ``~/.cache/gradlab``.
        download: fetch what is missing or damaged into ``root``.

    Returns:
        The split's images in [0, 1], with the training split's mean and deviation per channel.

    Raises:
        ValueError: ``name`` or ``split`` is unknown, or a file is damaged (it is named).
        FileNotFoundError: files are missing; the message says which, and where to put them.
        ModuleNotFoundError: the package that holds an embedded set is not installed.

    Note:
        Test patches overlap one another, and 50 test faces move an accuracy in steps of 2 %.

    >>> load("digits", "test").images.shape
    torch.Size([1000, 1, 28, 28])
    """
    one_of("name", name, (*_EMBEDDED, *_ARRAYS))
    one_of("split", split, _SPLITS)
    if name in _EMBEDDED:
        classes, splits = _EMBEDDED[name]()
    else:
        classes, splits = downloads.arrays(name, downloads.data_root(root), download=download)
    mean, std = _mean_and_std(splits["train"][0])
    images, labels = splits[split]
    return ImageData(
        name=name,
        split=split,
        images=torch.from_numpy(np.ascontiguousarray(images)).float().div_(255),
        labels=torch.from_numpy(labels),
        classes=classes,
        mean=mean,
        std=std,
    )


@dataclass(frozen=True)
class Source:
    """A data set, whether it is there, and where; if it is not, what to do."""

    name: str
    present: bool
    note: str


def available(root: str | os.PathLike[str] | None = None) -> tuple[Source, ...]:
    """Every data set of the course with whether it is there, without reading any.

    Args:
        root: the folder of downloaded data, as for :func:`load`.

    Note:
        A file that is there may still be damaged; only :func:`load` finds that out.
    """
    rows = []
    for name in _EMBEDDED:
        try:
            rows.append(Source(name, True, str(embedded.locate(name))))
        except (ModuleNotFoundError, FileNotFoundError) as error:
            rows.append(Source(name, False, str(error)))
    folder = downloads.data_root(root)
    for name, home in downloads.HOMES.items():
        present = not downloads.missing(name, folder)
        note = str(folder / home.folder) if present else downloads.advice(name, folder)
        rows.append(Source(name, present, note))
    return tuple(rows)


def _mean_and_std(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per channel, in units of full brightness: from counts, so exact in any order of summing."""
    levels = np.arange(256) / 255
    means, stds = [], []
    for channel in images.swapaxes(0, 1):
        share = np.bincount(channel.ravel(), minlength=256) / channel.size
        means.append(float(share @ levels))
        stds.append(float(np.sqrt(share @ (levels - means[-1]) ** 2)))
    return tuple(means), tuple(stds)
