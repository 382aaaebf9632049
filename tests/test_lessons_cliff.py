"""The cliff is the loss of the network that its docstring names, and the paths on it are real."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradlab.course.lessons.cliff import surface

ON_THE_WALL, ABOVE, PLAIN = (4.3, -2.18), (4.6, -1.8), (5.7, -1.1)


def loop(w, b):
    """The loss in plain numpy, one number at a time."""
    h = 0.5
    for _ in range(50):
        h = w / (1 + np.exp(-h)) + b
    return (1 / (1 + np.exp(-h)) - 0.7) ** 2


def forward_mode(w, b):
    """The gradient by carrying dh/dw and dh/db along: no autograd."""
    h, dw, db = 0.5, 0.0, 0.0
    for _ in range(50):
        s = 1 / (1 + np.exp(-h))
        h, dw, db = w * s + b, s + w * s * (1 - s) * dw, 1 + w * s * (1 - s) * db
    s = 1 / (1 + np.exp(-h))
    return 2 * (s - 0.7) * s * (1 - s) * np.array([dw, db])


def test_the_surface_is_the_loss_of_the_loop_at_every_crossing():
    w, b = np.linspace(-3, 7, 6), np.linspace(-4, 2, 5)
    expected = [[loop(x, y) for x in w] for y in b]
    np.testing.assert_allclose(surface.surface(w, b), expected, rtol=1e-9)


@pytest.mark.parametrize("point", [ON_THE_WALL, ABOVE, PLAIN, (5.0, -3.0), (-2.0, 1.0), (0.0, 0.0)])
def test_the_gradient_is_that_of_forward_mode_and_of_finite_differences(point):
    value, slope = surface.gradient(point)
    assert value == pytest.approx(loop(*point), rel=1e-9)
    np.testing.assert_allclose(slope, forward_mode(*point), rtol=1e-8)
    step = 1e-6 * np.eye(2)
    differences = [(loop(*(point + d)) - loop(*(point - d))) / 2e-6 for d in step]
    np.testing.assert_allclose(slope, differences, rtol=1e-4, atol=1e-9)


def test_gradients_of_many_points_at_once_are_those_of_each_alone():
    points = np.array([[ON_THE_WALL, ABOVE], [PLAIN, (5.0, -3.0)]])
    values, slopes = surface.gradient(points)
    assert (values.shape, slopes.shape) == ((2, 2), (2, 2, 2))
    for place in np.ndindex(2, 2):
        value, slope = surface.gradient(points[place])
        assert values[place] == pytest.approx(value, rel=1e-9)
        np.testing.assert_allclose(slopes[place], slope, rtol=1e-7)


def test_gradients_on_the_wall_are_a_thousand_times_those_on_the_plain():
    (_, wall), (_, plain) = surface.gradient(ON_THE_WALL), surface.gradient(PLAIN)
    assert np.linalg.norm(wall) > 1000 * np.linalg.norm(plain)


@pytest.mark.parametrize("max_norm", [0.1, np.inf])
def test_a_path_is_that_of_torch_s_optimizer_and_its_clipping(max_norm):
    point = torch.tensor(ABOVE, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=0.5)
    found = surface.descend(ABOVE, 0.5, max_norm, steps=8)
    for step in range(9):
        np.testing.assert_allclose(found.points[step], point.detach(), rtol=1e-9)
        optimizer.zero_grad()
        value = surface.loss(*point)
        value.backward()
        assert found.losses[step] == pytest.approx(value.item(), rel=1e-7)
        norm = (
            torch.nn.utils.clip_grad_norm_([point], max_norm) if max_norm < 1 else point.grad.norm()
        )
        assert found.norms[step] == pytest.approx(norm.item(), rel=1e-7)
        optimizer.step()


@given(w=st.floats(3, 7), b=st.floats(-4, 0), rate=st.floats(1e-3, 1e3), bound=st.floats(1e-4, 1e2))
def test_no_step_of_a_clipped_path_is_longer_than_learning_rate_times_max_norm(w, b, rate, bound):
    points = surface.descend((w, b), rate, bound, steps=5).points
    # what is left of a sum of large and small numbers is exact to a rounding of the large one
    slack = 1e-12 * np.abs(points).max()
    assert (np.linalg.norm(np.diff(points, axis=0), axis=-1) <= rate * bound + slack).all()


def test_paths_of_many_settings_are_those_of_each_alone():
    rates, bounds = np.array([[0.1], [1.0]]), np.array([0.1, 1.0, np.inf])
    together = surface.descend(ABOVE, rates, bounds, steps=3)
    assert together.points.shape == (4, 2, 3, 2)
    assert together.losses.shape == together.norms.shape == (4, 2, 3)
    for i, j in np.ndindex(2, 3):
        alone = surface.descend(ABOVE, rates[i, 0], bounds[j], steps=3)
        np.testing.assert_allclose(together.points[:, i, j], alone.points, rtol=1e-8)


def test_one_step_off_the_wall_is_thrown_far_and_a_clipped_one_is_not():
    wild, tame = surface.descend(ON_THE_WALL, 1.0, [np.inf, 0.1], steps=1).points[1]
    assert np.linalg.norm(wild - ON_THE_WALL) > 10
    assert np.linalg.norm(tame - ON_THE_WALL) == pytest.approx(0.1, rel=1e-3)


def test_a_learning_rate_that_overflows_leads_to_infinity_and_is_not_hidden():
    found = surface.descend(ON_THE_WALL, [1e308, 1.0], np.inf, steps=2)
    assert np.isinf(found.points[1, 0]).any()
    assert not np.isfinite(found.losses[2, 0])
    assert np.isfinite(found.points[:, 1]).all()


def test_no_steps_is_the_start_alone():
    found = surface.descend(ABOVE, 1.0, 1.0, steps=0)
    np.testing.assert_array_equal(found.points, [ABOVE])


@pytest.mark.parametrize(
    ("start", "steps", "message"),
    [
        ((1.0,), 1, "start must be two numbers"),
        (ABOVE, -1, "steps must be a whole number, 0 or more, got -1"),
    ],
)
def test_what_is_no_start_and_no_number_of_steps_is_refused(start, steps, message):
    with pytest.raises(ValueError, match=message):
        surface.descend(start, 1.0, 1.0, steps)


def test_the_cut_falls_as_steeply_at_the_start_as_the_gradient_is_long():
    for start in (ON_THE_WALL, ABOVE, PLAIN):
        before, here, after = surface.profile(start, [-1e-6, 0, 1e-6])
        value, slope = surface.gradient(start)
        assert here == pytest.approx(value)
        assert (before - after) / 2e-6 == pytest.approx(np.linalg.norm(slope), rel=1e-3)


def test_where_the_gradient_is_zero_the_cut_is_flat():
    start = (4.0, 800.0)  # so far out that the sigmoid is 1
    np.testing.assert_allclose(surface.profile(start, [-1, 0, 1]), [0.09] * 3)


WINDOW = [[0, 0], [4, 2]]


@pytest.mark.parametrize(
    ("path", "place", "there"),
    [
        ([(1, 1), (3, 1)], (3, 1), True),
        ([(1, 1), (9, 1)], (4, 1), False),
        ([(1, 1), (2, 3)], (1.5, 2), False),
        ([(1, 1), (-1, -3)], (0.5, 0), False),
        ([(1, 1), (9, 1), (2, 1)], (2, 1), True),
        ([(1, 1), (9, 1), (9, 9)], (4, 1), False),
        ([(1, 1), (np.inf, 1)], (4, 1), False),
        ([(1, 1), (np.nan, np.nan)], (1, 1), False),
    ],
)
def test_a_path_is_last_seen_at_its_end_or_where_it_crossed_the_edge(path, place, there):
    found, seen = surface.last_seen(path, WINDOW)
    np.testing.assert_allclose(found, place)
    assert seen == there
