"""Laws of labelled images: every image as often as every other, and the same ones everywhere."""

from dataclasses import FrozenInstanceError, replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradlab.course.data.augment import flip
from gradlab.course.data.images import ImageData


def numbered(n):
    """Images whose label is their place, and whose pixels tell the place too."""
    images = (torch.arange(n) / max(n, 1)).reshape(n, 1, 1, 1).expand(n, 2, 3, 3).clone()
    return ImageData(
        name="numbered",
        split="train",
        images=images,
        labels=torch.arange(n),
        classes=tuple(map(str, range(n))),
        mean=(0.5, 0.25),
        std=(0.5, 2.0),
    )


def drawn(batches):
    return [label for _, labels in batches for label in labels.tolist()]


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 4), st.integers(0, 99))
def test_an_epoch_shows_every_image_once(n, batch_size, epochs, seed):
    batches = list(numbered(n).batches(batch_size, seed=seed, epochs=epochs))
    labels = drawn(batches)
    for epoch in range(epochs):
        assert sorted(labels[epoch * n : (epoch + 1) * n]) == list(range(n))
    assert len(labels) == epochs * n
    assert all(len(labels) == batch_size for _, labels in batches[:-1])


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 9))
def test_every_batch_of_counted_steps_is_full(n, batch_size, steps):
    batches = list(numbered(n).batches(batch_size, seed=0, steps=steps))
    assert [len(labels) for _, labels in batches] == [batch_size] * steps
    shown = torch.tensor(drawn(batches), dtype=torch.int64).bincount(minlength=n)
    assert shown.max() - shown.min() <= 1


def test_without_an_end_the_batches_go_on_as_they_began():
    data = numbered(10)
    endless = islice(data.batches(4, seed=3), 50)
    assert drawn(endless) == drawn(data.batches(4, seed=3, steps=50))


def test_an_image_keeps_its_label_and_is_standardised_by_channel():
    data = numbered(20)
    for images, labels in data.batches(7, seed=0, epochs=2):
        place = labels / 20
        assert torch.allclose(images[:, 0], ((place - 0.5) / 0.5)[:, None, None])
        assert torch.allclose(images[:, 1], ((place - 0.25) / 2.0)[:, None, None])


def test_the_order_depends_on_the_seed_and_on_the_epoch_alone():
    data = numbered(100)
    first, again, other = (drawn(data.batches(10, seed=s, epochs=2)) for s in (1, 1, 2))
    assert first == again
    assert first != other
    assert first[:100] != first[100:]
    torch.manual_seed(9)
    assert drawn(data.batches(33, seed=1, epochs=2)) == first  # whatever the batch size


def pcg64(state, increment):
    """O'Neill's PCG XSL-RR 128/64 in whole numbers, which no machine can round differently."""
    while True:
        state = (state * 0x2360ED051FC65DA44385DF649FCCF645 + increment) % 2**128
        folded, turn = (state >> 64) ^ (state % 2**64), state >> 122
        yield (folded >> turn | folded << (64 - turn)) % 2**64


@pytest.mark.parametrize("seed", [0, 7])
def test_the_order_is_the_same_on_every_machine(seed):
    start = np.random.PCG64([seed, 0]).state["state"]
    numbers = list(islice(pcg64(start["state"], start["inc"]), 50))
    expected = sorted(range(50), key=numbers.__getitem__)
    assert drawn(numbered(50).batches(10, seed=seed, epochs=1)) == expected


def test_drawing_batches_leaves_the_global_streams_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    list(numbered(10).batches(2, seed=0, epochs=1, augment=flip))
    assert torch.equal(torch.rand(1), expected)


def test_augmentation_sees_the_images_before_they_are_standardised():
    seen = []

    def halve(images, generator):
        seen.append(images)
        return images / 2

    data = numbered(6)
    [(images, labels)] = data.batches(6, seed=0, epochs=1, augment=halve)
    assert torch.equal(seen[0], data.images[labels])
    assert torch.allclose(images, data.standardise(data.images[labels] / 2))


def test_augmentation_repeats_with_the_seed():
    data = replace(numbered(40), images=torch.rand(40, 2, 3, 3))
    first, again, other = (
        torch.cat([x for x, _ in data.batches(40, seed=s, epochs=2, augment=flip)])
        for s in (4, 4, 5)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_standard_deviation_of_what_a_network_sees_is_one():
    images = torch.rand(50, 3, 4, 4) * 0.7
    mean, std = images.mean((0, 2, 3)), images.std((0, 2, 3), correction=0)
    data = replace(numbered(50), images=images, mean=tuple(mean.tolist()), std=tuple(std.tolist()))
    seen = data.standardise(images)
    assert torch.allclose(seen.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(seen.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5)


def test_in_order_shows_every_image_once_as_it_is_stored():
    data = numbered(11)
    batches = list(data.in_order(4))
    assert drawn(batches) == list(range(11))
    assert torch.equal(torch.cat([x for x, _ in batches]), data.standardise(data.images))


def test_batches_arrive_on_the_device_asked_for(device):
    data = numbered(8)
    both = [*data.batches(4, seed=0, epochs=1, device=device), *data.in_order(4, device=device)]
    assert {x.device.type for x, _ in both} == {y.device.type for _, y in both} == {device.type}
    here = torch.cat([x for x, _ in data.batches(4, seed=0, epochs=1, augment=flip)])
    there = torch.cat(
        [x.cpu() for x, _ in data.batches(4, seed=0, epochs=1, augment=flip, device=device)]
    )
    assert torch.allclose(here, there)


def test_a_data_set_cannot_be_changed_and_prints_no_pixels():
    data = numbered(5)
    with pytest.raises(FrozenInstanceError):
        data.labels = torch.zeros(5)
    assert "tensor" not in repr(data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or more, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number, 1 or more, got 2.5"),
        ({"batch_size": True}, "batch_size must be a whole number, 1 or more, got True"),
        ({"seed": -1}, "seed must be a whole number, 0 or more, got -1"),
        ({"seed": None}, "seed must be a whole number, 0 or more, got None"),
        ({"steps": -3}, "steps must be a whole number, 0 or more, got -3"),
        ({"epochs": "two"}, "epochs must be a whole number, 0 or more, got 'two'"),
        ({"steps": 3, "epochs": 2}, "steps or epochs, not both: got 3 and 2"),
    ],
)
def test_impossible_batches_are_refused_before_the_first_is_drawn(arguments, message):
    with pytest.raises(ValueError, match=message):
        numbered(4).batches(**{"batch_size": 2, "seed": 0} | arguments)


def test_no_images_make_no_batches():
    with pytest.raises(ValueError, match="'numbered' has no images"):
        numbered(0).batches(2, seed=0)


def test_a_batch_of_nothing_is_refused_in_order_too():
    with pytest.raises(ValueError, match="batch_size must be a whole number, 1 or more, got 0"):
        numbered(4).in_order(0)
