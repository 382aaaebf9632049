"""Laws of augmentation: every result is one that a person could have cut or mirrored by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import v2

from gradlab.course.data.augment import flip, random_crop


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def distinct(n, c=2, h=5, w=6):
    """Images in which no two pixels are equal, and none is black."""
    return torch.arange(1.0, n * c * h * w + 1).reshape(n, c, h, w)


@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_a_flip_mirrors_an_image_whole_or_leaves_it(n, seed):
    images = distinct(n)
    before = images.clone()
    for image, result in zip(images, flip(images, generator(seed)), strict=True):
        mirrored = torch.stack([image[:, :, -1 - x] for x in range(image.shape[-1])], dim=-1)
        assert torch.equal(result, image) or torch.equal(result, mirrored)
    assert torch.equal(images, before)


def test_half_of_all_images_are_flipped():
    images = distinct(4000, 1, 1, 2)
    flipped = (flip(images, generator()) != images).flatten(1).any(1)
    assert flipped.float().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 4000**0.5)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_probability_flips_the_same_images_and_more(seed, p, q):
    images = distinct(20)
    low, high = (
        (flip(images, generator(seed), chance) != images).flatten(1).any(1)
        for chance in sorted((p, q))
    )
    assert (low <= high).all()
    assert flip(images, generator(seed), 1.0).equal(images.flip(-1))
    assert flip(images, generator(seed), 0.0).equal(images)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), "half"])
def test_a_probability_that_is_none_is_refused(p):
    with pytest.raises(ValueError, match="p must be a number from 0 to 1, got"):
        flip(distinct(1), generator(), p)


def test_flips_and_crops_are_among_those_of_torchvision():
    images = distinct(3)
    flipped, crops = flip(images, generator(), 1.0), random_crop(images, generator(), 2)
    assert flipped.equal(v2.functional.horizontal_flip(images))
    framed = v2.functional.pad(images, [2])
    for frame, result in zip(framed, crops, strict=True):
        windows = [v2.functional.crop(frame, y, x, 5, 6) for y in range(5) for x in range(5)]
        assert sum(result.equal(window) for window in windows) == 1


def test_a_larger_padding_shifts_an_image_the_same_way_and_further():
    image = torch.zeros(1, 1, 41, 41)
    image[..., 20, 20] = 1
    for seed in range(20):
        shifts = []
        for padding in (2, 5, 10, 20):
            place = random_crop(image, generator(seed), padding).flatten().argmax().item()
            shifts.append([(20 - place // 41) / padding, (20 - place % 41) / padding])
        assert torch.tensor(shifts).std(0).max() < 0.4


def shift(image, padded, padding):
    """Every (top, left) at which ``image`` was cut from ``padded``, found by looking."""
    h, w = image.shape[-2:]
    return [
        (top, left)
        for top in range(2 * padding + 1)
        for left in range(2 * padding + 1)
        if torch.equal(padded[:, top : top + h, left : left + w], image)
    ]


@given(st.integers(0, 12), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_a_crop_is_a_window_of_the_image_in_a_black_frame(n, padding, seed):
    images = distinct(n)
    before = images.clone()
    for image, result in zip(images, random_crop(images, generator(seed), padding), strict=True):
        framed = torch.zeros(2, 5 + 2 * padding, 6 + 2 * padding)
        framed[:, padding : padding + 5, padding : padding + 6] = image
        assert len(shift(result, framed, padding)) == 1
    assert torch.equal(images, before)


def test_every_shift_of_a_crop_is_equally_likely():
    images = torch.zeros(8100, 1, 9, 9)
    images[:, :, 4, 4] = 1  # one bright pixel, so that a crop shows where it was cut
    places = random_crop(images, generator()).flatten(1).argmax(1).bincount(minlength=81)
    expected = 8100 / 81
    chi_squared = ((places - expected) ** 2 / expected).sum().item()
    assert chi_squared < 80 + 4 * (2 * 80) ** 0.5  # 80 degrees of freedom, four deviations


def test_a_crop_without_padding_changes_nothing():
    assert torch.equal(random_crop(distinct(3), generator(), padding=0), distinct(3))


@pytest.mark.parametrize("augment", [flip, random_crop])
def test_the_same_seed_gives_the_same_augmentation_and_the_next_draw_another(augment):
    images, seeded = distinct(32), generator(1)
    first, second = augment(images, seeded), augment(images, seeded)
    assert torch.equal(first, augment(images, generator(1)))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("augment", [flip, random_crop])
def test_augmentation_is_the_same_on_every_device(augment, device):
    images = distinct(16)
    there = augment(images.to(device), generator(2))
    assert there.device.type == device.type
    assert torch.equal(there.cpu(), augment(images, generator(2)))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float64])
@pytest.mark.parametrize("augment", [flip, random_crop])
def test_augmentation_keeps_the_type(augment, dtype):
    assert augment(torch.ones(2, 3, 8, 8, dtype=dtype), generator()).dtype == dtype


@pytest.mark.parametrize("augment", [flip, random_crop])
def test_a_single_image_is_refused_because_a_batch_is_meant(augment):
    with pytest.raises(ValueError, match=r"images must have shape \(n, c, h, w\), got \(3, 8, 8\)"):
        augment(torch.ones(3, 8, 8), generator())


@pytest.mark.parametrize("padding", [-1, 1.5, True])
def test_a_padding_that_is_no_count_of_pixels_is_refused(padding):
    with pytest.raises(ValueError, match="padding must be a whole number, 0 or more"):
        random_crop(distinct(1), generator(), padding)
