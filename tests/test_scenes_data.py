"""Scenes that are drawn: whether they show what their answers say, and nothing in two splits."""

import itertools

import pytest
import torch

from gradlab.course import data
from gradlab.course.data.order import LETTERS
from gradlab.course.data.strips import _digits

KINDS = [data.temporal_order, data.digit_strips, data.relations]
EACH = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def drawn(scenes, number=200, seed=0):
    return next(scenes.batches(number, seed=seed))


@EACH
def test_a_seed_gives_the_same_batches_every_time_and_no_two_alike(kind):
    once, again = (list(kind().batches(8, seed=3, steps=2)) for _ in range(2))
    for (pictures, targets), (others, theirs) in zip(once, again, strict=True):
        assert torch.equal(pictures, others)
        assert torch.equal(targets, theirs)
    assert not torch.equal(once[0][0], once[1][0])
    assert not torch.equal(once[0][0], drawn(kind(), 8, seed=4)[0])


@EACH
def test_pictures_are_in_the_unit_range_and_of_the_shape_that_is_said(kind):
    pictures, targets = drawn(kind())
    assert pictures.shape[1:] == kind().shape
    assert pictures.dtype == torch.float32
    assert targets.dtype == torch.int64
    assert float(pictures.min()) == 0
    assert 0.9 < float(pictures.max()) <= 1


@EACH
def test_splits_have_scenes_of_their_own(kind):
    train, validation, test = (drawn(kind(split))[0] for split in ("train", "validation", "test"))
    for ours, theirs in itertools.combinations((train, validation, test), 2):
        assert not torch.equal(ours, theirs)


@EACH
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"batch_size": 0, "seed": 0}, "batch_size must be"),
        ({"batch_size": 1, "seed": -1}, "seed must be"),
        ({"batch_size": 1, "seed": 0, "steps": -1}, "steps must be"),
    ],
    ids=["no scene", "negative seed", "negative steps"],
)
def test_what_is_out_of_range_is_named(kind, wrong, says):
    with pytest.raises(ValueError, match=says):
        kind().batches(**wrong)
    with pytest.raises(ValueError, match="split must be"):
        kind("dev")


def test_an_order_has_one_letter_a_column_and_two_markers_where_they_belong():
    scenes = data.temporal_order()
    pictures, targets = drawn(scenes)
    assert (pictures.sum((1, 2)) == 1).all()
    for picture, target in zip(pictures[:, 0], targets, strict=True):
        letters = "".join(LETTERS[row] for row in picture.argmax(0))
        places = [place for place, letter in enumerate(letters) if letter in "XY"]
        assert len(places) == 2
        assert 5 <= places[0] < 10
        assert 20 <= places[1] < 25
        assert scenes.classes[target] == "".join(letters[place] for place in places)
    assert torch.bincount(targets, minlength=4).min() > 30


def test_an_order_may_be_longer_and_not_shorter_than_ten():
    assert drawn(data.temporal_order(length=10), 2)[0].shape == (2, 1, 6, 10)
    with pytest.raises(ValueError, match="length must be"):
        data.temporal_order(length=9)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_strip_of_one_digit_is_that_digit_of_its_split(split):
    images, labels = _digits(split)
    pictures, targets = drawn(data.digit_strips(split, least=1, most=1), 20)
    for picture, target in zip(pictures[:, 0], targets[:, 0], strict=True):
        same = (torch.from_numpy(images) == picture).all(1).all(1)
        assert int(target) - 1 in labels[same.numpy()]


def test_no_digit_is_in_two_splits():
    seen = [
        {image.tobytes() for image in _digits(split)[0]}
        for split in ("train", "validation", "test")
    ]
    assert [len(one) for one in seen] == [3200, 800, 1000]
    for ours, theirs in itertools.combinations(seen, 2):
        assert not ours & theirs


def test_strips_have_from_least_to_most_digits_in_order_and_then_zeros():
    _, targets = drawn(data.digit_strips(least=2, most=4))
    lengths = (targets > 0).sum(1)
    assert set(lengths.tolist()) == {2, 3, 4}
    for row, length in zip(targets, lengths, strict=True):
        assert (row[length:] == 0).all()
        assert ((row[:length] >= 1) & (row[:length] <= 10)).all()


def test_an_empty_strip_is_blank_and_asks_for_nothing():
    pictures, targets = drawn(data.digit_strips(least=0, most=1))
    empty = (targets == 0).all(1)
    assert 50 < int(empty.sum()) < 150
    assert not pictures[empty].any()
    assert pictures[~empty].flatten(1).any(1).all()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"least": 5}, "least must be"), ({"least": -1}, "least must be"), ({"most": 0}, "most must")],
    ids=["more than most", "negative", "none"],
)
def test_a_strip_of_impossible_length_is_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        data.digit_strips(**wrong)


def test_the_answer_of_a_relation_is_where_red_is_seen_from_blue():
    scenes = data.relations()
    pictures, targets = drawn(scenes)
    high, wide = (torch.arange(size, dtype=torch.float32) for size in scenes.shape[1:])
    weight = pictures.sum((2, 3))
    down = (pictures.sum(3) * high).sum(2) / weight
    along = (pictures.sum(2) * wide).sum(2) / weight
    for k, target in enumerate(targets):
        side = "right" if along[k, 0] > along[k, 2] else "left"
        level = "below" if down[k, 0] > down[k, 2] else "above"
        assert scenes.classes[target] == f"{side}, {level}"
    assert torch.bincount(targets, minlength=4).min() > 30
    assert (pictures.sum(1) <= 1).all(), "no two shapes share a pixel"
    assert set(weight.unique().tolist()) == {5.0, 9.0}
