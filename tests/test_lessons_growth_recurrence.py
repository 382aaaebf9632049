"""A gradient that goes back through time is what the chain rule says, in four kinds of network."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from gradlab.course.lessons.growth import recurrence
from gradlab.course.lessons.growth.recurrence import CELLS, state_gradients

MODULES = {
    "tanh RNN": (nn.RNNCell, 1),
    "LSTM": (nn.LSTMCell, 4),
    "GRU": (nn.GRUCell, 3),
}


def drawn(length, hidden, batch, seed=0):
    """The upstream gradient, of norm 1, and the inputs that ``state_gradients`` draws."""
    random = torch.Generator().manual_seed(seed)
    upstream = torch.randn(batch, hidden, generator=random)
    return upstream / upstream.norm(), torch.randn(length, batch, hidden, generator=random)


@pytest.mark.parametrize("name", list(MODULES))
def test_it_is_the_product_of_the_steps_jacobians_of_torchs_own_cells(name):
    hidden, batch, length, radius, keep_bias = 4, 2, 6, 1.7, 0.8
    module, blocks = MODULES[name]
    cell = module(hidden, hidden).double()
    w_ih, w_hh = recurrence.scaled_weights(blocks, hidden, 0)
    with torch.no_grad():
        cell.weight_ih.copy_(0.3 * w_ih)
        cell.weight_hh.copy_(radius * w_hh)
        cell.bias_ih.zero_()
        cell.bias_hh.zero_()
        if blocks > 1:
            cell.bias_hh[hidden : 2 * hidden] = keep_bias
    parts = 2 if name == "LSTM" else 1
    upstream, sequence = drawn(length, hidden, batch)

    def step(state, x):
        split = tuple(state.view(parts, batch, hidden))
        after = cell(x.double(), split if parts == 2 else split[0])
        return torch.stack(after).flatten() if parts == 2 else after.flatten()

    state, jacobians = torch.zeros(parts * batch * hidden, dtype=torch.float64), []
    for x in sequence:
        jacobians.append(torch.autograd.functional.jacobian(lambda s, x=x: step(s, x), state))
        state = step(state, x).detach()
    gradient = torch.zeros_like(state)
    gradient[: batch * hidden] = upstream.flatten()
    oracle = [1.0]
    for jacobian in reversed(jacobians[1:]):
        gradient = gradient @ jacobian
        oracle.append(gradient.norm().item())

    found = state_gradients(
        name,
        radius=radius,
        length=length,
        keep_bias=keep_bias,
        inputs=0.3,
        hidden=hidden,
        batch=batch,
    )
    np.testing.assert_allclose(found, oracle[::-1], rtol=1e-5)


def test_a_linear_network_multiplies_by_its_matrix_at_every_step():
    _, w_hh = recurrence.scaled_weights(1, 32, 0)
    gradient, _ = drawn(1, 32, 16)
    found = state_gradients("linear RNN", radius=1.2, length=20)
    for norm in found[::-1]:
        assert norm == pytest.approx(gradient.norm().item(), rel=1e-4)
        gradient = gradient @ (1.2 * w_hh)


@pytest.mark.parametrize("blocks", [1, 3, 4])
def test_every_block_of_the_recurrent_matrix_has_the_spectral_radius(blocks):
    _, w_hh = recurrence.scaled_weights(blocks, 32, 3)
    for block in w_hh.chunk(blocks):
        assert np.abs(np.linalg.eigvals(block.double().numpy())).max() == pytest.approx(1, rel=1e-5)


def test_inputs_reach_each_unit_with_the_standard_deviation_that_is_told():
    w_ih, _ = recurrence.scaled_weights(4, 32, 0)
    _, sequence = drawn(100, 32, 16)
    assert (sequence @ w_ih.T).std().item() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("radius", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("seed", range(3))
def test_in_the_long_run_a_linear_network_multiplies_by_its_spectral_radius(radius, seed):
    norms = state_gradients("linear RNN", radius=radius, length=100, seed=seed)
    assert (norms[0] / norms[60]) ** (1 / 60) == pytest.approx(radius, rel=0.05)


def test_tanh_holds_back_what_explodes_and_speeds_up_what_vanishes():
    for radius in (0.8, 1.5):
        linear, tanh = (
            state_gradients(name, radius=radius, length=80)[0]
            for name in ("linear RNN", "tanh RNN")
        )
        assert tanh < linear


def test_a_tanh_network_of_radius_2_explodes_more_slowly_than_its_radius():
    """Chaos (Sompolinsky et al. 1988): exponential for as long as one looks, far below 2^t."""
    mean = np.mean(
        [
            np.log10(state_gradients("tanh RNN", radius=2, length=200, hidden=100, seed=seed))
            for seed in range(3)
        ],
        axis=0,
    )
    assert mean[140] > 2
    assert mean[0] > mean[100] + 2 > mean[140] + 3
    assert mean[0] < 0.5 * 199 * math.log10(2)


def test_large_inputs_make_vanish_what_small_ones_let_explode():
    small, large = (
        state_gradients("tanh RNN", radius=1.5, length=60, hidden=100, inputs=inputs)[0]
        for inputs in (0.0, 1.0)
    )
    assert large < 1e-2 < 1e2 < small


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
@pytest.mark.parametrize("keep_bias", [0.0, 1.0, 5.0])
def test_without_recurrent_weights_a_gate_lets_its_own_opening_through(cell, keep_bias):
    norms = state_gradients(cell, radius=0, length=30, keep_bias=keep_bias)
    opening = 1 / (1 + math.exp(-keep_bias))
    np.testing.assert_allclose(norms[:-2] / norms[1:-1], opening, rtol=0.03)


@pytest.mark.parametrize("cell", ["linear RNN", "tanh RNN"])
def test_radius_zero_ends_the_past_of_an_rnn(cell):
    assert state_gradients(cell, radius=0, length=5).tolist() == pytest.approx([0, 0, 0, 0, 1])


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_has_nothing_to_multiply(cell):
    assert state_gradients(cell, radius=1, length=1) == pytest.approx([1])


def test_overflow_is_a_result():
    found = state_gradients("linear RNN", radius=1e6, length=20)
    assert found[-1] == pytest.approx(1)
    assert not np.isfinite(found[0])
    assert recurrence.expected(1e30, 20)[0] == math.inf


@pytest.mark.parametrize("cell", ["linear RNN", "tanh RNN"])
def test_an_rnn_has_no_gate_to_bias(cell):
    one, other = (state_gradients(cell, radius=1, length=9, keep_bias=b) for b in (0, 4))
    assert one.tolist() == other.tolist()


def test_a_seed_names_one_network():
    one, same, other = (state_gradients("GRU", radius=1, length=9, seed=s) for s in (0, 0, 1))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


def test_the_expected_gradient_is_the_radius_to_the_steps_back():
    assert recurrence.expected(0.5, 4).tolist() == [0.125, 0.25, 0.5, 1]
    assert recurrence.expected(0, 3).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "rnn"}, "cell must be one of 'linear RNN', .* got 'rnn'"),
        ({"radius": -1}, "radius must be a number that is finite and 0 or more, got -1"),
        ({"radius": math.nan}, "radius must be a number that is finite and 0 or more, got nan"),
        ({"radius": math.inf}, "radius must be a number that is finite and 0 or more, got inf"),
        ({"length": 0}, "length must be a whole number, 1 or more, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        state_gradients(**{"cell": "GRU", "radius": 1, "length": 3} | arguments)
