"""At the threshold found for it, each rule really leaves the share asked for, as foretold."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gradlab import clip
from gradlab.course import models
from gradlab.course.lessons.rules import strength

SHARES = st.floats(0.02, 1.0)


def after_backward(model):
    loss = F.cross_entropy(model(torch.randn(16, 3, 32, 32)), torch.arange(16) % 10)
    loss.backward()
    return model


def clipped(model, rule):
    """The gradients of a copy, clipped by the rule itself."""
    other = copy.deepcopy(model)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        theirs.grad = mine.grad.clone()
    rule.clip_(other.named_parameters())
    return [p.grad.double() for p in other.parameters()]


@pytest.fixture(scope="module", params=["without batch norm", "with"])
def model(request):
    torch.manual_seed(0)
    if request.param == "with":
        return after_backward(models.resnet(8, width=4))
    return after_backward(models.pruning_cnn(width=8))


@given(share=SHARES)
@settings(max_examples=10)
def test_every_rule_really_leaves_what_was_foretold(model, share):
    before = [p.grad.double() for p in model.parameters()]
    whole = torch.cat([g.flatten() for g in before])
    for name, told in strength.at_share(strength.parts(model), share).items():
        after = clipped(model, told.rule)
        left = torch.cat([g.flatten() for g in after])
        assert left.norm() / whole.norm() == pytest.approx(share, rel=0.01), name
        assert told.share == pytest.approx(share, rel=0.01), name
        cosine = torch.cosine_similarity(whole, left, 0).clamp(max=1).item()
        assert told.degrees == pytest.approx(math.degrees(math.acos(cosine)), abs=0.5), name
        kept = [(a.norm() / b.norm()).item() for a, b in zip(after, before, strict=True)]
        assert told.kept == pytest.approx(kept, rel=0.02), name


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(1e-3, 10)), min_size=1, max_size=20), SHARES)
def test_the_level_leaves_the_share(pairs, share):
    norms, bounds = np.array(pairs).T
    norms[0] += 1
    t = strength.level(norms, bounds, share)
    left = np.linalg.norm(np.minimum(norms, t * bounds))
    assert left == pytest.approx(share * np.linalg.norm(norms), rel=1e-9)


def test_clipping_by_norm_is_the_one_rule_that_turns_nothing_and_spares_no_layer(model):
    found = strength.at_share(strength.parts(model), 0.1)
    by_norm = found.pop("by norm")
    assert by_norm.degrees < 0.01
    assert by_norm.kept == pytest.approx(np.full_like(by_norm.kept, 0.1), rel=1e-3)
    for outcome in found.values():
        assert outcome.degrees > 1
        assert np.ptp(outcome.kept) > 0.01


def test_of_a_single_layer_all_rules_by_norm_are_one():
    layer = nn.Linear(8, 1, bias=False)
    layer(torch.randn(4, 8)).sum().backward()
    found = strength.at_share(strength.parts(layer), 0.3)
    for name in ("adaptive (AGC)", "by norm, per layer", "by norm"):
        assert found[name].kept == pytest.approx([0.3], rel=1e-4)
        assert found[name].degrees < 0.01


def test_where_all_is_left_no_rule_changes_anything(model):
    for told in strength.at_share(strength.parts(model), 1.0).values():
        after = clipped(model, told.rule)
        for gradient, parameter in zip(after, model.parameters(), strict=True):
            torch.testing.assert_close(gradient, parameter.grad.double(), rtol=1e-4, atol=1e-7)
        assert told.degrees < 0.01


def test_a_layer_whose_gradient_is_zero_has_no_share_and_hides_no_other(model):
    other = copy.deepcopy(model)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        theirs.grad = mine.grad.clone()
    next(other.parameters()).grad.zero_()
    for told in strength.at_share(strength.parts(other), 0.1).values():
        assert math.isnan(told.kept[0])
        assert np.isfinite(told.kept[1:]).all()


def test_the_threshold_has_the_name_of_its_rule(model):
    for told in strength.at_share(strength.parts(model), 0.5).values():
        name, value = told.rule.bound_name, told.rule.bound
        kind = type(told.rule)
        assert {clip.ByValue: "clip_value", clip.Adaptive: "clip_factor"}.get(
            kind, "max_norm"
        ) == name
        assert kind(value) == told.rule


@pytest.mark.parametrize("share", [0, -1, 1.01, math.nan])
def test_a_share_outside_0_to_1_is_refused(model, share):
    with pytest.raises(ValueError, match=r"share must be in \(0, 1\], got"):
        strength.at_share(strength.parts(model), share)


def test_what_no_rule_can_compare_is_refused():
    layer = nn.Linear(2, 1)
    with pytest.raises(TypeError, match="model must be a module after backward"):
        strength.parts([layer])
    with pytest.raises(ValueError, match="no gradient to measure"):
        strength.parts(layer)
    layer.weight.grad = torch.zeros(1, 2)
    with pytest.raises(ValueError, match="must hold an element other than zero"):
        strength.parts(layer)
    layer.bias.grad = torch.tensor([math.inf])
    with pytest.raises(ValueError, match="must be finite, got inf or NaN in that of bias"):
        strength.parts(layer)
