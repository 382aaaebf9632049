"""A run that stops and goes on from a checkpoint gives the recording of a whole one."""

import numpy as np
import pytest
import torch
from torch import nn

import gradlab
from gradlab import clip, record

STEPS, STOP, EVERY = 30, 15, 5


def network(width=8):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, width), nn.Tanh(), nn.Linear(width, 1))


def optimized(model):
    return torch.optim.Adam(model.parameters(), lr=0.05)


def trained(model, optimizer, rule, steps):
    with record(model, optimizer, clip=rule, every=EVERY, updates=True) as recorder:
        for step in steps:
            draw = torch.Generator().manual_seed(step)
            x = torch.randn(16, 5, generator=draw)
            optimizer.zero_grad()
            bad = float("nan") if step == 20 else 1.0
            (bad * (model(x) - x[:, :1]).square().mean()).backward()
            optimizer.step()
    return recorder.recording


@pytest.mark.parametrize(
    "rule",
    [
        lambda: clip.ByNorm(0.1, nonfinite="skip"),
        lambda: clip.ZClip(1.0, warmup_steps=5, nonfinite="skip"),
    ],
    ids=["fixed", "moving"],
)
def test_two_parts_are_the_whole(rule, tmp_path):
    model = network()
    whole = trained(model, optimized(model), rule(), range(STEPS))

    model, first_rule = network(), rule()
    optimizer = optimized(model)
    trained(model, optimizer, first_rule, range(STOP)).save(tmp_path / "run")
    kept = model.state_dict(), optimizer.state_dict(), first_rule.state_dict()

    other, later_rule = network(), rule()
    again = optimized(other)
    for one, state in zip((other, again, later_rule), kept, strict=True):
        one.load_state_dict(state)
    rest = trained(other, again, later_rule, range(STOP, STEPS))
    both = gradlab.load(tmp_path / "run").then(rest)

    for name in ("total_norm", "coefficient", "fired", "layer_norms", "learning_rate"):
        np.testing.assert_array_equal(getattr(both, name), getattr(whole, name), err_msg=name)
    assert dict(both.nonfinite) == dict(whole.nonfinite) == {20: "0.weight"}
    assert set(whole.histograms) <= set(both.histograms)
    at = np.isin(both.histogram_steps, whole.histogram_steps)
    for name in ("weight_norms", "norms_after", "update_norms", "moment_ratios"):
        np.testing.assert_array_equal(getattr(both, name)[at], getattr(whole, name), err_msg=name)
    for step in whole.histograms:
        found, expected = (held.histograms[step] for held in (both, whole))
        assert found.keys() == expected.keys()
        assert all((found[name].counts == expected[name].counts).all() for name in found)
    assert both.judge() == whole.judge()


def test_parts_of_different_models_or_rules_are_refused():
    model, wide = network(), network(9)
    first = trained(model, optimized(model), clip.ByNorm(1.0), range(3))
    with pytest.raises(ValueError, match="later must have the same layers of the same sizes"):
        first.then(trained(wide, optimized(wide), clip.ByNorm(1.0), range(3)))
    with pytest.raises(ValueError, match=r"later must be clipped by ByNorm\(1.0\), too, got None"):
        first.then(trained(model, optimized(model), None, range(3)))
