"""Detectors on a large machine: photographs and RetinaNet where they are to be had, small here."""

import pytest
import torch
from PIL import Image

from gradlab.course import data, models, sweep
from gradlab.course.lessons.detection import experiment, retinanet, runs
from gradlab.course.lessons.detection.photographs import photographs
from gradlab.course.lessons.detection.training import Pictures, accumulate_, train

FACES = [(8, 10, 16, 20), (60, 0, 20, 40)]
CROWD = [(k % 80, k % 39, 1, 1) for k in range(300)]


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    """A machine without photographs and without weights."""
    monkeypatch.setenv("GRADLAB_DATA", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    caches = (runs.seen, runs.pictures, runs.unseen)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def wider(nothing):
    """The same with a WIDER FACE of a photograph with two faces, a crowd and an empty one."""
    home = nothing / "widerface"
    for folder in ("wider_face_split", "WIDER_train/images", "WIDER_val/images", "WIDER_test"):
        (home / folder).mkdir(parents=True)
    for split in ("train", "val"):
        lines = []
        for name, boxes in (("two", FACES), ("crowd", [*CROWD, FACES[0]]), ("none", [])):
            path = home / f"WIDER_{split}/images/{name}.jpg"
            Image.new("RGB", (80, 40), (250, 20, 90)).save(path, quality=95)
            rows = [(*box, 0, 0, 0, 0, 0, 0) for box in boxes or [(0, 0, 0, 0)]]
            lines += [path.name, str(len(boxes)), *(" ".join(map(str, row)) for row in rows)]
        annotations = home / f"wider_face_split/wider_face_{split}_bbx_gt.txt"
        annotations.write_text("\n".join(lines) + "\n")
    return nothing


@pytest.fixture
def weights(nothing):
    """A machine with a file that has the name of the weights."""
    path = retinanet._file()
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def of(part, budget="gpu"):
    return [cell for cell in experiment.cells(budget) if cell["part"] == part]


# Which cells there are


def test_what_is_on_disk_changes_no_cell_that_is_recorded(wider, weights):
    assert experiment.cells("cpu") == [dict(row.cell) for row in sweep.recorded("detection")]
    assert not any("data" in cell for cell in experiment.cells("ci"))


def test_the_grid_learns_from_photographs_only_where_they_are(nothing):
    assert data.available()[-1].present is False
    assert not any("data" in cell for cell in experiment.cells("gpu"))
    assert {cell["size"] for cell in of("grid")} == {96}


def test_only_the_grid_and_retinanet_learn_from_photographs(wider):
    named = [cell for cell in experiment.cells("gpu") if "data" in cell]
    assert named == [c for c in experiment.cells("gpu") if c["part"] in ("grid", "retinanet")]
    assert {(cell["data"], cell["size"]) for cell in named} == {("wider-face", 224)}


def test_without_weights_on_disk_no_backbone_is_pretrained(nothing):
    assert {cell["start"] for cell in of("retinanet")} == {"scratch"}
    with pytest.raises(FileNotFoundError, match=r"start='frozen' needs .*resnet50"):
        retinanet.retinanet("frozen")


def test_with_weights_on_disk_backbones_are_pretrained_or_frozen_too(weights):
    assert {cell["start"] for cell in of("retinanet")} == {"scratch", "pretrained", "frozen"}
    assert not of("retinanet", "cpu")


# Photographs


def test_photographs_are_grey_and_keep_the_faces_that_can_be_told_apart(wider):
    found = photographs("test", 10, size=64)
    assert found.images.shape == (3, 1, 64, 64)
    assert sorted(map(len, found.boxes)) == [0, 1, 2]
    brightness = (0.299 * 250 + 0.587 * 20 + 0.114 * 90) / 255
    assert found.images.mean().item() == pytest.approx(brightness, abs=0.02)
    two = next(boxes for boxes in found.boxes if len(boxes) == 2)
    x, y = 64 / 80, 64 / 40
    assert torch.allclose(two[0], torch.tensor([8 * x, 10 * y, 24 * x, 30 * y]))
    targets = Pictures.of(found).wanted
    assert sorted(bool(some.any()) for some in targets[:, 0]) == [False, True, True]


def test_photographs_are_drawn_by_their_seed(wider):
    once, again = (photographs("train", 2, size=32, seed=3) for _ in range(2))
    assert len(once) == 2
    assert torch.equal(once.images, again.images)


def test_a_cell_of_photographs_is_measured_as_the_others_are(wider):
    cell = of("grid", "ci")[0] | {"data": "wider-face", "batch_size": 3, "steps": 2}
    found = experiment.measure(cell)
    assert found["diverged"] is None
    assert 0 <= found["ap75"] <= found["ap50"] <= 1
    assert found["steps"] == [1, 2]


# RetinaNet


def test_retinanet_goes_through_the_same_loop_and_measures(nothing, monkeypatch):
    monkeypatch.setattr(runs, "POOL", 4)
    monkeypatch.setattr(runs, "_TESTED", 2)
    cell = of("retinanet")[1] | {"size": 64, "batch_size": 2, "steps": 2, "accumulate": 1}
    found = experiment.measure(cell)
    assert found["diverged"] is None
    assert found["steps"] == [1, 2]
    assert found["clipped"] == 1.0
    assert found["largest"] > 1.0
    assert all(min(found[part]) > 0 for part in ("backbone", "score", "box"))


class Told(torch.nn.Module):
    """Has RetinaNet's way of being called, and a loss for each picture that can be told."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, images, wanted):
        assert all(image.shape[0] == 3 for image in images)
        boxes = sum(len(one["boxes"]) for one in wanted) / len(images)
        assert all(one["labels"].tolist() == [0] * len(one["boxes"]) for one in wanted)
        return {"classification": self.weight * boxes, "bbox_regression": self.weight * 0.5}


def test_micro_batches_of_retinanet_add_up_to_the_mean_over_all_pictures():
    model, pictures = Told(), data.composites("train", 8, size=48, seed=0)
    batches = retinanet.batches(pictures, 2, seed=0)
    value = accumulate_(model, [next(batches) for _ in range(4)], retinanet.losses)
    mean = sum(map(len, pictures.boxes)) / 8 + 0.5
    assert value == pytest.approx(2 * mean)
    assert model.weight.grad.item() == pytest.approx(mean)


def test_the_loop_takes_what_losses_it_is_given():
    model = models.detector(4)
    batches = Pictures.of(data.composites("train", 8, size=48, seed=0)).batches(4, seed=0)

    def of_nothing(model, micro_batches):
        for inputs, _ in micro_batches:
            yield model(inputs).sum() * 0

    (step,) = train(model, batches, steps=1, losses=of_nothing)
    assert (step.loss, step.total_norm) == (0.0, 0.0)
