"""The first number that is not finite is found where it was put."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradlab.course import models
from gradlab.training import divergence

INPUTS, TARGETS = torch.ones(4, 5), torch.tensor([0, 1, 2, 0])


def chain():
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))


def test_a_healthy_network_has_no_origin():
    assert divergence.find(chain(), INPUTS, TARGETS) == divergence.Origin(None, None)
    assert str(divergence.Origin(None, None)) == "nothing"


@pytest.mark.parametrize("layer", ["0", "2", "4"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_the_first_layer_whose_output_is_not_finite_is_named(layer, value):
    model = chain()
    nn.init.constant_(model.get_submodule(layer).bias, value)
    origin = divergence.find(model, INPUTS, TARGETS)
    assert origin.output == layer
    assert str(origin) == f"the output of {layer}"


def test_the_first_gradient_on_the_way_back_is_that_of_the_last_layer():
    model = chain()
    nn.init.constant_(model[0].bias, math.nan)
    assert divergence.find(model, INPUTS, TARGETS).gradient.startswith("4.")


def test_a_gradient_that_overflows_behind_finite_outputs_is_named():
    model = chain()
    with torch.no_grad():
        model[2].weight.fill_(1e38)
        model[0].weight.fill_(1e-38)
        model[0].bias.zero_()
        model[4].weight.copy_(torch.eye(3, 6))
    # 1e38 times 6 paths back through the middle layer is more than float32 holds
    origin = divergence.find(model, INPUTS, TARGETS, loss=lambda y, _: 10 * y.sum())
    assert origin.output is None
    assert origin.gradient in ("0.weight", "0.bias")
    assert str(origin) == f"the gradient of {origin.gradient}"


def test_weights_stay_and_no_hook_is_left_even_if_the_pass_fails():
    model = models.vgg(11, width=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    divergence.find(model, torch.rand(2, 3, 32, 32), torch.tensor([0, 1]))
    with pytest.raises(RuntimeError):
        divergence.find(model, torch.rand(2, 5), torch.tensor([0, 1]))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(parameter._backward_hooks for parameter in model.parameters())


def test_the_gradients_are_those_of_this_pass_alone():
    model = chain()
    for _ in range(2):
        divergence.find(model, INPUTS, TARGETS)
    found = [p.grad.clone() for p in model.parameters()]
    expected = torch.autograd.grad(F.cross_entropy(model(INPUTS), TARGETS), model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
