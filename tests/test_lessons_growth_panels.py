"""The panels of depth and of time show what was measured, to both ends of their sliders."""

import math

import numpy as np
import pytest
import torch

from gradlab.course import models
from gradlab.course.lessons import growth
from gradlab.course.lessons.growth import depth, depth_controls, recurrence
from gradlab.course.lessons.growth.picture import HIGHEST, LOWEST, draw_curve, draw_growth
from gradlab.course.lessons.growth.words import edges
from gradlab.panels.live import subplots
from gradlab.panels.panel import number


def drawn(curve):
    """The norms of a curve's line, and how many marks of each kind stand on the edge."""
    return curve.line.get_ydata(), len(curve.beyond.get_ydata()), len(curve.lost.get_ydata())


def within(norms):
    return np.clip(np.nan_to_num(norms, nan=np.inf), LOWEST, HIGHEST)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"depth": 1},
        {"depth": 64, "gain": 1.4, "activation": "tanh"},
        {"depth": 7, "gain": 2.0, "activation": "gelu", "residual": True},
        {"depth": 20, "norm": "batch", "residual": True},
        {"depth": 20, "norm": "layer", "gain": 0.0},
        {"depth": 64, "gain": 5.0, "activation": "linear"},
        {"depth": 64, "gain": 0.1, "activation": "linear"},
    ],
    ids=str,
)
def test_the_depth_panel_draws_what_a_fresh_network_measures(state):
    panel = growth.depth_panel(seed=3)
    for name, value in state.items():
        getattr(panel, name).value = value
    told = {"depth": 50, "gain": 1.2, "activation": "relu", "residual": False, "norm": None} | state
    torch.manual_seed(3)
    network = models.mlp(told["depth"], 64, **{k: v for k, v in told.items() if k != "depth"})
    random = torch.Generator().manual_seed(3)
    inputs, upstream = (torch.randn(64, 64, generator=random) for _ in range(2))
    found = depth.measured(network, inputs, upstream / upstream.norm())
    mean = depth.expected(told.pop("depth"), **told)

    for curve, law, name in (
        (panel.arriving, panel.arriving_law, "arriving"),
        (panel.weights, panel.weights_law, "weights"),
    ):
        norms = getattr(found, name)
        line, beyond, lost = drawn(curve)
        np.testing.assert_allclose(line, within(norms), rtol=1e-3)
        assert lost == np.count_nonzero((norms == 0) | ~np.isfinite(norms))
        assert beyond + lost == np.count_nonzero(norms != within(norms))
        assert law.get_ydata().tolist() == getattr(mean, name).tolist()
        assert law.get_xdata().tolist() == list(range(1, len(norms) + 1))


def test_the_depth_panel_says_what_each_layer_multiplies_by():
    panel = growth.depth_panel(30, gain=1.2)
    line, _, _ = drawn(panel.arriving)
    factor = (line[0] / line[-1]) ** (1 / 29)
    assert panel.readout.startswith("depth 30, gain 1.20 (critical: 1.41), relu: the gradient")
    assert f"is {number(line[0])} times the last layer's" in panel.readout
    assert f"multiplies it by {number(factor)} (predicted 0.849)" in panel.readout


def test_vanishing_and_exploding_are_two_ends_of_the_depth_panels_slider():
    panel = growth.depth_panel()
    panel.gain.value = panel.gain.min
    assert "the gradient is exactly zero in 49 of 50 layers" in panel.readout
    assert "99 exactly zero" in panel.readout
    panel.gain.value = panel.gain.max
    assert "above 1e+08" in panel.readout
    panel.activation.value, panel.depth.value = "linear", panel.depth.max
    assert "the gradient has overflowed in" in panel.readout
    assert "infinite or NaN" in panel.readout
    panel.depth.value = panel.depth.min
    assert "one layer, nothing to multiply" in panel.readout


@pytest.mark.parametrize(("activation", "gain"), depth_controls.CRITICAL.items())
def test_at_its_critical_gain_a_chain_passes_a_gradient_on_as_it_came(activation, gain):
    """For tanh it is a limit: at gain 1 the units go on shrinking, and end where tanh is linear."""
    factor = depth.expected(400, gain=gain, activation=activation).factor
    assert factor == pytest.approx(1, abs=0.01)


def test_the_depth_panel_names_its_switches():
    panel = growth.depth_panel(10, residual=True, norm="batch", activation="gelu")
    assert panel.readout.startswith("depth 10, gain 1.20, gelu, residual, batch norm: ")


def test_the_depth_panel_goes_back_to_its_first_picture():
    panel = growth.depth_panel(20)
    first = panel.readout, panel.picture.png
    for control, value in zip(panel.controls, (33, 2.0, "tanh", "layer", True), strict=True):
        control.value = value
        assert (panel.readout, panel.picture.png) != first
    panel.reset_button.click()
    assert (panel.readout, panel.picture.png) == first


def test_the_depth_panel_leaves_torchs_generator_alone():
    state = torch.get_rng_state()
    growth.depth_panel(5).norm.value = "layer"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"length": 1},
        {"length": 100, "radius": 0.5, "keep_bias": 5.0},
        {"radius": 0.0},
        {"radius": 2.0, "length": 80},
        {"radius": 2.0, "inputs": 1.0},
    ],
    ids=str,
)
def test_the_recurrence_panel_draws_what_the_networks_measure(state):
    panel = growth.recurrence_panel(seed=2)
    for name, value in state.items():
        getattr(panel, name).value = value
    told = {"radius": 1.1, "length": 60, "keep_bias": 1.0, "inputs": 0.1} | state
    for name, curve in panel.curves.items():
        norms = recurrence.state_gradients(name, seed=2, **told)
        line, beyond, lost = drawn(curve)
        assert line.tolist() == within(norms).tolist()
        assert lost == np.count_nonzero(norms == 0)
        assert beyond + lost == np.count_nonzero(norms != within(norms))
    powers = recurrence.expected(told["radius"], told["length"])
    assert panel.law.get_ydata().tolist() == powers.tolist()


def test_the_recurrence_panel_says_what_is_left_at_the_first_step():
    panel = growth.recurrence_panel(0.9, length=40, keep_bias=2.0)
    assert panel.readout.startswith("radius 0.900, 40 steps, gate bias 2.00, inputs 0.100: ")
    for name, curve in panel.curves.items():
        assert f"{number(drawn(curve)[0][0])} ({name})" in panel.readout
    assert f"multiplied 39 times, is {number(0.9**39)}" in panel.readout
    panel.length.value = 1
    assert panel.readout.endswith("gate bias 2.00, inputs 0.100: one step, nothing to multiply.")


def test_the_recurrence_panel_goes_back_to_its_first_picture():
    panel = growth.recurrence_panel(length=10)
    first = panel.readout, panel.picture.png
    for control, value in zip(panel.controls, (1.5, 20, 3.0, 0.5), strict=True):
        control.value = value
        assert (panel.readout, panel.picture.png) != first
    panel.reset_button.click()
    assert (panel.readout, panel.picture.png) == first


def test_what_the_axis_cannot_hold_stays_in_sight_on_its_edge():
    _, (axes,) = subplots(3, 2)
    draw_growth(axes, 6, "place", "norm")
    curve = draw_curve(axes, "a", "black", "o")
    curve.move(range(1, 7), [1.0, 1e13, 1e-13, 0.0, math.inf, math.nan])
    low, high = axes.get_ylim()
    assert curve.line.get_ydata().tolist() == [1.0, high, low, low, high, high]
    assert curve.beyond.get_xydata().tolist() == [[2, high], [3, low]]
    assert curve.lost.get_xydata().tolist() == [[4, low], [5, high], [6, high]]


def test_what_stands_on_the_edge_is_counted_in_words():
    assert edges([1.0, 1e8, 1e-8]) == ""
    assert edges([1e13, 1e-13, 1e-14, 0.0, math.inf, math.nan, 1.0]) == (
        " On the edge of the picture: "
        "1 above 1e+08, 2 below 1e-08, 1 exactly zero, 2 infinite or NaN."
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: growth.depth_panel(0), "depth must be a whole number from 1 to 64, got 0"),
        (lambda: growth.depth_panel(65), "depth must be a whole number from 1 to 64, got 65"),
        (lambda: growth.depth_panel(gain=-1), "gain must be a number from 0 to 5, got -1"),
        (lambda: growth.depth_panel(gain=math.nan), "gain must be a number from 0 to 5, got nan"),
        (lambda: growth.depth_panel(activation="elu"), "activation must be one of"),
        (lambda: growth.depth_panel(norm="group"), "norm must be one of"),
        (lambda: growth.recurrence_panel(2.1), "radius must be a number from 0 to 2, got 2.1"),
        (
            lambda: growth.recurrence_panel(length=0),
            "length must be a whole number from 1 to 100, got 0",
        ),
        (
            lambda: growth.recurrence_panel(keep_bias=-1),
            "keep_bias must be a number from 0 to 6, got -1",
        ),
        (
            lambda: growth.recurrence_panel(inputs=2),
            "inputs must be a number from 0 to 1, got 2",
        ),
    ],
)
def test_a_start_outside_the_sliders_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_every_drop_down_shows_what_is_chosen():
    for panel in (growth.depth_panel(3), growth.depth_panel(3, norm="batch")):
        assert None not in (panel.norm.index, panel.activation.index)
    panel.norm.value = "none"
    assert "norm," not in panel.readout.partition(":")[0]
    panel.reset()
    assert "batch norm" in panel.readout
