"""The rules panel shows what `compare` found, and says it."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gradlab.course import models
from gradlab.course.lessons import rules
from gradlab.course.lessons.rules import strength
from gradlab.course.lessons.rules.picture import LEAST_KEPT
from gradlab.panels.panel import number


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    net = models.pruning_cnn(width=4)
    F.cross_entropy(net(torch.randn(16, 3, 32, 32)), torch.arange(16) % 10).backward()
    return net


def test_the_picture_holds_what_was_found(model):
    panel = rules.panel(model)
    for share in (0.5, 0.1):
        panel.share.value = share
        found = strength.at_share(strength.parts(model), share)
        for kept, turn, told in zip(panel.kept, panel.turns, found.values(), strict=True):
            x, rows = kept.dots.get_data()
            assert x == pytest.approx(told.kept.clip(LEAST_KEPT))
            assert list(rows) == list(range(len(list(model.parameters()))))
            assert kept.share.get_xdata()[0] == share
            assert kept.threshold.get_text() == number(told.rule.bound)
            assert math.degrees(math.atan2(*turn.after.xy[::-1])) == pytest.approx(told.degrees)


def test_the_readout_names_each_rule_its_threshold_its_turn_and_who_pays(model):
    panel = rules.panel(model)
    names = [name for name, _ in model.named_parameters()]
    found = strength.at_share(strength.parts(model), panel.share.value)
    for name, told in found.items():
        bound, value = told.rule.bound_name, told.rule.bound
        assert f"{name[1:]}, {bound} = {number(value)}: turns it by" in panel.readout
        assert f"{told.degrees:.1f}°" in panel.readout
        if name != "by norm":
            assert f"most from {names[int(np.argmin(told.kept))]} (" in panel.readout
    assert panel.readout.count("the same share of every layer") == 1


def test_the_slider_ends_at_no_clipping_and_at_two_percent(model):
    panel = rules.panel(model)
    panel.share.value = 10**panel.share.max
    assert panel.readout == (
        "norm left = 1.00: nothing is clipped, by any rule, at these thresholds."
    )
    panel.share.value = 10**panel.share.min
    assert panel.readout.startswith("norm left = 0.0200: every rule cuts the norm")
    panel.reset()
    assert panel.readout.startswith("norm left = 0.25")


def test_what_the_axes_cannot_show_is_said():
    layer = nn.Linear(3, 2)
    layer.weight.grad, layer.bias.grad = torch.zeros(2, 3), torch.tensor([1.0, -2.0])
    panel = rules.panel(layer)
    assert "Not in the picture: 1 layers whose gradient is zero." in panel.readout
    layer.bias.data.zero_()  # as biases start: adaptive clipping hardly lets them move
    layer.weight.grad, layer.bias.grad = torch.full((2, 3), 1.0), torch.full((2,), 10.0)
    panel = rules.panel(layer)
    panel.share.value = 10**panel.share.min
    assert "Triangles: less than 0.001 is left." in panel.readout
    adaptive = panel.kept[1]
    assert list(adaptive.beyond.get_ydata()) == [1]
    assert adaptive.beyond.get_xdata()[0] == LEAST_KEPT


def test_what_has_no_gradient_is_refused():
    with pytest.raises(ValueError, match="no gradient to measure"):
        rules.panel(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="model must be a module after backward"):
        rules.panel({"a": torch.ones(2)})
