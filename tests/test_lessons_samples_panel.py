"""The per-sample panel shows the bias of clipping before averaging, also where it is none."""

import math

import numpy as np
import pytest
import torch
from matplotlib.colors import same_color

from gradlab.course.lessons import samples
from gradlab.course.lessons.samples.gradients import SampleGradients
from gradlab.draw.style import AFTER

THREE = torch.tensor([[-1.0], [-1.0], [4.0]])


@pytest.fixture
def gradients():
    scales = torch.logspace(-1, 1, 20)
    return {"a": torch.randn(20, 3, 2) * scales[:, None, None] + 1, "b": torch.randn(20, 4)}


def test_the_dots_are_the_samples_and_no_clipped_one_passes_the_bound(gradients):
    panel, known = samples.panel(gradients), SampleGradients.of(gradients)
    bound = panel.max_norm.value
    x, y = panel.dots.after.get_data()
    assert x == pytest.approx(np.minimum(known.norms, bound))
    assert y == pytest.approx(known.cosines)
    assert len(panel.dots.change.get_segments()) == (known.norms > bound).sum()


def test_the_marked_angle_is_the_one_that_is_said_and_lies_on_the_curve(gradients):
    panel, known = samples.panel(gradients), SampleGradients.of(gradients)
    curve = next(
        line
        for line in panel.bias.here.axes.lines
        if line.get_label() == "clip, then average" and same_color(line.get_color(), AFTER)
    )
    for bound in np.geomspace(10**panel.max_norm.min, 10**panel.max_norm.max, 7):
        panel.max_norm.value = bound
        found = known.clipped(panel.max_norm.value)
        (x,), (y,) = panel.bias.here.get_data()
        assert (x, y) == pytest.approx((bound, found.degrees))
        assert np.interp(np.log(x), np.log(curve.get_xdata()), curve.get_ydata()) == pytest.approx(
            y, abs=0.1
        )
        assert f": {found.clipped} of 20 samples are clipped." in panel.readout
        assert f"turned by {found.degrees:.1f}° (cosine {found.cosine:.3f})" in panel.readout


def test_at_the_ends_all_samples_are_clipped_or_none(gradients):
    panel = samples.panel(gradients)
    panel.max_norm.value = 10**panel.max_norm.min
    assert ": 20 of 20 samples are clipped." in panel.readout
    panel.max_norm.value = 10**panel.max_norm.max
    assert ": 0 of 20 samples are clipped." in panel.readout
    assert "turned by 0.0° (cosine 1.000)" in panel.readout


def test_three_samples_show_that_it_can_lead_uphill():
    panel = samples.panel(THREE)
    panel.max_norm.value = 1.0
    assert "the mean's norm 0.667 → 0.333, turned by 180.0° (cosine -1.000). Uphill:" in (
        panel.readout
    )
    panel.max_norm.value = 10**panel.max_norm.max
    assert "Uphill" not in panel.readout


def test_where_there_is_no_direction_the_panel_says_so():
    panel = samples.panel(THREE)
    panel.max_norm.value = 2.0
    assert "the clipped ones cancel: no step at all" in panel.readout
    assert math.isnan(panel.bias.here.get_ydata()[0])
    panel = samples.panel(torch.tensor([[-1.0], [-1.0], [2.0]]))
    assert "The mean gradient is zero; that of the clipped ones has norm" in panel.readout


@pytest.mark.parametrize("gradients", [torch.ones(1, 3), torch.ones(4, 2), 1e-20 * torch.ones(2)])
def test_samples_that_are_all_alike_are_never_turned(gradients):
    panel = samples.panel(gradients)
    panel.max_norm.value = 10**panel.max_norm.min
    assert "turned by 0.0°" in panel.readout


def test_samples_without_a_gradient_are_said_and_not_drawn():
    panel = samples.panel(torch.tensor([[0.0], [1.0], [2.0]]))
    assert "Not in the picture: 1 samples whose gradient is zero." in panel.readout
    assert math.isnan(panel.dots.after.get_xdata()[0])


def test_gradients_of_zero_are_refused():
    with pytest.raises(ValueError, match="must hold an element other than zero"):
        samples.panel(torch.zeros(3, 2))
