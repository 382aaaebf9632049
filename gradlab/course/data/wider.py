"""WIDER FACE: photographs with a box around every face, read one at a time."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from gradlab.arguments import one_of, whole
from gradlab.course.data.downloads import AGAIN, data_root, or_download, present
from gradlab.course.data.reading import naming


class WiderFace(Dataset[tuple[Tensor, Tensor]]):
    """What :func:`wider_face` returns."""

    def __init__(self, root: Path, split: str, size: int) -> None:
        from torchvision.datasets import WIDERFace

        annotations = f"wider_face_split/wider_face_{split}_bbx_gt.txt"
        path = present("wider-face", root) / annotations
        with naming(path, AGAIN):
            self._images = WIDERFace(str(root), split).img_info
            # torchvision forgets a last image whose boxes are cut off without a word
            expected = sum(2 + len(image["annotations"]["bbox"]) for image in self._images)
            if not expected or len(path.read_text().splitlines()) != expected:
                raise ValueError(f"it stops after {len(self._images)} whole images")
        for image in self._images:
            if not Path(image["img_path"]).is_file():
                raise FileNotFoundError(f"{image['img_path']} is missing; {path.name} lists it")
        self.size = size

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        from PIL import Image

        path = Path(self._images[index]["img_path"])
        with naming(path, AGAIN), Image.open(path) as file:
            scale = torch.tensor([self.size / file.width, self.size / file.height]).repeat(2)
            pixels = np.asarray(file.convert("RGB").resize((self.size, self.size)))
        x, y, width, height = self._images[index]["annotations"]["bbox"].unbind(1)
        boxes = torch.stack((x, y, x + width, y + height), dim=1)[(width > 0) & (height > 0)]
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255, boxes * scale


def wider_face(
    split: str = "train",
    *,
    root: str | os.PathLike[str] | None = None,
    download: bool = False,
    size: int = 224,
) -> WiderFace:
    """WIDER FACE, photographs with a box around every face, read one at a time.

    Source: Yang, Luo, Loy & Tang (2016), WIDER FACE: a face detection benchmark.

    Args:
        split: ``"train"`` (12,880 images) or ``"val"`` (3,226); the test boxes are not published.
        root: the folder that holds ``widerface/``; by default ``$GRADLAB_DATA``, else
            ``~/.cache/gradlab``. torchvision wants the folders of all splits there; those of a
            split that you do not use may be empty.
        download: fetch what is missing or damaged (3.7 GB; needs the package gdown).
        size: side of the square that every image is resized to, pixels.

    Returns:
        A dataset of (image, boxes): image float32 (3, size, size) in [0, 1]; boxes float32 (n, 4),
        ``x1 y1 x2 y2`` in pixels of the resized image; both on the CPU. Boxes without width or
        height are left out, so n may be 0.

    Raises:
        ValueError: ``split`` or ``size`` is not allowed, or a file is damaged (it is named).
        FileNotFoundError: files are missing; the message says which, and where to put them.

    Note:
        Resizing to a square squeezes wide photographs, and faces of a few pixels vanish.
    """
    one_of("split", split, ("train", "val"))
    whole("size", size)
    folder = data_root(root)
    return or_download("wider-face", folder, download, lambda: WiderFace(folder, split, size))
