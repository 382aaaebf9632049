"""Rules whose threshold moves, against other people's code, or their algorithms written down."""

import copy
import math
from statistics import fmean, pvariance, stdev

import numpy as np
import pytest
import pytorch_optimizer
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gradlab import clip
from gradlab.clip import AdaGC, Percentile, SkipSpikes, ZClip
from gradlab.clip.rule import EPS

few = settings(max_examples=15)
seeds = st.integers(0, 2**32 - 1)
KINDS = [AdaGC, Percentile, SkipSpikes, ZClip]
each_kind = pytest.mark.parametrize("kind", KINDS)
SOON = {AdaGC: {"warmup_steps": 5}, ZClip: {"warmup_steps": 5}, SkipSpikes: {"window": 24}}


GONE = -1.0  # in place of a norm: the layer has no gradient


def course(seed, steps=60, layers=3):
    """(steps, layers) norms that wander, with spikes in some layers."""
    draw = np.random.default_rng(seed)
    norms = np.exp(0.3 * draw.normal(size=(steps, layers)) + draw.normal(size=layers))
    spikes = draw.random((steps, layers)) < 0.08
    return np.where(spikes, norms * 10 ** draw.uniform(0.5, 3, (steps, layers)), norms)


def fed(rule, norms, told=None):
    """(steps, layers) norms that the rule leaves of gradients with these; ``told``: what it did."""
    parameters = {f"layer{k}": torch.zeros(1, dtype=torch.float64) for k in range(norms.shape[1])}
    left = np.full(norms.shape, np.nan)
    for step, row in enumerate(norms):
        for parameter, norm in zip(parameters.values(), row, strict=True):
            gradient = torch.tensor([norm], dtype=torch.float64)
            parameter.grad = None if norm == GONE else gradient
        did = rule.clip_(parameters.items())
        if told is not None:
            told.append(did)
        for column, parameter in enumerate(parameters.values()):
            if parameter.grad is not None:
                left[step, column] = parameter.grad.item()
    return left


# Two algorithms, one number after the other, and a maintained library.


def zclip(norms, z_thresh, alpha, warmup_steps, mode, max_norm):
    """Kumar et al. 2025: the norm that is left, as in their zclip/zclip.py (1acb085)."""
    seen, mean, variance = [], None, None
    for norm in norms:
        if mean is None:
            seen.append(norm)
            if len(seen) >= warmup_steps:
                mean, variance = fmean(seen), pvariance(seen)
            yield min(norm, max_norm)
            continue
        std = variance**0.5
        z, bound = (norm - mean) / (std + 1e-6), None
        if z > z_thresh:
            towards = {"reciprocal": z_thresh / (z / z_thresh), "mean": 0.0, "max": z_thresh}
            bound = mean + towards[mode] * std
        yield min(norm if bound is None else bound, max_norm)
        effective = norm if bound is None else bound
        mean = alpha * mean + (1 - alpha) * effective
        variance = alpha * variance + (1 - alpha) * (effective - mean) ** 2


def adagc(norms, **settings):
    """pytorch-optimizer's AdaGC: the norms left of layers."""
    weights = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in norms[0]]
    # Without momentum, what Adam averages is the gradient that its AdaGC has left.
    plain = {"betas": (0.0, 0.999), "weight_decay": 0.0, "eps": 1e-12}
    optimizer = pytorch_optimizer.AdaGC(weights, **plain, **settings)
    for row in norms:
        for weight, norm in zip(weights, row, strict=True):
            weight.grad = torch.tensor([norm], dtype=torch.float64)
        optimizer.step()
        yield [optimizer.state[weight]["exp_avg"].item() for weight in weights]


def skipped(norms, sigma_factor, window):
    """OLMo-core's SkipStepOptimizer (a14de85), by the norm alone: whether the step is skipped."""
    seen = []
    for norm in norms:
        seen = [*seen, norm][-(window + 1) :]
        if len(seen) < max(20, window // 2):
            yield False
        else:
            yield norm - fmean(seen[:-1]) > sigma_factor * stdev(seen[:-1])


@few
@given(
    seeds,
    st.sampled_from(["reciprocal", "mean", "max"]),
    st.sampled_from([0.5, 2.5]),
    st.sampled_from([math.inf, 4.0]),
)
def test_zclip_is_the_authors(seed, mode, z_thresh, max_norm):
    norms = course(seed, layers=1)
    settings = {"z_thresh": z_thresh, "alpha": 0.9, "warmup_steps": 10}
    settings |= {"mode": mode, "max_norm": max_norm}
    left = fed(ZClip(**settings), norms)
    np.testing.assert_allclose(left[:, 0], list(zclip(norms[:, 0], **settings)), rtol=2e-5)


@few
@given(seeds, st.sampled_from([1.0, 1.05, 3.0]), st.sampled_from([0.5, 50.0]))
def test_adagc_is_pytorch_optimizers(seed, lambda_rel, lambda_abs):
    norms = course(seed)
    settings = {"lambda_rel": lambda_rel, "beta": 0.9}
    settings |= {"warmup_steps": 10, "lambda_abs": lambda_abs}
    left = fed(AdaGC(**settings), norms)
    np.testing.assert_allclose(left, list(adagc(norms, **settings)), rtol=1e-5)


@few
@given(seeds, st.sampled_from([1.0, 3.0, 6.0]), st.sampled_from([20, 50]))
def test_skip_spikes_is_olmos(seed, sigma_factor, window):
    norms = course(seed, steps=120, layers=1)
    dropped = np.isnan(fed(SkipSpikes(sigma_factor, window), norms))[:, 0]
    assert dropped.tolist() == list(skipped(norms[:, 0], sigma_factor, window))


def test_a_spike_is_brought_the_nearer_to_the_mean_the_further_out_it_is():
    def left(mode, spike):
        norms = np.array([1.0, 3.0] * 15 + [spike])[:, None]
        return fed(ZClip(mode=mode), norms)[-1, 0]

    assert left("reciprocal", 6.0) > left("reciprocal", 10.0) > left("mean", 10.0)
    assert left("max", 6.0) == pytest.approx(left("max", 10.0))
    assert left("mean", 10.0) == pytest.approx(2.0, rel=0.02)


def test_a_cap_below_all_norms_makes_zclip_a_bound_on_the_norm():
    norms = 10 + course(3, layers=1)
    np.testing.assert_allclose(fed(ZClip(max_norm=1.0), norms), 1.0, rtol=1e-5)


# Laws.


@each_kind
def test_it_goes_on_from_its_saved_state(kind):
    norms = course(1, steps=40)
    whole, first, second = (kind(**SOON.get(kind, {})) for _ in range(3))
    expected = fed(whole, norms)
    start = fed(first, norms[:25])
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(np.vstack([start, fed(second, norms[25:])]), expected)
    assert (expected != norms).any()


@each_kind
def test_a_saved_state_does_not_change_with_later_steps(kind):
    rule = kind()
    fed(rule, course(2, steps=3))
    state = rule.state_dict()
    kept = copy.deepcopy(state)
    fed(rule, course(3, steps=3))
    assert state.keys() == kept.keys()
    assert all(torch.equal(state[n].nan_to_num(), kept[n].nan_to_num()) for n in state)


@pytest.mark.parametrize("kind", [AdaGC, SkipSpikes, ZClip])
def test_the_state_of_another_rule_is_refused(kind):
    with pytest.raises(ValueError, match=rf"state must hold .* for a {kind.__name__}, got counts"):
        kind().load_state_dict(Percentile().state_dict())
    with pytest.raises(ValueError, match="got nothing"):
        kind().load_state_dict({})


@each_kind
@pytest.mark.parametrize("nonfinite", ["skip", "allow", "allow unread"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_step_that_is_not_finite_is_not_seen(kind, nonfinite, value, monkeypatch):
    policy, _, unread = nonfinite.partition(" ")
    if unread:
        monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    norms = course(4, steps=40)
    bad = norms.copy()
    bad[30, 1] = value
    rules = [kind(nonfinite=policy, **SOON.get(kind, {})) for _ in range(2)]
    left = fed(rules[0], np.delete(norms, 30, axis=0))
    met = fed(rules[1], bad)
    np.testing.assert_array_equal(np.delete(met, 30, axis=0), left)
    if policy == "allow":
        np.testing.assert_array_equal(met[30], bad[30])


@each_kind
@given(seeds)
@few
def test_a_replay_does_what_clipping_did(kind, seed):
    rule, norms = kind(**SOON.get(kind, {})), course(seed)
    norms[30, 0] = norms[31, 2] = GONE
    did = []
    left = fed(rule, norms, told=did)
    seen = norms.copy()
    seen[seen == GONE] = math.nan
    total = torch.stack([one.total_norm for one in did])
    replayed = rule.replayed(total, torch.from_numpy(seen))
    expected = torch.from_numpy(seen) * replayed.factors
    digits = 0 if kind in (AdaGC, SkipSpikes) else 1e-13  # torch's own roots and means may round
    np.testing.assert_allclose(np.nan_to_num(left), expected.nan_to_num(), rtol=digits, atol=0)
    moved = torch.from_numpy(seen) if kind is AdaGC else total[:, None]
    near = EPS if kind is Percentile else 0.0  # a norm may be its own percentile
    acts = (moved + near > replayed.thresholds).any(1)
    assert acts.tolist() == [bool(one.fired) for one in did]


@each_kind
def test_it_never_enlarges_a_gradient(kind):
    norms = course(5, steps=80)
    left = fed(kind(**SOON.get(kind, {})), norms)
    assert (np.nan_to_num(left) <= norms).all()


@pytest.mark.parametrize("kind", [ZClip, SkipSpikes])
@given(st.floats(1e-3, 1e6), st.sampled_from([torch.float32, torch.float64]))
@few
def test_a_steady_norm_is_no_spike(kind, size, dtype):
    rule, w = kind(), torch.zeros(1, dtype=dtype, requires_grad=True)
    for _ in range(90):
        w.grad = torch.tensor([size], dtype=dtype)
        assert not rule.clip_(w).fired


def test_a_dropped_step_leaves_weights_and_momentum_alone():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    rule = SkipSpikes(window=20)
    for step in range(30):
        optimizer.zero_grad()
        (model(torch.randn(4, 3)) * (1000 if step == 29 else 1)).sum().backward()
        done = rule.clip_(model.parameters())
        before = copy.deepcopy([*model.parameters(), *optimizer.state_dict()["state"].values()])
        optimizer.step()
    after = [*model.parameters(), *optimizer.state_dict()["state"].values()]
    assert (done.coefficient, done.fired) == (0, True)
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(after[0], before[0])
    assert torch.equal(after[2]["momentum_buffer"], before[2]["momentum_buffer"])


def test_where_nothing_may_be_read_back_a_spike_becomes_zeros(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    norms = np.array([1.0, 2.0] * 15 + [50.0])[:, None]
    left = fed(SkipSpikes(window=20, nonfinite="allow"), norms)
    np.testing.assert_array_equal(left[:, 0], [*norms[:-1, 0], 0.0])


def test_adagc_knows_layers_by_name_and_a_new_one_starts_with_a_warm_up():
    norms = course(6, steps=30, layers=4)
    rare = norms.copy()
    rare[:12, 3] = GONE  # comes later, and is missing sometimes
    rare[20:23, 1] = GONE
    rule = AdaGC(warmup_steps=5, lambda_abs=2.0)
    left = fed(rule, rare)
    assert left[12, 3] == pytest.approx(
        norms[12, 3] * min(1, 2.0 / np.linalg.norm(norms[12])), rel=1e-6
    )
    np.testing.assert_array_equal(
        left[:12, :3], fed(AdaGC(warmup_steps=5, lambda_abs=2.0), norms[:12, :3])
    )
    turned = AdaGC(warmup_steps=5)
    turned.load_state_dict(rule.state_dict())
    for name, average in rule.state_dict().items():
        assert torch.equal(turned.state_dict()[name], average)


def test_a_zero_gradient_in_the_warm_up_does_not_bound_the_layer_by_zero():
    norms = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    assert (fed(AdaGC(warmup_steps=3, lambda_abs=9.0), norms)[1:, 0] == 1).all()


def test_adagc_refuses_two_parameters_of_one_name():
    w = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    for one in w:
        one.grad = torch.ones(1)
    with pytest.raises(ValueError, match="parameters must have different names, got 'w' twice"):
        AdaGC().clip_([("w", w[0]), ("w", w[1])])


@pytest.mark.parametrize(
    ("kind", "argument", "match"),
    [
        (ZClip, {"alpha": 1.5}, "alpha must be a number in .0, 1."),
        (ZClip, {"warmup_steps": 0}, "warmup_steps must be a whole number, 1 or more"),
        (ZClip, {"mode": "adaptive"}, "mode must be one of 'reciprocal', 'mean', 'max', got"),
        (AdaGC, {"lambda_rel": 0.9}, "lambda_rel must be a number that is finite and 1 or more"),
        (AdaGC, {"beta": -0.1}, "beta must be a number in .0, 1."),
        (AdaGC, {"warmup_steps": 2.5}, "warmup_steps must be a whole number"),
        (SkipSpikes, {"window": 19}, "window must be a whole number, 20 or more, got 19"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(kind, argument, match):
    with pytest.raises(ValueError, match=match):
        kind(**argument)


def test_all_rules_are_found_for_the_menus():
    labels = [kind.label for kind in clip.rule.kinds()]
    assert len(set(labels)) == len(labels)
    assert {kind.label for kind in KINDS} <= set(labels)
