"""Data sets that torchvision reads from a folder, or downloads into it."""

import gzip
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from gradlab.course.data.reading import Arrays, Labels, Pixels, naming

T = TypeVar("T")

AGAIN = "delete it and put a whole copy there, or load with download=True"


@dataclass(frozen=True)
class _Home:
    """Which of torchvision's data sets it is, and what has to be in which folder under the root."""

    torchvision: str
    folder: str
    files: tuple[str, ...]
    form: str
    call: str


_IDX = tuple(f"{s}-{c}-ubyte" for s in ("train", "t10k") for c in ("images-idx3", "labels-idx1"))
_BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
_WIDER = ("wider_face_split", "WIDER_train", "WIDER_val", "WIDER_test")
_EITHER = "as they are or as .gz"
_UNPACKED = "from cifar-10-python.tar.gz"
_FOLDERS = "from the .zip archives; unused splits may be empty folders"

HOMES = {
    "mnist": _Home("MNIST", "MNIST/raw", _IDX, _EITHER, 'load("mnist", download=True)'),
    "fashion-mnist": _Home(
        "FashionMNIST", "FashionMNIST/raw", _IDX, _EITHER, 'load("fashion-mnist", download=True)'
    ),
    "cifar10": _Home(
        "CIFAR10", "cifar-10-batches-py", _BATCHES, _UNPACKED, 'load("cifar10", download=True)'
    ),
    "wider-face": _Home(
        "WIDERFace",
        "widerface",
        _WIDER,
        _FOLDERS,
        "wider_face(download=True) after pip install gdown",
    ),
}


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """The folder for downloads: ``root``, else ``$GRADLAB_DATA``, else ~/.cache/gradlab."""
    return Path(root or os.environ.get("GRADLAB_DATA") or "~/.cache/gradlab").expanduser()


def missing(name: str, root: Path) -> list[str]:
    """The files (or folders) of a data set that are not there, without reading any."""
    home = HOMES[name]
    present = [root / home.folder / file for file in home.files]
    return [p.name for p in present if not p.exists() and not p.with_name(p.name + ".gz").exists()]


def advice(name: str, root: Path) -> str:
    """What to do about a data set that is not there."""
    home = HOMES[name]
    return (
        f"put {', '.join(home.files)} ({home.form}) into {root / home.folder}, "
        f"or download them: gradlab.course.data.{home.call}. "
        f"root= or the environment variable GRADLAB_DATA names another place than {root}"
    )


def arrays(name: str, root: Path, *, download: bool) -> Arrays:
    """``(classes, {"train": (images, labels), "test": ...})``, as the embedded sets do."""
    read = _cifar10 if name == "cifar10" else _mnist
    return or_download(name, root, download, lambda: read(name, root))


def _mnist(name: str, root: Path) -> Arrays:
    from torchvision import datasets
    from torchvision.datasets.mnist import read_image_file, read_label_file

    folder = present(name, root)
    splits = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = _read_idx(folder / f"{prefix}-images-idx3-ubyte", read_image_file)
        labels = _read_idx(folder / f"{prefix}-labels-idx1-ubyte", read_label_file)
        if len(images) != len(labels):
            raise ValueError(f"{folder}: {len(images)} {split} images, but {len(labels)} labels")
        splits[split] = (images[:, None], labels.astype(np.int64))
    classes = getattr(datasets, HOMES[name].torchvision).classes
    return tuple(label.split(" - ")[0] for label in classes), splits


def _read_idx(path: Path, read: Callable[[str], Tensor]) -> Any:
    """What torchvision reads from an idx file, unpacked first where only the .gz is there."""
    if path.exists():
        with naming(path, AGAIN):
            return read(str(path)).numpy()
    packed = path.with_name(path.name + ".gz")
    with TemporaryDirectory() as folder, naming(packed, AGAIN):
        unpacked = Path(folder, path.name)
        with gzip.open(packed) as source, unpacked.open("wb") as target:
            shutil.copyfileobj(source, target)
        return read(str(unpacked)).numpy()


def _cifar10(name: str, root: Path) -> Arrays:
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    folder = present(name, root)
    meta = (CIFAR10.meta["filename"], CIFAR10.meta["md5"])
    for file, md5 in (*CIFAR10.train_list, *CIFAR10.test_list, meta):
        if not check_integrity(folder / file, md5):
            raise ValueError(f"{folder / file} is damaged (its md5 is not {md5}); {AGAIN}")
    splits = {}
    for split in ("train", "test"):
        batch = CIFAR10(root, train=split == "train")
        pixels: Pixels = batch.data.transpose(0, 3, 1, 2)
        labels: Labels = np.asarray(batch.targets, dtype=np.int64)
        splits[split] = (pixels, labels)
    return tuple(batch.classes), splits


def present(name: str, root: Path) -> Path:
    """The folder of a data set that has all its files."""
    if absent := missing(name, root):
        folder = root / HOMES[name].folder
        raise FileNotFoundError(
            f"data set {name!r} lacks {', '.join(absent)} in {folder}: {advice(name, root)}"
        )
    return root / HOMES[name].folder


def or_download(name: str, root: Path, download: bool, read: Callable[[], T]) -> T:
    """What ``read`` returns; if it cannot and a download is wanted, what it returns after that."""
    try:
        return read()
    except (FileNotFoundError, ValueError):
        if not download:
            raise
    _download(name, root)
    return read()


def _download(name: str, root: Path) -> None:
    """Fetch a data set beside its place and move it there whole, so no half file is ever found."""
    from torchvision import datasets

    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download-", dir=root) as staging:
        try:
            getattr(datasets, HOMES[name].torchvision)(staging, download=True)
        except Exception as error:  # network, disk, checksum, gdown: nobody lists them all
            raise FileNotFoundError(
                f"data set {name!r} could not be downloaded ({error}): {advice(name, root)}"
            ) from error
        _move_into(Path(staging), root)


def _move_into(source: Path, target: Path) -> None:
    """Each file and each new folder moves in one step, over what was there."""
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            _move_into(entry, place)
        else:
            entry.replace(place)
