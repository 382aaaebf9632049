"""A model of thousands of layers: its panel lists modules, and answers as for few layers."""

import numpy as np
import pytest
import torch
import torchvision

from gradlab import clip, panels
from gradlab.histogram import LogHistogram
from gradlab.histogram.scaled import Scaled
from gradlab.panels.modules import MOST, by_module
from gradlab.panels.moments import SPAM
from gradlab.panels.panel import number, percent
from gradlab.recording.record import record

LAYERS = [
    f"blocks.{i}.{part}.{kind}"
    for i in range(250)
    for part in ("attention.query", "attention.key", "norm1", "norm2", "mlp")
    for kind in ("weight", "bias")
]
RESNET = [name for name, _ in torchvision.models.resnet18().named_parameters()]


@pytest.mark.parametrize(
    ("names", "some"),
    [
        (RESNET[:MOST], RESNET[:3]),
        (RESNET, ["conv1.weight", "layer1.0", "layer4.1", "fc.bias"]),
        (LAYERS, ["blocks.0 … blocks.10", "blocks.242 … blocks.249"]),
        ([f"part{i}" for i in range(100)], ["part0 … part4", "part95 … part99"]),
    ],
    ids=["few", "resnet", "blocks", "flat"],
)
def test_the_groups_are_few_and_hold_each_layer_once(names, some):
    groups = by_module(names)
    assert len(groups) <= MOST
    assert sorted(name for group in groups.values() for name in group) == sorted(names)
    assert set(some) <= set(groups)


@pytest.fixture(scope="module")
def gradients():
    draw = torch.Generator().manual_seed(0)
    sizes = 10.0 ** torch.linspace(-4, 0, len(LAYERS))
    return {
        name: size * torch.randn(20, generator=draw)
        for name, size in zip(LAYERS, sizes, strict=True)
    }


@pytest.mark.parametrize("rule", [clip.ByValue, clip.ByNorm, clip.PerLayer])
def test_thousands_of_layers_are_answered_for_as_if_they_were_clipped(gradients, rule):
    panel = panels.threshold(gradients, clip=rule)
    assert len(panel.module.options) <= MOST + 1
    panel.module.value = "blocks.242 … blocks.249"
    some = [name for name in LAYERS if int(name.split(".")[1]) >= 242]
    assert panel.layer.options == ("all layers", *some)
    parameters = [torch.zeros(20).requires_grad_() for _ in LAYERS]
    for parameter, gradient in zip(parameters, gradients.values(), strict=True):
        parameter.grad = gradient.clone()
    rule(panel.threshold.value).clip_(parameters)
    left = torch.cat([p.grad for p in parameters[-len(some) :]])
    assert panel.norms.after.get_xdata()[-1] == pytest.approx(left.norm().item(), rel=0.02)
    shown = panel.bars.after.get_data()
    expected = [
        ((left.abs() > low) & (left.abs() <= high)).double().mean().item()
        for low, high in zip([0.0, *shown.edges[1:-1]], shown.edges[1:], strict=True)
    ]
    assert np.abs(np.cumsum(shown.values) - np.cumsum(expected)).max() < 0.05
    panel.layer.value = some[0]
    assert panel.norms.band.get_y() == len(panel.module.options) - 1.5
    panel.reset()
    assert (panel.module.value, panel.layer.value) == ("all layers", "all layers")
    assert len(panel.layer.options) == len(LAYERS) + 1


def test_scaled_layers_are_counted_as_their_scaled_elements():
    draw = torch.Generator().manual_seed(0)
    some = [torch.randn(5_000, generator=draw), torch.zeros(10), torch.full((3,), 2.0)]
    edges, factor = np.geomspace(1e-2, 16, 43), np.array([0.03, 1.0, 0.5])
    found = Scaled([LogHistogram.of(t) for t in some], edges).counts(factor, np.array([0, 2]))
    values = torch.cat([0.03 * some[0], 0.5 * some[2]]).abs().numpy()
    expected = [(values <= edge).sum() for edge in edges[1:]]
    assert np.abs(np.cumsum(found) - expected).max() <= 0.01 * len(values)
    assert found.sum() == pytest.approx(len(values))


def test_the_moments_are_one_more_choice_of_what_to_clip():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(20, 50), torch.nn.Linear(50, 2))
    optimizer = torch.optim.Adam(model.parameters())
    with record(model, optimizer, every=4, updates=True) as recorder:
        for step in range(5):
            optimizer.zero_grad()
            (model(torch.randn(8, 20)).square().sum() * 50**step).backward()
            optimizer.step()
    recording = recorder.recording
    squares = recording.moment_histograms[4]
    plain = panels.threshold(recording.histograms[4])
    panel = panels.threshold(recording.histograms[4], moments=squares)
    first = panel.readout
    assert first.startswith("theta = 1.00: ")
    panel.clip.value = "by value"
    assert panel.readout == plain.readout
    assert not any(axes.get_visible() for axes in panel.moments.axes)
    panel.reset()
    panel.threshold.value = 5.0
    whole = LogHistogram.merged(squares.values())
    theta = panel.threshold.value
    assert panel.readout.startswith(
        f"theta = {number(theta)}: {percent(whole.fraction_above(theta))} of the elements have g²/v"
    )
    ratios = recording.moment_ratios[1] ** 2
    assert f"above theta in {np.sum(ratios > theta)} of 4 layers" in panel.readout
    before = panel.moments.means.after.get_xdata()[1:]
    np.testing.assert_allclose(before, ratios, rtol=0.02)
    panel.layer.value = "0.weight"
    assert "of 1 layers" in panel.readout
    panel.reset()
    assert panel.readout == first
    both = panels.threshold(recording.histograms[4], clip=clip.ByValue, moments=squares)
    assert both.readout == plain.readout


def test_the_threshold_of_spam_is_what_5000_before_the_step_is_after_it():
    before, gradient, beta = 1.0, 5000**0.5, 0.999
    after = beta * before + (1 - beta) * gradient**2
    assert pytest.approx(gradient**2 / after) == SPAM


def test_moments_of_something_else_are_refused():
    ones = {"a": LogHistogram.of(torch.ones(3))}
    with pytest.raises(ValueError, match="moments must be of layers in gradients, got 'b'"):
        panels.threshold(ones, moments={"b": ones["a"]})
