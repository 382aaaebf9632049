"""Products of 2 x 2 Jacobians, against torch's SVD, closed forms and simulation."""

import math

import numpy as np
import pytest
import torch

from gradlab.course.lessons import stretching
from gradlab.course.lessons.stretching.controls import DEEPEST, DRAWS
from gradlab.course.lessons.stretching.jacobians import GAUSSIAN, KINDS, ORTHOGONAL, SHEAR
from gradlab.panels.panel import number


@pytest.mark.parametrize("kind", KINDS)
def test_half_axes_are_the_singular_values_of_the_product(kind):
    found = stretching.products(kind, 8, gain=1.3, draws=5, seed=3)
    product = torch.from_numpy(found.matrices)
    torch.testing.assert_close(
        torch.from_numpy(found.singular), torch.linalg.svdvals(product), rtol=1e-6, atol=1e-9
    )
    larger = torch.linalg.eigvals(product).abs().amax(-1).numpy()
    np.testing.assert_allclose(found.eigenvalues[..., 0], larger, rtol=1e-6)
    areas = np.abs(np.linalg.det(found.matrices))
    np.testing.assert_allclose(found.eigenvalues.prod(-1), areas, rtol=1e-5, atol=1e-12)


def test_a_longer_product_begins_with_the_shorter_ones_factors():
    found = stretching.products(GAUSSIAN, 6, gain=0.7, draws=2).matrices
    np.testing.assert_allclose(found[:, 0], np.broadcast_to(np.eye(2), (2, 2, 2)))
    layers = found[:, 1:] @ np.linalg.inv(found[:, :-1])
    whole = np.eye(2)
    for layer in layers[0]:
        whole = layer @ whole
    np.testing.assert_allclose(whole, found[0, -1])


def test_an_orthogonal_layer_stretches_nothing_more_than_anything_else():
    found = stretching.products(ORTHOGONAL, 40, gain=1.1, draws=3)
    expected = np.broadcast_to(1.1 ** np.arange(41.0)[:, None], (3, 41, 2))
    np.testing.assert_allclose(found.singular, expected, rtol=1e-9)
    assert stretching.exponent(ORTHOGONAL, gain=1.1) == pytest.approx(math.log(1.1))


def test_the_mean_squared_length_grows_by_the_squared_gain():
    found = stretching.products(GAUSSIAN, 4, gain=1.2, draws=100_000)
    squares = np.square(found.matrices[..., 0]).sum(-1).mean(0)
    np.testing.assert_allclose(squares, 1.44 ** np.arange(5), rtol=0.05)


@pytest.mark.parametrize("width", [1, 2, 3, 8])
def test_the_exponent_of_gaussian_layers_is_the_mean_logarithm(width):
    """One layer is enough: it makes a normal vector of any vector."""
    random = torch.Generator().manual_seed(0)
    layers = 0.9 / width**0.5 * torch.randn(100_000, width, generator=random, dtype=torch.float64)
    simulated = float(layers.norm(dim=1).log().mean())
    assert stretching.exponent(GAUSSIAN, gain=0.9, width=width) == pytest.approx(
        simulated, abs=0.01
    )


def test_the_exponent_of_two_units_has_a_closed_form_and_is_the_slope_of_long_products():
    expected = math.log(1.2) - np.euler_gamma / 2
    assert stretching.exponent(GAUSSIAN, gain=1.2) == pytest.approx(expected)
    found = stretching.products(GAUSSIAN, 300, gain=1.2, draws=200)
    slope = np.log(found.singular[:, -1, 0]).mean() / 300
    assert slope == pytest.approx(expected, abs=0.015)


def test_for_many_units_the_exponent_is_half_of_their_inverse_below_the_gain():
    for width in (64, 1024):
        below = math.log(1.1) - stretching.exponent(GAUSSIAN, gain=1.1, width=width)
        assert below == pytest.approx(1 / (2 * width), rel=0.02)


def test_the_shear_grows_before_it_decays_as_its_radius():
    (longer,) = stretching.products(SHEAR, 200, gain=0.9).singular[..., 0]
    (larger,) = stretching.products(SHEAR, 200, gain=0.9).eigenvalues[..., 0]
    assert (longer[1:20] > 2).all()
    assert longer[-1] < 1e-6
    np.testing.assert_allclose(larger[:60], 0.9 ** np.arange(60), rtol=1e-4)
    assert longer[-1] / longer[-2] == pytest.approx(0.9, rel=1e-4)


@pytest.fixture(scope="module")
def panel():
    return stretching.panel()


@pytest.mark.parametrize("kind", KINDS)
def test_the_panel_draws_the_products_of_its_gain(panel, kind):
    panel.reset()
    panel.kind.value, panel.gain.value, panel.draw.value, panel.depth.value = kind, 1.5, 3, 7
    found = stretching.products(kind, DEEPEST, gain=1.5, draws=DRAWS, seed=1)
    for line, expected in zip(panel.spread.singular, found.singular[3].T, strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-6)
    np.testing.assert_allclose(panel.spread.eigenvalue.get_ydata(), found.eigenvalues[3, :, 0])
    for line, expected in zip(panel.spread.draws, found.singular[..., 0], strict=True):
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-6)
    long, short = found.singular[3, 7]
    assert f"half axes {number(long)} and {number(short)};" in panel.readout
    slope = np.log(panel.spread.slope.get_ydata())
    np.testing.assert_allclose(np.diff(slope), stretching.exponent(kind, gain=1.5))


@pytest.mark.parametrize(("gain", "unit"), [(0.5, 1.0), (2.0, None)])
def test_circle_and_ellipse_are_drawn_in_one_unit_and_fit(panel, gain, unit):
    panel.reset()
    panel.kind.value, panel.gain.value, panel.depth.value = ORTHOGONAL, gain, 5
    circle, ellipse = (
        np.hypot(*line.get_data()) for line in (panel.ellipse.circle, panel.ellipse.ellipse)
    )
    np.testing.assert_allclose(ellipse / circle, gain**5)
    assert max(ellipse.max(), circle.max()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stretching.panel("Cauchy"), "kind must be one of 'Gaussian', 'orthogonal'"),
        (lambda: stretching.panel(gain=3), "gain must be a number from 0.5 to 2, got 3"),
        (lambda: stretching.panel(depth=41), "depth must be a whole number from 0 to 40, got 41"),
        (lambda: stretching.panel(draw=20), "draw must be a whole number from 0 to 19, got 20"),
        (lambda: stretching.products("Cauchy", 1), "kind must be one of"),
        (lambda: stretching.products(GAUSSIAN, -1), "depth must be a whole number, 0 or more"),
        (lambda: stretching.exponent(GAUSSIAN, gain=0), "gain must be a number"),
        (lambda: stretching.exponent(GAUSSIAN, width=0), "width must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
