"""How far clipping by value turns n numbers, against the rule itself and closed forms."""

import math

import numpy as np
import pytest
import torch

from gradlab.clip import ByValue
from gradlab.course.lessons import plane
from gradlab.course.lessons.plane import dimensions


def gradient(n=200):
    return torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64).pow(3)


def test_the_cosine_of_signs_is_what_a_tiny_threshold_leaves():
    whole = gradient()
    for n in (1, 2, 17, 200):
        parameter = torch.nn.Parameter(torch.zeros(n, dtype=torch.float64))
        parameter.grad = whole[:n].clone()
        ByValue(1e-9).clip_([parameter])
        expected = torch.nn.functional.cosine_similarity(1e9 * parameter.grad, whole[:n], dim=0)
        assert float(dimensions.of_signs(whole, [n])[0]) == pytest.approx(float(expected))


def test_zeros_keep_no_sign():
    assert dimensions.of_signs(torch.tensor([3.0, 0.0, 4.0]), [3])[0] == pytest.approx(7 / 50**0.5)
    assert dimensions.of_signs(torch.zeros(3), [2])[0] == 1


def test_no_numbers_are_turned_farther_than_one_large_among_small_ones():
    for n in (2, 10, 1000):
        worst = torch.full((n,), 1e-9, dtype=torch.float64)
        worst[0] = 1.0
        found = float(dimensions.of_signs(worst, [n])[0])
        assert found == pytest.approx(float(dimensions.smallest(n)), rel=1e-5)
    sizes = range(1, 201)
    assert (dimensions.of_signs(gradient(), sizes) >= dimensions.smallest(sizes)).all()


def test_normal_numbers_are_turned_by_37_degrees():
    normal = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    cosine = dimensions.of_signs(normal, [100_000])[0]
    assert cosine == pytest.approx(math.sqrt(2 / math.pi), abs=0.003)


def test_a_random_direction_is_where_simulation_finds_it():
    random = torch.Generator().manual_seed(0)
    for n in (2, 3, 50):
        directions = torch.nn.functional.normalize(torch.randn(100_000, n, generator=random))
        expected = float(directions[:, 0].abs().mean())
        assert float(dimensions.of_random(n)) == pytest.approx(expected, rel=0.01)
    assert float(dimensions.of_random(578_410)) == pytest.approx(math.sqrt(2 / math.pi / 578_410))


def test_the_dimensions_panel_joins_two_numbers_to_all():
    panel = plane.dimensions_panel({"a": gradient(), "b": gradient(100)})
    assert panel.n.value == 2
    assert "2 numbers can be turned by up to 45.0°" in panel.readout
    panel.n.index = len(panel.sizes) - 1
    assert panel.readout.startswith("300 of the 300 numbers")
    whole = torch.cat([gradient(), gradient(100)])
    cosine = dimensions.of_signs(whole, [300])[0]
    assert f"(cosine {cosine:.3f})" in panel.readout
    assert panel.turns.here.get_ydata()[0] == pytest.approx(math.degrees(math.acos(cosine)))
    few = panel.turns.chosen.get_ydata()[5]
    panel.draw.value = 1
    assert panel.turns.chosen.get_ydata()[5] != few
    np.testing.assert_allclose(panel.turns.here.get_ydata()[0], math.degrees(math.acos(cosine)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plane.dimensions_panel(torch.ones(1)), "two finite numbers or more, got 1"),
        (lambda: plane.dimensions_panel(torch.tensor([1.0, math.nan])), "got 2, of which 1 are"),
        (lambda: plane.dimensions_panel(torch.ones(5), n=1), "n must be a whole number, 2 or more"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
