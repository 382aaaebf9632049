"""The history panel: what happened in a run, step by step and layer by layer."""

import numpy as np
import pytest
import torch
from makers import PANELS
from torch import nn

import gradlab
from gradlab import panels
from gradlab.panels.past import ALL


def recorded(steps=10, every=2, updates=True, spoil=None, scale=1):
    """A run of two layers, of which the second is frozen; ``spoil`` makes a step infinite."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[1].bias.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with gradlab.record(model, optimizer, every=every, updates=updates) as recorder:
        for step in range(steps):
            optimizer.zero_grad()
            (scale * model(torch.ones(2, 3)).square().sum()).backward()
            if step == spoil:
                model[0].weight.grad[0, 0] = torch.inf
            optimizer.step()
    return recorder.recording


@pytest.fixture(scope="module")
def panel():
    return PANELS["history"]()


def test_the_maps_show_what_the_recording_holds():
    recording = recorded()
    panel = panels.history(recording, {"train": range(10, 0, -1)})
    shown = np.ma.getdata(panel.drawn.gradients.norms.get_array()).T
    held = np.isfinite(recording.layer_norms)
    assert np.allclose(shown[held], recording.layer_norms[held])
    assert np.isnan(shown[:, 3]).all()  # no gradient
    ratios = np.ma.getdata(panel.drawn.ratios.norms.get_array()).T
    assert np.allclose(ratios[[4, 5], 0], recording.update_to_weight[2, 0])


def test_the_bars_are_shares_of_the_chosen_layer_at_the_chosen_step(panel):
    panel.reset()
    for layer in panel.layer.options:
        panel.layer.value = layer
        shares = panel.drawn.bars.after.get_data().values
        histograms = panel._recording.histograms[panel.step.value]
        held = [h for name, h in histograms.items() if layer in (ALL, name)]
        finite, zeros = (sum(getattr(h, what) for h in held) for what in ("finite", "zeros"))
        assert sum(shares) == pytest.approx((finite - zeros) / finite if finite else 0)
    panel.reset()


def test_the_cursor_follows_the_slider(panel):
    panel.reset()
    for step in panel.step.options:
        panel.step.value = step
        assert all(cursor.get_xdata()[0] == step for cursor in panel.drawn.cursors)
        assert f"Step {step}." in panel.readout
    panel.reset()


def test_the_second_map_shows_another_quantity(panel):
    panel.reset()
    panel.map.value = "norm of the weight"
    ratios = np.ma.getdata(panel.drawn.ratios.norms.get_array()).T
    assert np.allclose(ratios[0], panel._recording.weight_norms[0])
    assert "norm of the weight: from" in panel.readout
    panel.reset()


def test_without_measured_updates_the_map_is_of_gradients():
    panel = panels.history(recorded(updates=False))
    assert panel.map.options == ("gradient / weight", "norm of the weight")
    assert "Loss" not in panel.readout


def test_a_gradient_that_is_not_finite_is_black_and_a_cross():
    panel = panels.history(recorded(spoil=4), {"train": {0: 1.0, 4: np.inf}})
    black = np.ma.getdata(panel.drawn.gradients.norms.get_array()).T[4, 0]
    assert black > panel.drawn.gradients.norms.norm.vmax
    crosses = [line for line in panel.picture._canvas.figure.axes[0].lines if len(line.get_xdata())]
    assert [4.0] in [list(line.get_xdata()) for line in crosses]
    panel.step.value = 4
    assert "not finite" in panel.readout


def test_what_cannot_be_shown_is_refused_by_name():
    recording = recorded()
    with pytest.raises(ValueError, match=r"losses\['train'\] must hold 10 numbers"):
        panels.history(recording, {"train": [1.0]})
    with pytest.raises(ValueError, match=r"losses\['test'\] must be of steps 0 to 9, got 10"):
        panels.history(recording, {"test": {10: 1.0}})
    with pytest.raises(ValueError, match="must have a step with histograms"):
        panels.history(recorded(steps=0))
    with pytest.raises(ValueError, match="finite and not zero"):
        panels.history(recorded(scale=0))
