"""What autograd measures in a deep chain, and what theory predicts, are held against each other."""

import itertools
import math

import numpy as np
import pytest
import torch

from gradlab.course import models
from gradlab.course.lessons.growth import depth

ACTIVATIONS = ["linear", "relu", "tanh", "gelu"]


def run(layers, width=64, batch=64, seed=0, **arguments):
    """What is measured in a fresh network, with a gradient of norm 1 at its output."""
    torch.manual_seed(seed)
    network = models.mlp(layers, width, **arguments)
    inputs, upstream = torch.randn(2, batch, width)
    return depth.measured(network, inputs, upstream / upstream.norm())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("norm", [None, "layer", "batch"])
def test_what_is_measured_is_the_product_of_the_layers_jacobians(activation, residual, norm):
    network = models.mlp(4, 5, activation=activation, gain=1.3, residual=residual, norm=norm)
    network.double()
    inputs, upstream = torch.randn(2, 3, 5, dtype=torch.float64)
    found = depth.measured(network, inputs, upstream)

    fed = [inputs]
    for layer in network[1:]:
        fed.append(layer(fed[-1]).detach())
    arriving, weights, gradient = [], [], upstream.flatten()
    for layer, h in zip(reversed(network[1:]), reversed(fed[:-1]), strict=True):
        arriving.append(gradient.norm().item())

        def of_weight(weight, layer=layer, h=h):
            return torch.func.functional_call(layer, {"linear.weight": weight}, h)

        jacobian = torch.autograd.functional.jacobian(of_weight, layer.linear.weight)
        weights.append((gradient @ jacobian.reshape(15, -1)).norm().item())
        gradient = gradient @ torch.autograd.functional.jacobian(layer, h).reshape(15, 15)
    np.testing.assert_allclose(found.arriving, arriving[::-1], rtol=1e-10)
    np.testing.assert_allclose(found.weights, weights[::-1], rtol=1e-10)


def test_a_linear_chain_multiplies_by_its_transposed_weights():
    network = models.mlp(6, 8, activation="linear", gain=1.4)
    inputs, upstream = torch.randn(2, 4, 8)
    found = depth.measured(network, inputs, upstream)
    matrices = [p.detach().double().numpy() for n, p in network.named_parameters() if "weight" in n]
    for number in range(1, 7):
        above = upstream.double().numpy()
        for matrix in reversed(matrices[number:]):
            above = above @ matrix
        below = inputs.double().numpy()
        for matrix in matrices[: number - 1]:
            below = below @ matrix.T
        assert found.arriving[number - 1] == pytest.approx(np.linalg.norm(above), rel=1e-5)
        assert found.weights[number - 1] == pytest.approx(np.linalg.norm(above.T @ below), rel=1e-5)


def test_measuring_leaves_no_gradient_behind():
    network = models.mlp(3, 8)
    depth.measured(network, *torch.randn(2, 4, 8))
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("arguments", "factor"),
    [
        ({"activation": "linear", "gain": 1.3}, 1.3),
        ({"activation": "relu", "gain": 1.2}, 1.2 / math.sqrt(2)),
        ({"activation": "linear", "gain": 0.5, "residual": True}, math.sqrt(1.25)),
        ({"activation": "relu", "gain": 2, "residual": True}, math.sqrt(1 + 4 / 2)),
        ({"activation": "tanh", "gain": 0}, 0),
        ({"activation": "gelu", "gain": 0, "residual": True}, 1),
    ],
    ids=str,
)
def test_the_predicted_factor_is_the_closed_form(arguments, factor):
    assert depth.expected(30, **arguments).factor == pytest.approx(factor, rel=1e-9)


def test_one_tanh_layer_is_predicted_by_the_integral_of_its_squared_slope():
    z = np.linspace(-10, 10, 200_001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    mean = np.sum(density / np.cosh(1.7 * z) ** 4) * (z[1] - z[0])
    found = depth.expected(2, gain=1.7, activation="tanh").arriving[0]
    assert found == pytest.approx(1.7 * math.sqrt(mean), rel=1e-4)


def test_batch_norm_makes_gradients_explode_through_relu_at_every_gain():
    # Yang et al. 2019: sqrt(π / (π - 1)) per layer; the first layer is fed by no ReLU
    for gain in (0.5, 3.0):
        arriving = depth.expected(20, gain=gain, norm="batch").arriving
        ratios = arriving[1:-1] / arriving[2:]
        np.testing.assert_allclose(ratios, math.sqrt(math.pi / (math.pi - 1)), rtol=2e-4)


def test_layer_norm_makes_relu_keep_its_gradients_at_every_gain():
    for gain in (0.5, 3.0):
        arriving = depth.expected(20, gain=gain, norm="layer").arriving
        np.testing.assert_allclose(arriving[1:-1] / arriving[2:], 1, rtol=2e-4)


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_the_weights_of_a_homogeneous_chain_are_level_while_the_arriving_gradient_is_not(
    activation,
):
    found = depth.expected(30, gain=0.9, activation=activation)
    assert found.arriving[0] < 0.05 * found.arriving[-1]
    np.testing.assert_allclose(found.weights[1:], found.weights[1], rtol=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("norm", [None, "layer", "batch"])
def test_prediction_and_measurement_agree_in_wide_networks(activation, residual, norm):
    for gain in (0.7, 2.0):
        arguments = {"activation": activation, "gain": gain, "residual": residual, "norm": norm}
        runs = [run(10, width=256, seed=seed, **arguments) for seed in range(3)]
        mean = depth.expected(10, width=256, **arguments)
        for name, most in (("arriving", 0.1), ("weights", 0.15)):  # over ten layers
            found = np.mean([np.log(getattr(one, name)) for one in runs], axis=0)
            gap = np.abs(found - np.log(getattr(mean, name)))
            assert gap.max() < most, (gain, name)


def test_in_narrow_networks_the_typical_gradient_lies_below_the_mean():
    ratios = [run(50, seed=seed, gain=math.sqrt(2)).arriving[0] for seed in range(15)]
    assert depth.expected(50, gain=math.sqrt(2)).arriving[0] == pytest.approx(1)
    assert np.median(ratios) < 0.8


def test_one_layer_has_nothing_to_multiply():
    for found in (run(1, gain=0.5), depth.expected(1, gain=0.5)):
        assert found.arriving == pytest.approx([1])
        assert len(found.weights) == 1
        assert math.isnan(found.factor)


def test_gain_zero_lets_no_gradient_through():
    for found in (run(4, gain=0.0), depth.expected(4, gain=0.0)):
        assert found.arriving.tolist() == pytest.approx([0, 0, 0, 1])
        assert found.factor == 0


def test_overflow_and_underflow_are_results():
    assert not np.isfinite(run(64, activation="linear", gain=9.0).arriving[0])
    assert run(64, activation="linear", gain=0.05).arriving[0] == 0
    assert depth.expected(64, gain=1e9, activation="linear").arriving[0] == math.inf


def test_a_deeper_network_begins_like_a_shallower_one_of_the_same_seed():
    networks = []
    for layers in (3, 9):
        torch.manual_seed(5)
        networks.append(models.mlp(layers, 8))
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=False):
        assert torch.equal(one, other)


def test_pictures_are_flattened():
    inputs, upstream = torch.randn(4, 2, 2, 2), torch.randn(4, 8)
    network = models.mlp(3, 8)
    whole, flat = (depth.measured(network, x, upstream) for x in (inputs, inputs.flatten(1)))
    for one, other in itertools.pairwise((whole, flat)):
        assert one.arriving.tolist() == other.arriving.tolist()
