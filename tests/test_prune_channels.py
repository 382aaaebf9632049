"""Whole channels: the smaller network computes what the full one does with those channels off."""

import copy
import sys

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2, resnet18

from gradlab import prune
from gradlab.course import models

NETWORKS = {
    "pruning_cnn": lambda: models.pruning_cnn(4),
    "clipping_cnn": lambda: models.clipping_cnn(4),
    "alexnet with norm": lambda: models.alexnet(2, norm=True),
    "vgg": lambda: models.vgg(11, 4),
    "vgg with norm": lambda: models.vgg(11, 4, norm=True),
    "resnet": lambda: models.resnet(8, 4),
    "resnet without norm": lambda: models.resnet(14, 4, norm=False),
    "torchvision's resnet18": lambda: resnet18(num_classes=10),
}
INPUTS = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=NETWORKS, ids=str)
def network(request):
    """A network whose biases and batch norms are of use, no two numbers of them alike."""
    torch.manual_seed(0)
    model = NETWORKS[request.param]()
    for module in model.modules():
        if getattr(module, "bias", None) is not None:
            nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model


@torch.no_grad()
def outputs(model):
    return copy.deepcopy(model).eval()(INPUTS)


@torch.no_grad()
def switched_off(model, smaller):
    """The full network, with zeros for the channels whose biases the smaller one lacks."""
    model, left = copy.deepcopy(model), dict(smaller.named_modules())
    for name, module in model.named_modules():
        if getattr(module, "bias", None) is not None:
            gone = ~torch.isin(module.bias, left[name].bias)
            module.weight[gone] = 0
            module.bias[gone] = 0
    return model


def sizes(model):
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def test_the_smaller_network_computes_what_the_full_one_does_without_those_channels(network):
    smaller = prune.remove_channels(network, 0.5, INPUTS)
    expected = outputs(switched_off(network, smaller))
    assert not torch.allclose(expected, outputs(network), rtol=1e-3)
    torch.testing.assert_close(outputs(smaller), expected, rtol=1e-4, atol=1e-4)


def test_it_costs_less_and_the_full_network_stays_as_it_was(network):
    network.train()
    before = copy.deepcopy(network.state_dict())
    smaller = prune.remove_channels(network, 0.5, INPUTS)
    full, less = prune.cost(network, INPUTS), prune.cost(smaller, INPUTS)
    assert less.parameters < 0.6 * full.parameters
    assert less.bytes < 0.6 * full.bytes
    assert less.macs < 0.6 * full.macs
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.training
    assert smaller.training


def test_it_can_be_trained(network):
    smaller = prune.remove_channels(network, 0.5, INPUTS).train()
    smaller(INPUTS).square().sum().backward()
    assert all(parameter.grad is not None for parameter in smaller.parameters())


def test_the_filters_with_the_smallest_norms_go():
    model = models.pruning_cnn(4)
    smaller = prune.remove_channels(model, 0.25, INPUTS)
    norms = model.conv1.weight.abs().sum(dim=(1, 2, 3))
    kept = norms.argsort()[1:].sort().values
    assert torch.equal(smaller.conv1.weight, model.conv1.weight[kept])
    assert smaller.conv2.weight.shape == (6, 3, 3, 3)
    assert smaller.fc2.weight.shape == (10, 6)


def test_other_scores_take_other_channels():
    model = models.pruning_cnn(4)
    largest_first = prune.score(model).reversed()
    smaller = prune.remove_channels(model, 0.25, INPUTS, scores=largest_first)
    norms = model.conv1.weight.abs().sum(dim=(1, 2, 3))
    kept = norms.argsort()[:-1].sort().values
    assert torch.equal(smaller.conv1.weight, model.conv1.weight[kept])


def test_a_residual_stream_that_grows_by_zeros_keeps_its_channels():
    smaller = prune.remove_channels(models.resnet(8, 4), 0.5, INPUTS)
    assert smaller.conv1.out_channels == 4
    assert smaller.stage3.block1.conv1.out_channels == 8
    assert smaller.stage3.block1.conv2.out_channels == 16


def test_one_channel_is_always_left_and_amount_zero_takes_none():
    model = models.vgg(11, 4)
    assert prune.remove_channels(model, 0.999, INPUTS).fc.in_features == 1
    assert sizes(prune.remove_channels(model, 0, INPUTS)) == sizes(model)


def test_frozen_layers_keep_their_channels_and_stay_frozen():
    model = models.pruning_cnn(4)
    model.conv1.requires_grad_(False)
    smaller = prune.remove_channels(model, 0.5, INPUTS)
    assert smaller.conv1.out_channels == 4
    assert smaller.conv2.out_channels == 4
    assert [p.requires_grad for p in smaller.parameters()] == [
        p.requires_grad for p in model.parameters()
    ]


def test_grouped_convolutions_keep_their_channels():
    torch.manual_seed(0)
    model = mobilenet_v2(num_classes=10, width_mult=0.25)
    with pytest.raises(ValueError, match="a layer that can lose channels, got none"):
        prune.remove_channels(
            nn.Sequential(model.features[1], nn.Flatten()), 0.5, torch.ones(1, 8, 8, 8)
        )


@pytest.mark.parametrize("amount", [-0.1, 1, 1.0, 2, float("nan"), "half"])
def test_an_amount_outside_0_to_1_is_refused(amount):
    with pytest.raises(ValueError, match="amount must be"):
        prune.remove_channels(models.pruning_cnn(2), amount, INPUTS)


def test_a_network_with_masks_is_refused_by_name():
    model = models.pruning_cnn(2)
    prune.prune_to_(model, 0.5)
    with pytest.raises(
        ValueError, match=r"no masks \(make_permanent_ first\), got masks on \['conv1.weight'"
    ):
        prune.remove_channels(model, 0.5, INPUTS)
    prune.make_permanent_(model)
    prune.remove_channels(model, 0.5, INPUTS)


def test_one_layer_has_no_channels_to_lose():
    with pytest.raises(ValueError, match="a layer that can lose channels, got none"):
        prune.remove_channels(nn.Linear(3, 2), 0.5, torch.ones(1, 3))


class Two(nn.Module):
    """Two linear layers, and a function of what both give."""

    def __init__(self, result):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 4)
        self.result = result

    def forward(self, x):
        hidden = self.first(x)
        return self.result(hidden, self.second(hidden))


@pytest.mark.parametrize(
    "result", [torch.add, lambda a, b: torch.cat([a, b], 1), lambda a, b: (a * b).softmax(1)]
)
def test_what_reaches_the_output_keeps_its_channels(result):
    with pytest.raises(ValueError, match="a layer that can lose channels, got none"):
        prune.remove_channels(Two(result), 0.5, torch.ones(1, 3))


def test_an_output_that_would_lose_channels_on_a_path_without_gradient_is_refused():
    model = Two(lambda a, b: torch.cat([a.detach(), b], 1))
    with pytest.raises(ValueError, match=r"the output must keep its shape \(1, 8\), got \(1, 6\)"):
        prune.remove_channels(model, 0.5, torch.ones(1, 3))


def test_a_network_with_two_outputs_is_refused():
    with pytest.raises(TypeError, match="model must return a tensor, got tuple"):
        prune.remove_channels(Two(lambda a, b: (a, b)), 0.5, torch.ones(1, 3))


def test_without_torch_pruning_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(ModuleNotFoundError, match="pip install torch-pruning"):
        prune.remove_channels(models.pruning_cnn(2), 0.5, INPUTS)


def test_torch_prunings_own_taylor_importance_leaves_batch_norm_out():
    """Why ``narrow`` brings its own scores; when this fails, the docstring has to change."""
    import torch_pruning

    model = models.vgg(11, 2, norm=True)
    model(INPUTS).square().sum().backward()
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=INPUTS)
    conv, norm = model.stage1.conv1, model.stage1.norm1
    group = graph.get_pruning_group(conv, torch_pruning.prune_conv_out_channels, [0, 1])
    importance = torch_pruning.importance.GroupTaylorImportance(normalizer=None)
    before = importance(group)
    nn.init.constant_(norm.weight, 1000.0)
    assert torch.equal(importance(group), before)


# what a network costs


def test_multiplications_are_counted_as_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.Linear(5 * 6 * 6, 7))
    got = prune.cost(model, torch.ones(2, 3, 8, 8))
    assert got.macs == 6 * 6 * 5 * 3 * 9 + 5 * 36 * 7
    assert got.parameters == 5 * 27 + 5 + 180 * 7 + 7
    assert got.bytes == 4 * got.parameters


def test_masks_make_a_network_larger_and_no_multiplication_goes_away():
    model = models.pruning_cnn(4)
    before = prune.cost(model, INPUTS)
    prune.prune_to_(model, 0.9)
    masked = prune.cost(model, INPUTS)
    assert (masked.parameters, masked.macs) == (before.parameters, before.macs)
    assert masked.bytes > 1.9 * before.bytes


def test_latency_takes_the_models_in_turns_and_says_how_it_measured():
    calls = []

    class Named(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def forward(self, x):
            assert not self.training
            assert not torch.is_grad_enabled()
            calls.append(self.name)
            return x

    named = {"a": Named("a"), "b": Named("b")}
    found = prune.latency(named, torch.ones(5, 2), repeats=4)
    assert calls == ["a", "b", "b", "a"] * 3 + ["a", "b"]
    assert all(len(each.seconds) == 4 and (each.seconds > 0).all() for each in found.values())
    low, high = found["a"].quartiles
    assert low <= found["a"].median <= high
    assert (found["a"].batch, found["a"].threads) == (5, torch.get_num_threads())
    assert "for a batch of 5 on cpu" in repr(found["a"])
    assert named["a"].training


def test_latency_needs_a_round():
    with pytest.raises(ValueError, match="repeats must be a whole number, 1 or more, got 0"):
        prune.latency({}, INPUTS, repeats=0)
