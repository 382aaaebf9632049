"""Laws of WIDER FACE: boxes that stay on their faces, and files that are whole or named.

The folders are tiny and in the real format, as the archives unpack.
"""

import builtins
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gradlab.course import data
from gradlab.course.data.wider import WiderFace

# Two photographs: one wide with two faces and a box without width, one tall without any face
# (the real file then has a line of zeros).
SCENES = {
    "0--Parade/wide.jpg": ((80, 40), [(8, 10, 16, 20), (40, 4, 0, 9), (60, 0, 20, 40)]),
    "1--Handshaking/tall.jpg": ((30, 60), [(0, 0, 0, 0)]),
}


@pytest.fixture
def root(tmp_path):
    """A root with a tiny WIDER FACE in it."""
    home = tmp_path / "widerface"
    for folder in ("wider_face_split", "WIDER_train/images", "WIDER_val/images", "WIDER_test"):
        (home / folder).mkdir(parents=True)
    for split in ("train", "val"):
        lines = []
        for number, (name, (size, boxes)) in enumerate(SCENES.items()):
            path = home / f"WIDER_{split}/images" / name
            path.parent.mkdir()
            Image.new("RGB", size, (200, 100 * number, 0)).save(path, quality=95)
            lines += [name, str(sum(box[2] > 0 or box[3] > 0 for box in boxes))]
            lines += [" ".join(map(str, (*box, 0, 0, 0, 0, 0, 0))) + " " for box in boxes]
        annotations = home / f"wider_face_split/wider_face_{split}_bbx_gt.txt"
        annotations.write_text("\n".join(lines) + "\n")
    return tmp_path


def annotations(root, split="val"):
    return root / f"widerface/wider_face_split/wider_face_{split}_bbx_gt.txt"


@pytest.mark.parametrize("split", ["train", "val"])
def test_images_are_squares_and_boxes_are_scaled_with_them(root, split):
    faces = data.wider_face(split, root=root)
    assert len(faces) == 2
    image, boxes = faces[0]
    assert image.shape == (3, 224, 224)
    assert image.dtype == boxes.dtype == torch.float32
    x, y = 224 / 80, 224 / 40
    expected = torch.tensor([[8 * x, 10 * y, 24 * x, 30 * y], [60 * x, 0, 80 * x, 40 * y]])
    assert torch.allclose(boxes, expected)
    assert image[0].mean().item() == pytest.approx(200 / 255, abs=0.02)
    assert 0 <= image.min() <= image.max() <= 1


def test_an_image_without_faces_has_no_boxes(root):
    _, boxes = data.wider_face("val", root=root)[1]
    assert boxes.shape == (0, 4)
    assert boxes.dtype == torch.float32


@pytest.mark.parametrize("size", [32, 100])
def test_a_bright_face_stays_inside_its_box_whatever_the_size(root, size):
    path = root / "widerface/WIDER_val/images/0--Parade/wide.jpg"
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[10:30, 8:24] = 255
    Image.fromarray(pixels).save(path, quality=95)
    image, boxes = data.wider_face("val", root=root, size=size)[0]
    left, upper, right, lower = boxes[0].round().int().tolist()
    inside = image[:, upper + 1 : lower - 1, left + 1 : right - 1]
    assert inside.min() > 0.6
    assert image.sum() == pytest.approx(3 * (right - left) * (lower - upper), rel=0.15)


def test_grey_photographs_get_three_channels(root):
    path = root / "widerface/WIDER_val/images/0--Parade/wide.jpg"
    Image.new("L", (80, 40), 77).save(path)
    image, _ = data.wider_face("val", root=root)[0]
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[0], image[2])


def test_it_is_a_dataset_that_ends(root):
    faces = data.wider_face("val", root=root)
    assert isinstance(faces, torch.utils.data.Dataset)
    assert isinstance(faces, WiderFace)
    assert len(list(faces)) == 2


@pytest.mark.parametrize("folder", ["wider_face_split", "WIDER_train", "WIDER_val", "WIDER_test"])
def test_a_missing_folder_is_named_with_the_way_to_get_it(root, folder):
    (root / "widerface" / folder).rename(root / "elsewhere")
    with pytest.raises(FileNotFoundError, match=f"lacks {folder} in {root / 'widerface'}") as e:
        data.wider_face("val", root=root)
    assert "gradlab.course.data.wider_face(download=True)" in str(e.value)


def test_missing_annotations_are_named(root):
    annotations(root).unlink()
    with pytest.raises(FileNotFoundError, match=str(annotations(root))):
        data.wider_face("val", root=root)


def test_a_missing_photograph_is_named_at_once(root):
    path = root / "widerface/WIDER_val/images/1--Handshaking/tall.jpg"
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f"{path} is missing"):
        data.wider_face("val", root=root)


@pytest.mark.parametrize("kept", [1, 2, 3, 4, 6])
def test_annotations_that_stop_early_are_refused_by_name(root, kept):
    lines = annotations(root).read_text().splitlines(keepends=True)
    annotations(root).write_text("".join(lines[:kept]))
    with pytest.raises(ValueError, match=f"{annotations(root)} is damaged"):
        data.wider_face("val", root=root)


@pytest.mark.parametrize("text", ["", "a.jpg\nmany\n", "a.jpg\n1\n1 2 3\n", "a.jpg\n1\n1 2 x 4\n"])
def test_annotations_that_are_something_else_are_refused_by_name(root, text):
    annotations(root).write_text(text)
    with pytest.raises(ValueError, match=f"{annotations(root)} is damaged"):
        data.wider_face("val", root=root)


@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_a_half_photograph_is_refused_by_its_name(root, content):
    path = root / "widerface/WIDER_val/images/0--Parade/wide.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ValueError, match=f"{path} is damaged"):
        data.wider_face("val", root=root)[0]


@pytest.mark.parametrize("split", ["test", "validation", "", None])
def test_a_split_without_boxes_is_refused(root, split):
    with pytest.raises(ValueError, match=f"split must be one of 'train', 'val', got {split!r}"):
        data.wider_face(split, root=root)


@pytest.mark.parametrize("size", [0, -3, 1.5, "224", True])
def test_a_size_that_is_no_number_of_pixels_is_refused(root, size):
    with pytest.raises(ValueError, match="size must be a whole number, 1 or more"):
        data.wider_face("val", root=root, size=size)


def test_a_download_without_gdown_says_so(tmp_path, monkeypatch):
    real = builtins.__import__

    def without_gdown(name, *arguments, **options):
        if name == "gdown":
            raise ModuleNotFoundError("No module named 'gdown'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_gdown)
    monkeypatch.delitem(sys.modules, "gdown", raising=False)
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded .*gdown"):
        data.wider_face("val", root=tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_a_download_puts_every_folder_in_its_place(root, monkeypatch, tmp_path_factory):
    from torchvision.datasets import widerface

    archives = tmp_path_factory.mktemp("archives")
    for folder in ("wider_face_split", "WIDER_train", "WIDER_val", "WIDER_test"):
        home = root / "widerface"
        with zipfile.ZipFile(archives / f"{folder}.zip", "w") as archive:
            for path in (home / folder, *(home / folder).rglob("*")):
                archive.write(path, path.relative_to(home))

    def from_drive(file_id, folder, filename, md5):
        Path(folder).mkdir(exist_ok=True)
        shutil.copy(archives / filename, folder)

    def from_web(url, download_root, md5):
        shutil.unpack_archive(archives / Path(url).name, download_root)

    monkeypatch.setattr(widerface, "download_file_from_google_drive", from_drive)
    monkeypatch.setattr(widerface, "download_and_extract_archive", from_web)
    new = tmp_path_factory.mktemp("new")
    assert len(data.wider_face("val", root=new, download=True)) == 2
    assert [entry.name for entry in new.iterdir()] == ["widerface"]
