"""Why clipping helps, and what it costs: a curve that bends, and noise with heavy tails."""

import math

import numpy as np
import pytest
import torch

from gradlab.clip import ByNorm
from gradlab.course.lessons import smoothness, tails
from gradlab.course.lessons.smoothness import descent

BENDS = 0.0, 0.3, 1.0, 2.0


@pytest.mark.parametrize("bend", BENDS)
def test_slope_and_curvature_are_autograds(bend):
    for place in (-2.0, 0.0, 0.7, 3.0):
        x = torch.tensor(place, dtype=torch.float64, requires_grad=True)
        y = (torch.cosh(bend * x) - 1) / bend**2 if bend else x**2 / 2
        (slope,) = torch.autograd.grad(y, x, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, x)
        y, slope, curvature = (float(each.detach()) for each in (y, slope, curvature))
        assert float(descent.height(place, bend)) == pytest.approx(y, abs=1e-12)
        assert descent.slope(place, bend) == pytest.approx(slope)
        assert curvature == pytest.approx(math.hypot(1, bend * slope))
        assert curvature <= 1 + bend * abs(slope) + 1e-12


@pytest.mark.parametrize("bend", BENDS)
def test_below_the_largest_rate_it_arrives_and_above_it_does_not(bend):
    limit = descent.largest_rate(bend)
    assert descent.walk(bend, 0.99 * limit, steps=100_000).arrived
    assert descent.walk(bend, 1.01 * limit).left
    assert 0 < descent.fastest_rate(bend) < limit


def test_on_a_parabola_the_fastest_rate_is_the_inverse_curvature():
    assert descent.fastest_rate(0.0) == pytest.approx(1)
    assert len(descent.walk(0.0, 1.0).points) == 2


@pytest.mark.parametrize("bound", [0.3, 5.0])
def test_a_clipped_walk_is_that_of_torchs_sgd_under_the_rule(bound):
    x = torch.nn.Parameter(torch.tensor([descent.START], dtype=torch.float64))
    optimizer, points, fired = torch.optim.SGD([x], lr=0.2), [x.item()], 0
    for _ in range(6):
        optimizer.zero_grad()
        (torch.cosh(x) - 1).sum().backward()
        fired += bool(ByNorm(bound).clip_([x]).fired)
        optimizer.step()
        points.append(x.item())
    found = descent.walk(1.0, 0.2, bound, steps=6)
    np.testing.assert_allclose(found.points, points, rtol=1e-5)
    assert found.fired == fired


def test_the_more_the_curve_bends_the_more_clipping_saves():
    saved = []
    for bend in BENDS:
        best, clipped = (
            len(descent.walk(bend, *how).points)
            for how in ((descent.fastest_rate(bend),), (1.0, 1.0))
        )
        saved.append(best / clipped)
    assert saved == sorted(saved)
    assert saved[0] < 1
    assert saved[-1] > 100


def test_the_smoothness_panel_says_and_draws_how_each_run_ended():
    panel = smoothness.panel()
    assert "At the rate 1.00 without clipping it goes out farther than it began." in panel.readout
    assert "Clipped to 1.00 it arrives after 6 steps, 4 of them clipped." in panel.readout
    assert panel.same.end.get_marker() == "X"
    found = descent.walk(1.0, 1.0, 1.0).points
    np.testing.assert_allclose(panel.clipped.on_curve.get_xdata(), found)
    panel.bend.value = 0
    assert "the fastest one, 1.00, arrives after 1 step." in panel.readout
    panel.rate.value = panel.max_norm.value = 0.01
    assert "Clipped to 0.0100 it has not arrived after 10,000 steps." in panel.readout
    panel.reset()
    panel.max_norm.value = 100
    assert "Clipped to 100 it goes out farther than it began." in panel.readout


NOISES = [tails.Noise(1.5), tails.Noise(2.0, 0.8), tails.Noise(3.0, 0.95), tails.Noise(1.2, 0.6)]


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_the_clipped_mean_is_the_integral_over_the_quantiles(noise):
    uniform = (np.arange(2_000_000) + 0.5) / 2_000_000
    drawn = noise.drawn(uniform)
    for bound in (0.1, 1.0, 3.0, 30.0):
        expected = np.clip(drawn, -bound, bound).mean()
        assert float(noise.clipped_mean(bound)) == pytest.approx(expected, abs=1e-4)
    assert float(noise.clipped_mean(1e30)) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_the_tails_fall_as_the_index_says(noise):
    drawn = noise.drawn((np.arange(1_000_000) + 0.5) / 1_000_000) - noise.centre
    for far in (1.0, 5.0):
        beyond = (1 + far) ** -noise.index
        assert (drawn > far).mean() == pytest.approx(noise.right * beyond, abs=1e-5)
        assert (drawn < -far).mean() == pytest.approx((1 - noise.right) * beyond, abs=1e-5)


def test_symmetric_noise_makes_the_clipped_mean_shorter_and_skewed_noise_can_turn_it_round():
    bounds = np.geomspace(0.1, 100, 20)
    for index in (1.2, 2.0, 5.0):
        kept = tails.Noise(index).clipped_mean(bounds)
        assert ((kept > 0) & (kept < 1)).all()
        assert (np.diff(kept) > 0).all()
    assert float(tails.Noise(1.2, 0.9).clipped_mean(0.5)) < 0


def test_the_tails_panel_says_and_draws_bias_and_spread():
    panel = tails.panel(threshold=1.0)
    mean = float(tails.Noise(1.5).clipped_mean(1.0))
    assert f"its mean is {mean:.3f} and not 1" in panel.readout
    assert "variance is infinite" in panel.readout
    assert panel.estimates.mean.get_xdata()[0] == pytest.approx(mean)
    error, bias, spread = (
        line.get_ydata() for line in (panel.errors.error, panel.errors.bias, panel.errors.spread)
    )
    np.testing.assert_allclose(error, np.hypot(bias, spread))
    assert 0 < error.argmin() < len(error) - 1
    panel.index.value, panel.threshold.value = panel.index.max, 1000
    assert "fires at 0 % of the gradients" in panel.readout
    assert "infinite" not in panel.readout
    panel.index.value, panel.right.value, panel.threshold.value = 1.2, 0.9, 0.5
    assert panel.readout.endswith("The clipped mean points the wrong way.")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: smoothness.panel(3), "bend must be a number from 0 to 2, got 3"),
        (lambda: smoothness.panel(rate=0), "rate must be a number from 0.01 to 100, got 0"),
        (lambda: smoothness.panel(max_norm=1e3), "max_norm must be a number from 0.01 to 100"),
        (lambda: descent.walk(-1, 1), "bend must be a number that is finite and 0 or more"),
        (lambda: descent.walk(1, 0), "rate must be a number in"),
        (lambda: descent.walk(1, 1, math.nan), "max_norm must be a number in"),
        (lambda: tails.panel(1.0), "index must be a number from 1.1 to 6, got 1.0"),
        (lambda: tails.panel(threshold=0), "threshold must be a number from 0.1 to 1000, got 0"),
        (lambda: tails.panel(right=0.4), "right must be a number from 0.5 to 0.95, got 0.4"),
        (lambda: tails.Noise(1.0), "index must be a number that is finite and 1.01 or more"),
        (lambda: tails.Noise(2.0, 1.5), "right must be a number from 0 to 1, got 1.5"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
