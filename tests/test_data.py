"""Laws of the front door: names, splits, what is there and what to do about what is not."""

import inspect
from pathlib import Path

import pytest
import torch

from gradlab.course import data
from gradlab.course.data import embedded

EMBEDDED = ("digits", "patches", "faces")
DOWNLOADED = ("mnist", "fashion-mnist", "cifar10", "wider-face")


@pytest.fixture(scope="module")
def loaded():
    return {(n, s): data.load(n, s) for n in EMBEDDED for s in ("train", "test")}


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", EMBEDDED)
def test_images_are_float_in_the_unit_interval_with_one_label_each(loaded, name, split):
    images = loaded[name, split]
    assert (images.name, images.split) == (name, split)
    assert images.images.dtype == torch.float32
    assert images.images.device.type == images.labels.device.type == "cpu"
    assert images.images.is_contiguous()
    assert 0 <= images.images.min() < 0.1
    assert 0.9 < images.images.max() <= 1
    assert len(images) == len(images.images) == len(images.labels)
    assert set(images.labels.tolist()) == set(range(len(images.classes)))


@pytest.mark.parametrize("name", EMBEDDED)
def test_both_splits_are_standardised_by_the_training_split(loaded, name):
    train, test = loaded[name, "train"], loaded[name, "test"]
    assert (train.mean, train.std) == (test.mean, test.std)
    pixels = train.images.double()
    assert train.mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), rel=1e-6)
    assert train.std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), rel=1e-6)


@pytest.mark.parametrize("name", ["imagenet", "", "Digits", "wider-face", None, 3])
def test_an_unknown_data_set_is_refused_with_the_names_allowed(name):
    allowed = "'digits', 'patches', 'faces', 'mnist', 'fashion-mnist', 'cifar10'"
    with pytest.raises(ValueError, match=f"name must be one of {allowed}, got {name!r}"):
        data.load(name)


@pytest.mark.parametrize("split", ["val", "Train", "", None, 0])
def test_an_unknown_split_is_refused_with_the_names_allowed(split):
    with pytest.raises(ValueError, match=f"split must be one of 'train', 'test', got {split!r}"):
        data.load("digits", split)


def test_every_data_set_is_listed_with_its_place_or_with_what_to_do(tmp_path):
    rows = data.available(root=tmp_path)
    assert [row.name for row in rows] == [*EMBEDDED, *DOWNLOADED]
    for row in rows:
        if row.name in EMBEDDED:
            assert row.present
            assert Path(row.note).is_file()
        else:
            assert not row.present
            assert str(tmp_path) in row.note
            assert "download=True" in row.note


def test_listing_reads_no_file_and_makes_no_folder(tmp_path):
    folder = tmp_path / "MNIST/raw"
    folder.mkdir(parents=True)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{part}-ubyte.gz").touch()  # present, though empty
    rows = {row.name: row for row in data.available(root=tmp_path)}
    assert rows["mnist"] == data.Source("mnist", True, str(folder))
    assert not rows["fashion-mnist"].present
    data.available(root=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_what_a_missing_package_holds_is_listed_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(embedded, "find_spec", lambda package: None)
    for row in data.available()[:3]:
        assert not row.present
        assert 'pip install "gradlab-course[course]"' in row.note


def test_a_network_learns_from_the_batches(loaded):
    train, test = loaded["digits", "train"], loaded["digits", "test"]
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    for images, labels in train.batches(64, seed=0, steps=150):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    with torch.no_grad():
        right = [(network(images).argmax(1) == labels) for images, labels in test.in_order(250)]
    assert torch.cat(right).float().mean() > 0.8


def test_the_front_door_holds_all_that_notebooks_need():
    for name in data.__all__:
        assert inspect.getdoc(getattr(data, name))
