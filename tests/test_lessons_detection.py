"""Detectors: what peers and closed forms say of boxes, scores, losses and accumulation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_iou, generalized_box_iou, nms

from gradlab.clip import ByNorm
from gradlab.course import data, exercises, models
from gradlab.course.lessons.detection import loss, trained
from gradlab.course.lessons.detection.boxes import iou, soft_nms
from gradlab.course.lessons.detection.candidates import Candidates, propose, suppressed
from gradlab.course.lessons.detection.losses import targets
from gradlab.course.lessons.detection.scores import ranked
from gradlab.course.lessons.detection.training import Pictures, accumulate_, part_norms, train


def boxes(count, seed, size=64):
    """Boxes with an area."""
    generator = torch.Generator().manual_seed(seed)
    corners = size * 0.7 * torch.rand(count, 2, generator=generator)
    sides = 4 + size * 0.3 * torch.rand(count, 2, generator=generator)
    return torch.cat((corners, corners + sides), 1)


def scene(seed, pictures=12):
    """Truth, and candidates near it and elsewhere, some with equal scores."""
    generator = torch.Generator().manual_seed(seed)
    truth = [boxes(k % 4, 100 * seed + k) for k in range(pictures)]
    found = []
    for k, real in enumerate(truth):
        near = real.repeat(2, 1)
        near += torch.randn(near.shape, generator=generator).clamp(-1.9, 1.9)
        some = torch.cat((near, boxes(3, 100 * seed + k + 50)))
        scores = (20 * torch.rand(len(some), generator=generator)).round() / 20
        found.append(Candidates.of(some, scores))
    return truth, found


def coco(truth, found, overlap):
    """AP by COCO's rules, from a peer."""
    from hotcoco import COCO, COCOeval

    annotations = [
        {"id": 1000 * k + j + 1, "image_id": k, "category_id": 1, "iscrowd": 0}
        | {"bbox": [x, y, w - x, h - y], "area": (w - x) * (h - y)}
        for k, some in enumerate(truth)
        for j, (x, y, w, h) in enumerate(some.double().tolist())
    ]
    results = [
        {"image_id": k, "category_id": 1, "score": score, "bbox": [x, y, w - x, h - y]}
        for k, some in enumerate(found)
        for (x, y, w, h), score in zip(
            some.boxes.double().tolist(), some.scores.double().tolist(), strict=True
        )
    ]
    images = [{"id": k, "width": 64, "height": 64} for k in range(len(truth))]
    classes = [{"id": 1, "name": "face"}]
    known = COCO({"images": images, "annotations": annotations, "categories": classes})
    evaluator = COCOeval(known, known.load_res(results), "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    precision = np.asarray(evaluator.eval["precision"])  # overlaps, recalls, classes, areas, most
    return precision[{0.5: 0, 0.75: 5}[overlap], :, 0, 0, -1].mean()


# Boxes


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_overlap_is_torchvisions_and_that_of_the_exercise(seed):
    ours, theirs = boxes(4, seed), boxes(3, seed + 1)
    assert torch.equal(iou(ours, theirs), box_iou(ours, theirs))
    by_hand = exercises.intersection_over_union.answer(ours[0], theirs[0])
    assert by_hand == pytest.approx(float(iou(ours, theirs)[0, 0]), abs=1e-6)


def test_boxes_without_area_overlap_nothing_and_are_nobodys_target():
    flat = torch.tensor([[5.0, 5, 5, 5], [3, 3, 9, 3]])
    assert iou(flat, flat).tolist() == [[0, 0], [0, 0]]
    assert not targets([flat], 2, 2).any()
    assert iou(flat[:0], flat).shape == (0, 2)


@pytest.mark.parametrize("shape", [(4,), (2, 5), (1, 2, 4)])
def test_boxes_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"boxes must have shape \(n, 4\), got"):
        iou(torch.zeros(shape), torch.zeros(1, 4))
    with pytest.raises(ValueError, match="scores must have shape"):
        Candidates.of(torch.zeros(2, 4), torch.zeros(3))


def test_nms_is_torchvisions_and_may_come_before_or_after_the_cut():
    some = boxes(40, 0)
    scores = 0.02 + 0.9 * torch.rand(40, generator=torch.Generator().manual_seed(0))
    found = Candidates.of(some, scores)
    kept = found.suppressed(0.3)
    assert torch.equal(kept.boxes, some[nms(some, scores, 0.3)])
    assert torch.equal(kept.above(0.5).boxes, found.above(0.5).suppressed(0.3).boxes)
    assert len(found.suppressed(1.0)) == len(found)


def test_soft_nms_lowers_only_what_overlaps_a_better_box():
    some, scores = boxes(30, 1), torch.rand(30, generator=torch.Generator().manual_seed(1))
    lowered = soft_nms(some, scores)
    assert (lowered <= scores).all()
    assert lowered[scores.argmax()] == scores.max()
    apart = torch.tensor([[0.0, 0, 1, 1], [5, 5, 6, 6]])
    assert torch.equal(soft_nms(apart, torch.tensor([0.3, 0.9])), torch.tensor([0.3, 0.9]))
    twin = soft_nms(apart[:1].repeat(2, 1), torch.tensor([0.9, 0.8]), 0.5)
    assert twin[1] == pytest.approx(0.8 * math.exp(-2))


# Scores


@pytest.mark.parametrize("overlap", [0.5, 0.75])
@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_cocos_evaluator(seed, overlap):
    truth, found = scene(seed)
    ours = ranked(found, truth, overlap).average_precision()
    assert ours == pytest.approx(coco(truth, found, overlap), abs=1e-9)


@given(st.integers(0, 10**6), st.floats(0, 1) | st.integers(0, 20).map(lambda k: k / 20))
@settings(max_examples=20, deadline=None)
def test_a_cut_never_raises_average_precision_and_equals_cutting_the_candidates(seed, cut):
    truth, found = scene(seed % 1000, 5)
    all_of_them = ranked(found, truth)
    kept = ranked([one.above(cut) for one in found], truth)
    cut_before = pytest.approx(kept.average_precision(), nan_ok=True)
    assert all_of_them.average_precision(cut) == cut_before
    if all_of_them.objects:
        assert all_of_them.average_precision(cut) <= all_of_them.average_precision()
    assert all_of_them.at(cut) == kept.at(0.0)


def test_precision_recall_and_f1_of_nothing():
    nobody = ranked([Candidates(torch.zeros(0, 4), torch.zeros(0))], [torch.zeros(0, 4)])
    assert nobody.at(0.5) == (1.0, 0.0, 0.0)
    assert math.isnan(nobody.average_precision())
    blind = ranked([Candidates(torch.zeros(0, 4), torch.zeros(0))], [boxes(2, 0)])
    assert blind.average_precision() == 0.0
    with pytest.raises(ValueError, match="truth must hold 1 pictures, got 2"):
        ranked([Candidates(torch.zeros(0, 4), torch.zeros(0))], [boxes(1, 0)] * 2)


# The network's answers


@pytest.mark.parametrize("shape", [(1, 40, 56), (3, 64, 64), (4, 33, 47)])
def test_pictures_may_be_grey_or_coloured_and_of_any_size_above_the_stride(shape):
    found = propose(models.detector(4), torch.rand(2, *shape))
    assert len(found) == 2


@pytest.mark.parametrize("shape", [(1, 1, 7, 64), (1, 2, 64, 64), (1, 64, 64)])
def test_other_pictures_are_refused(shape):
    with pytest.raises(ValueError, match="images must have shape"):
        propose(models.detector(4), torch.zeros(shape))


@pytest.mark.parametrize("norm", [True, False])
def test_a_new_detector_says_no_face_with_probability_one_percent(norm):
    torch.manual_seed(0)
    output = models.detector(8, norm=norm)(torch.randn(2, 1, 64, 64))
    assert output.shape == (2, 5, 8, 8)
    assert output[:, 0].sigmoid().median().item() == pytest.approx(0.01, rel=0.5)
    assert (output[:, 1:] > 0).all()
    with pytest.raises(ValueError, match="width must be a multiple of 4"):
        models.detector(6)


def test_an_answer_that_is_the_target_finds_every_box_and_costs_nothing_for_boxes():
    pictures = data.composites("test", 8, seed=4)
    wanted = targets(pictures.boxes, 8, 8)
    answer = wanted.clone()
    answer[:, 0] = 40 * wanted[:, 0] - 20
    assert float(loss(answer, wanted)) == pytest.approx(0, abs=1e-5)
    from gradlab.course.lessons.detection.candidates import decode

    found = suppressed(decode(answer), 0.5)
    assert ranked(found, pictures.boxes, 0.99).average_precision() == pytest.approx(1)


def test_the_loss_is_focal_plus_giou_over_the_number_of_places():
    torch.manual_seed(0)
    wanted = targets([boxes(2, 3)], 8, 8)
    answer = torch.cat((torch.randn(1, 1, 8, 8), 8 + torch.rand(1, 4, 8, 8)), 1)
    p, y = answer[:, 0].sigmoid(), wanted[:, 0]
    right = torch.where(y > 0, p, 1 - p)
    focal = -torch.where(y > 0, 0.25, 0.75) * (1 - right) ** 2 * right.log()
    sign = torch.tensor([-1.0, -1, 1, 1])
    ours, theirs = (x[:, 1:].permute(0, 2, 3, 1)[y > 0] * sign for x in (answer, wanted))
    giou = generalized_box_iou(ours, theirs).diagonal()
    expected = (focal.sum() + (1 - giou).sum()) / y.sum()
    assert float(loss(answer, wanted)) == pytest.approx(float(expected), rel=1e-4)


# Training


def gradients(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def test_accumulating_with_a_common_number_is_the_large_batch_and_with_own_numbers_is_not():
    torch.manual_seed(0)
    model = models.detector(4)
    batches = Pictures.of(data.composites("train", 32, size=48, seed=0)).batches(8, seed=0)
    micro = [next(batches) for _ in range(4)]
    inputs, wanted = (torch.cat(parts) for parts in zip(*micro, strict=True))
    value = loss(model(inputs), wanted)
    value.backward()
    whole = gradients(model)
    model.zero_grad()
    assert accumulate_(model, micro) == pytest.approx(float(value.detach()), rel=1e-4)
    assert float((gradients(model) - whole).norm() / whole.norm()) < 1e-4
    model.zero_grad()
    for x, y in micro:
        (loss(model(x), y) / 4).backward()
    assert float((gradients(model) - whole).norm() / whole.norm()) > 1e-2


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_training_takes_its_steps_and_measures_all_parts_of_the_norm(optimizer):
    torch.manual_seed(0)
    model = models.detector(4)
    batches = Pictures.of(data.composites("train", 16, size=48, seed=0)).batches(4, seed=0)
    taken = list(
        train(model, batches, steps=3, optimizer=optimizer, clip=ByNorm(1e-3), accumulate=2)
    )
    assert [step.number for step in taken] == [1, 2, 3]
    assert all(step.fired for step in taken)
    assert math.hypot(*part_norms(model)) == pytest.approx(1e-3, rel=1e-3)  # what was used
    assert all(step.total_norm > 1e-3 for step in taken)


def test_training_ends_where_a_gradient_is_not_finite():
    model = models.detector(4)
    torch.nn.init.constant_(model.heads.score.bias, math.nan)
    batches = Pictures.of(data.composites("train", 8, size=48, seed=0)).batches(4, seed=0)
    assert list(train(model, batches, steps=3)) == []


# The pictures, and the weights that ship


def test_composites_are_the_same_for_a_seed_and_hold_no_picture_of_the_other_half():
    once, again = (data.composites("train", 6, size=48, seed=3) for _ in range(2))
    assert torch.equal(once.images, again.images)
    assert not torch.equal(once.images, data.composites("train", 6, size=48, seed=4).images)
    assert once.images.min() >= 0
    assert once.images.max() <= 1
    for some in once.boxes:
        assert some.shape[1] == 4
        assert ((some >= 0) & (some <= 48)).all()


def test_faces_of_a_crowd_overlap_and_others_do_not():
    apart = data.composites("test", 60, seed=0)
    crowd = data.composites("test", 60, crowded=True, seed=0)

    def overlap(some):
        between = box_iou(some, some).fill_diagonal_(0)
        return float(between.max()) if len(some) else 0.0

    assert {len(some) for some in apart.boxes} == {0, 1, 2, 3}
    assert max(map(overlap, apart.boxes)) == pytest.approx(0, abs=1e-5)
    assert max(map(overlap, crowd.boxes)) > 0.3
    assert min(map(len, crowd.boxes)) >= 3


@pytest.mark.parametrize(
    "asked", [{"split": "left"}, {"count": 0}, {"size": 40}, {"seed": -1}], ids=lambda a: str([*a])
)
def test_composites_that_cannot_be_are_refused(asked):
    with pytest.raises(ValueError, match=f"{next(iter(asked))} must be"):
        data.composites(**asked)


def test_the_shipped_detector_finds_the_faces_and_is_small():
    pictures = data.composites("test", 40, seed=21)
    found = suppressed(propose(trained(), pictures.images), 0.5)
    assert ranked(found, pictures.boxes).average_precision() > 0.9
    with pytest.raises(ValueError, match="kind must be one of"):
        trained("best")


def test_pasted_cut_outs_are_used():
    white = torch.ones(1, 25, 25)
    with_white = data.composites("train", 20, size=48, distractors=white, seed=5)
    plain = data.composites("train", 20, size=48, seed=5)
    assert not torch.equal(with_white.images, plain.images)
    assert replace(plain).split == "train"
