"""Laws of downloadable data: torchvision's formats, whole files only, and errors that help.

The files are tiny and in the real formats. Where torchvision checks an md5, the tests replace the
sum that it expects; where it downloads, it downloads, from a server of the test's own.
"""

import gc
import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from torchvision import datasets

from gradlab.course import data
from gradlab.course.data import downloads

RANDOM = np.random.default_rng(0)
PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def idx(array):
    """An array of bytes in MNIST's format: a magic number, the sizes, the bytes."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def digits():
    """The four files of a tiny MNIST, unpacked: 7 training images, 3 test images."""
    images = [RANDOM.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (7, 3)]
    labels = [RANDOM.integers(0, 10, n, dtype=np.uint8) for n in (7, 3)]
    arrays = (images[0], labels[0], images[1], labels[1])
    return {f"{part}-ubyte": array for part, array in zip(PARTS, arrays, strict=True)}


def write_idx(folder, arrays, packed):
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))


FOLDERS = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", FOLDERS)
def test_mnist_files_are_read_packed_or_not(tmp_path, name, packed):
    arrays = digits()
    write_idx(tmp_path / FOLDERS[name], arrays, packed)
    for split, prefix in (("train", "train"), ("test", "t10k")):
        loaded = data.load(name, split, root=tmp_path)
        pixels = torch.from_numpy(arrays[f"{prefix}-images-idx3-ubyte"])
        assert torch.equal(loaded.images, pixels[:, None].float() / 255)
        assert loaded.labels.tolist() == arrays[f"{prefix}-labels-idx1-ubyte"].tolist()
        assert loaded.labels.dtype == torch.int64
        trained = arrays["train-images-idx3-ubyte"] / 255
        assert loaded.mean == pytest.approx((trained.mean(),))
        assert loaded.std == pytest.approx((trained.std(),))
        assert len(loaded.classes) == 10
    assert loaded.classes[9] == {"mnist": "9", "fashion-mnist": "Ankle boot"}[name]


def test_reading_packed_files_writes_nothing_beside_them(tmp_path):
    write_idx(tmp_path / "MNIST/raw", digits(), packed=True)
    before = sorted(tmp_path.rglob("*"))
    data.load("mnist", root=tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kept", [0, 3, 0.5, -1])
def test_a_half_mnist_file_is_refused_by_its_name(tmp_path, part, packed, kept):
    write_idx(tmp_path / "MNIST/raw", digits(), packed)
    path = tmp_path / "MNIST/raw" / f"{part}-ubyte{'.gz' if packed else ''}"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept) if kept == 0.5 else kept])
    with pytest.raises(ValueError, match=rf"{path} is damaged .*download=True"):
        data.load("mnist", root=tmp_path)


def test_images_without_their_labels_are_refused(tmp_path):
    arrays = digits()
    arrays["t10k-labels-idx1-ubyte"] = arrays["t10k-labels-idx1-ubyte"][:-1]
    write_idx(tmp_path / "MNIST/raw", arrays, packed=True)
    with pytest.raises(ValueError, match="3 test images, but 2 labels"):
        data.load("mnist", root=tmp_path)


@pytest.fixture
def cifar(monkeypatch):
    """A tiny CIFAR-10, 4 images in each file, whose sums torchvision takes for the right ones."""
    files, arrays = {}, {}
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        pixels = RANDOM.integers(0, 256, (4, 3072), dtype=np.uint8)
        labels = RANDOM.integers(0, 10, 4).tolist()
        arrays[name] = (pixels, labels)
        files[name] = pickle.dumps({"data": pixels, "labels": labels})
    files["batches.meta"] = pickle.dumps({"label_names": [f"kind {i}" for i in range(10)]})
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    cls = datasets.CIFAR10
    monkeypatch.setattr(cls, "train_list", list(sums.items())[:5])
    monkeypatch.setattr(cls, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(cls, "meta", cls.meta | {"md5": sums["batches.meta"]})
    return files, arrays


def write_cifar(root, files):
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_cifar_batches_are_read_in_their_order(tmp_path, cifar):
    files, arrays = cifar
    write_cifar(tmp_path, files)
    train, test = (data.load("cifar10", split, root=tmp_path) for split in ("train", "test"))
    batches = [arrays[f"data_batch_{i}"] for i in range(1, 6)]
    pixels = np.concatenate([pixels for pixels, _ in batches]).reshape(20, 3, 32, 32)
    assert torch.equal(train.images, torch.from_numpy(pixels).float() / 255)
    assert train.labels.tolist() == [label for _, labels in batches for label in labels]
    assert test.labels.tolist() == arrays["test_batch"][1]
    assert train.classes == tuple(f"kind {i}" for i in range(10))
    assert train.mean == test.mean == pytest.approx((pixels / 255).mean((0, 2, 3)))
    assert train.std == test.std == pytest.approx((pixels / 255).std((0, 2, 3)))


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_half_cifar_file_is_refused_by_its_name(tmp_path, cifar, name):
    path = write_cifar(tmp_path, cifar[0]) / name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=f"{path} is damaged"):
        data.load("cifar10", root=tmp_path)


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("mnist", "MNIST/raw/t10k-labels-idx1-ubyte"),
        ("fashion-mnist", "FashionMNIST/raw/train-images-idx3-ubyte"),
        ("cifar10", "cifar-10-batches-py/data_batch_4"),
    ],
)
def test_missing_files_are_named_with_their_folder_and_the_way_to_get_them(
    tmp_path, cifar, name, absent
):
    for folder in FOLDERS.values():
        write_idx(tmp_path / folder, digits(), packed=False)
    write_cifar(tmp_path, cifar[0])
    path = tmp_path / absent
    path.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        data.load(name, root=tmp_path)
    message = str(caught.value)
    assert f"lacks {path.name} in {path.parent}" in message
    assert f'gradlab.course.data.load("{name}", download=True)' in message
    assert "GRADLAB_DATA" in message


@pytest.mark.parametrize("name", [*FOLDERS, "cifar10"])
def test_an_empty_folder_and_no_folder_are_the_same(tmp_path, name):
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=f"data set '{name}' lacks"):
            data.load(name, root=root)
    assert not (tmp_path / "nowhere").exists()


def test_the_folder_is_the_argument_else_the_environment_else_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GRADLAB_DATA", raising=False)
    assert downloads.data_root() == tmp_path / "home/.cache/gradlab"
    monkeypatch.setenv("GRADLAB_DATA", str(tmp_path / "data"))
    assert downloads.data_root() == tmp_path / "data"
    assert downloads.data_root("~/mine") == tmp_path / "home/mine"
    write_idx(tmp_path / "data/MNIST/raw", digits(), packed=True)
    assert len(data.load("mnist")) == 7


class Server(ThreadingHTTPServer):
    """Serves what is in ``files``; a file in ``broken`` stops halfway."""

    def __init__(self):
        self.files, self.broken, self.asked = {}, set(), []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if name in self.server.broken else content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
    with warnings.catch_warnings():  # urllib leaves the socket of a broken answer to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def online(server, monkeypatch):
    """A tiny MNIST on the test's server, where torchvision will look for it."""
    server.arrays = digits()
    server.files = {f"{n}.gz": gzip.compress(idx(a)) for n, a in server.arrays.items()}
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in server.files.items()]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [server.address])
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    return server


def test_a_download_is_asked_for_and_lasts(online, tmp_path):
    root = tmp_path / "new"
    with pytest.raises(FileNotFoundError):
        data.load("mnist", root=root)
    assert not online.asked
    loaded = data.load("mnist", root=root, download=True)
    assert loaded.labels.tolist() == online.arrays["train-labels-idx1-ubyte"].tolist()
    asked = len(online.asked)
    data.load("mnist", "test", root=root)
    data.load("mnist", "test", root=root, download=True)
    assert len(online.asked) == asked  # what is there is not fetched again
    assert [entry.name for entry in root.iterdir()] == ["MNIST"]


@pytest.mark.parametrize("trouble", ["broken", "absent", "other content"])
def test_a_failed_download_leaves_nothing_that_looks_whole(online, tmp_path, trouble):
    name = "t10k-images-idx3-ubyte.gz"
    if trouble == "broken":
        online.broken.add(name)
    elif trouble == "absent":
        del online.files[name]
    else:
        online.files[name] = gzip.compress(b"a page that says: log in first")
    with pytest.raises(FileNotFoundError, match="could not be downloaded") as caught:
        data.load("mnist", root=tmp_path, download=True)
    assert str(tmp_path / "MNIST/raw") in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="lacks"):
        data.load("mnist", root=tmp_path)


def test_no_network_is_told_apart_from_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(FileNotFoundError, match="could not be downloaded") as caught:
        data.load("mnist", root=tmp_path, download=True)
    assert "put train-images-idx3-ubyte" in str(caught.value)


def test_a_download_replaces_a_damaged_file_and_keeps_what_is_not_its_own(online, tmp_path):
    folder = tmp_path / "MNIST/raw"
    write_idx(folder, digits(), packed=False)
    (folder / "train-labels-idx1-ubyte").write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")
    loaded = data.load("mnist", root=tmp_path, download=True)
    assert loaded.labels.tolist() == online.arrays["train-labels-idx1-ubyte"].tolist()
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_failed_download_keeps_the_files_that_were_there(online, tmp_path):
    online.files.clear()
    folder = tmp_path / "MNIST/raw"
    write_idx(folder, digits(), packed=True)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileNotFoundError):
        data.load("mnist", root=tmp_path, download=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_cifar_is_downloaded_as_the_archive_that_it_is(server, cifar, monkeypatch, tmp_path):
    files, arrays = cifar
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    server.files["cifar-10-python.tar.gz"] = archive.getvalue()
    monkeypatch.setattr(datasets.CIFAR10, "url", server.address + "cifar-10-python.tar.gz")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", hashlib.md5(archive.getvalue()).hexdigest())
    loaded = data.load("cifar10", "test", root=tmp_path, download=True)
    assert loaded.labels.tolist() == arrays["test_batch"][1]
