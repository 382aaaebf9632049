"""Laws of the clip rules, and what torch, timm and numpy say about the same gradients."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.utils.agc import adaptive_clip_grad
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from gradlab import clip
from gradlab.clip import (
    AdaGC,
    Adaptive,
    ByNorm,
    ByValue,
    NonFiniteGradient,
    Percentile,
    PerLayer,
    SkipSpikes,
    ZClip,
)
from gradlab.clip.rule import Rule

EPS = 1e-6  # in the denominator of ByNorm and PerLayer, as in torch


def having_seen(rule, sizes):
    """The rule after gradients of these sizes in each of six layers."""
    layers = [torch.zeros(1, requires_grad=True) for _ in range(6)]
    for size in sizes:
        for layer in layers:
            layer.grad = torch.tensor([size])
        rule.clip_(layers)
    return rule


RULES = [
    ByNorm(0.5),
    ByValue(0.1),
    PerLayer(0.5),
    Adaptive(0.01),
    Percentile(10.0),
    having_seen(ZClip(warmup_steps=4), [0.1, 0.2] * 3),  # past its warm-up
    having_seen(AdaGC(warmup_steps=3), [0.1, 0.2] * 3),
    AdaGC(lambda_abs=0.5),  # in its warm-up
    SkipSpikes(),
]
NORM_TYPES = [1.0, 2.0, 3.0, math.inf]

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
shapes = st.lists(st.sampled_from([(), (1,), (7,), (3, 4), (2, 3, 2, 2)]), min_size=1, max_size=5)
few = settings(max_examples=20)  # these laws are asked of every rule or over many norms
seeds = st.integers(0, 2**32 - 1)
scales = st.floats(1e-3, 1e3)


def parameters_with_gradients(shapes, seed, scale=1.0, dtype=torch.float32):
    """Weights of size 1 and gradients of size `scale`, whose layers differ a hundredfold."""
    generator = torch.Generator().manual_seed(seed)
    parameters = []
    for shape in shapes:
        parameter = torch.randn(shape, generator=generator).to(dtype).requires_grad_()
        size = scale * 10 ** (2 * torch.rand((), generator=generator) - 1)
        parameter.grad = (torch.randn(shape, generator=generator) * size).to(dtype)
        parameters.append(parameter)
    return parameters


def gradients(parameters):
    return [None if p.grad is None else p.grad.clone() for p in parameters]


def flat(tensors):
    return np.concatenate([t.detach().double().numpy().ravel() for t in tensors])


def twin(parameters):
    """The same parameters and gradients in other memory."""
    return [copy.deepcopy(p) for p in parameters]


def reading(nonfinite, monkeypatch):
    """The policy; "unread", it takes the way that CUDA gradients take, where nothing is read."""
    policy, _, unread = nonfinite.partition(" ")
    if unread:
        monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    return policy


def assert_same(parameters, others, tolerance=1e-6):
    for mine, theirs in zip(parameters, others, strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=tolerance, atol=1e-30)


# --- against torch, timm and numpy ---------------------------------------------------------------


@given(shapes, seeds, scales, st.sampled_from(NORM_TYPES), scales)
def test_by_norm_is_torchs_clip_grad_norm(shapes, seed, scale, norm_type, max_norm):
    mine = parameters_with_gradients(shapes, seed, scale)
    theirs = twin(mine)
    clipped = ByNorm(max_norm, norm_type).clip_(mine)
    total = clip_grad_norm_(theirs, max_norm, norm_type)
    torch.testing.assert_close(clipped.total_norm, total, rtol=1e-6, atol=0)
    assert_same(mine, theirs)


@given(shapes, seeds, scales, scales)
def test_by_value_is_torchs_clip_grad_value(shapes, seed, scale, clip_value):
    mine = parameters_with_gradients(shapes, seed, scale)
    theirs = twin(mine)
    ByValue(clip_value).clip_(mine)
    clip_grad_value_(theirs, clip_value)
    assert_same(mine, theirs, tolerance=0)


@given(shapes, seeds, scales, st.sampled_from([0.001, 0.01, 0.1, 1.0]), st.sampled_from([1e-3, 2]))
def test_adaptive_is_timms_adaptive_clip_grad(shapes, seed, scale, clip_factor, eps):
    mine = parameters_with_gradients(shapes, seed, scale)
    theirs = twin(mine)
    Adaptive(clip_factor, eps).clip_(mine)
    adaptive_clip_grad(theirs, clip_factor, eps)
    assert_same(mine, theirs)


@given(shapes, seeds, scales, st.sampled_from(NORM_TYPES))
def test_norms_are_numpys(shapes, seed, scale, norm_type):
    parameters = parameters_with_gradients(shapes, seed, scale)
    before = gradients(parameters)
    clipped = ByNorm(1.0, norm_type).clip_(parameters)
    layers = [np.linalg.norm(flat([g]), norm_type) for g in before]
    np.testing.assert_allclose(clipped.layer_norms, layers, rtol=1e-6)
    np.testing.assert_allclose(clipped.total_norm, np.linalg.norm(flat(before), norm_type), 1e-6)


# --- laws of every rule --------------------------------------------------------------------------


@each_rule
@few
@given(shapes, seeds, scales)
def test_a_rule_reports_what_it_did(rule, shapes, seed, scale):
    parameters = parameters_with_gradients(shapes, seed, scale)
    before = gradients(parameters)
    clipped = copy.deepcopy(rule).clip_(parameters)
    after = gradients(parameters)
    norm_before, norm_after = np.linalg.norm(flat(before)), np.linalg.norm(flat(after))
    np.testing.assert_allclose(clipped.total_norm, norm_before, rtol=1e-6)
    np.testing.assert_allclose(clipped.total_norm, clipped.layer_norms.norm(), rtol=1e-6)
    np.testing.assert_allclose(clipped.coefficient, norm_after / norm_before, rtol=2e-6)
    assert bool(clipped.fired) == bool(np.any(flat(before) != flat(after)))
    assert all(
        value.ndim == 0 for value in (clipped.total_norm, clipped.coefficient, clipped.fired)
    )


@each_rule
@few
@given(shapes, seeds, scales)
def test_a_rule_never_enlarges_or_turns_an_element(rule, shapes, seed, scale):
    parameters = parameters_with_gradients(shapes, seed, scale)
    before = flat(gradients(parameters))
    copy.deepcopy(rule).clip_(parameters)
    after = flat(gradients(parameters))
    assert np.all(np.abs(after) <= np.abs(before))
    assert np.all(np.sign(after) == np.sign(before))


@pytest.mark.parametrize("rule", RULES[:4], ids=lambda rule: type(rule).__name__)
@few
@given(shapes, seeds, scales)
def test_clipping_twice_is_clipping_once(rule, shapes, seed, scale):
    parameters = parameters_with_gradients(shapes, seed, scale)
    rule.clip_(parameters)
    once = flat(gradients(parameters))
    rule.clip_(parameters)
    # A norm just under the bound is shortened once more, by at most 1e-6 per layer.
    rounding = 1e-6 * np.linalg.norm(once)
    assert np.linalg.norm(flat(gradients(parameters)) - once) <= EPS * len(shapes) + rounding


@pytest.mark.parametrize("factor", [2.0**-6, 2.0**6])
@few
@given(shapes, seeds, scales)
def test_scaling_gradient_and_threshold_scales_the_result(factor, shapes, seed, scale):
    def clipped(kind, times):
        parameters = parameters_with_gradients(shapes, seed, scale)
        for p in parameters:
            p.grad *= times
        kind(0.5 * times).clip_(parameters)
        return flat(gradients(parameters))

    np.testing.assert_array_equal(clipped(ByValue, factor), factor * clipped(ByValue, 1.0))
    for kind in (ByNorm, PerLayer):
        # Exact but for the 1e-6, which does not scale: 1e-6 / norm, at the smaller of the norms.
        tolerance = EPS / min(0.5, 0.5 * factor) + 1e-6
        expected = factor * clipped(kind, 1.0)
        np.testing.assert_allclose(clipped(kind, factor), expected, rtol=tolerance)


@each_rule
def test_equal_gradients_in_another_order_of_layers_clip_the_same(rule):
    parameters = parameters_with_gradients([(3, 4), (7,), ()], 0)
    reverse = twin(parameters)[::-1]
    copy.deepcopy(rule).clip_(parameters)
    copy.deepcopy(rule).clip_(reverse)
    assert_same(parameters, reverse[::-1])


# --- laws of one rule ----------------------------------------------------------------------------


@given(shapes, seeds, scales, scales)
def test_clipping_by_norm_keeps_the_direction(shapes, seed, scale, max_norm):
    parameters = parameters_with_gradients(shapes, seed, scale)
    before = flat(gradients(parameters))
    ByNorm(max_norm).clip_(parameters)
    after = flat(gradients(parameters))
    cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    assert cosine == pytest.approx(1.0, abs=1e-12)


@few
@given(shapes, seeds, scales, scales, st.sampled_from(NORM_TYPES))
def test_after_clipping_by_norm_the_norm_is_within_its_bound(
    shapes, seed, scale, max_norm, norm_type
):
    together = parameters_with_gradients(shapes, seed, scale)
    apart = twin(together)
    ByNorm(max_norm, norm_type).clip_(together)
    PerLayer(max_norm, norm_type).clip_(apart)
    rounded_up = max_norm * (1 + 1e-6)
    assert np.linalg.norm(flat(gradients(together)), norm_type) <= rounded_up
    assert all(np.linalg.norm(flat([g]), norm_type) <= rounded_up for g in gradients(apart))


@given(shapes, seeds, scales, scales)
def test_after_clipping_by_value_no_element_exceeds_it(shapes, seed, scale, clip_value):
    parameters = parameters_with_gradients(shapes, seed, scale)
    ByValue(clip_value).clip_(parameters)
    assert np.abs(flat(gradients(parameters))).max() <= np.float32(clip_value)


@given(shapes, seeds, scales, scales, st.sampled_from(NORM_TYPES))
def test_per_layer_is_by_norm_on_each_tensor_alone(shapes, seed, scale, max_norm, norm_type):
    mine = parameters_with_gradients(shapes, seed, scale)
    alone = twin(mine)
    PerLayer(max_norm, norm_type).clip_(mine)
    for parameter in alone:
        ByNorm(max_norm, norm_type).clip_(parameter)
    assert_same(mine, alone)


def test_an_infinite_bound_measures_and_changes_nothing():
    parameters = parameters_with_gradients([(3, 4), (7,)], 0)
    before = gradients(parameters)
    for rule in (ByNorm(math.inf), PerLayer(math.inf)):
        clipped = rule.clip_(parameters)
        assert not clipped.fired
        assert clipped.coefficient == 1
    assert np.array_equal(flat(gradients(parameters)), flat(before))


# --- the running percentile ----------------------------------------------------------------------


def norms_after(rule, norms):
    """The norm that is left of each of a run of gradients."""
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    for norm in norms:
        w.grad = torch.tensor([norm], dtype=torch.float64)
        rule.clip_(w)
        yield w.grad.item()


@few
@given(
    st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60),
    st.sampled_from([0.0, 1.0, 10.0, 33.3, 50.0, 90.0, 100.0]),
)
def test_percentile_is_numpys_over_the_whole_history_within_two_percent(norms, percentile):
    for step, left in enumerate(norms_after(Percentile(percentile), norms), start=1):
        bound = np.percentile(norms[:step], percentile)
        assert left == pytest.approx(min(norms[step - 1], bound), rel=0.02)


def test_percentile_takes_no_more_memory_for_more_steps():
    rule = Percentile(10.0)
    sizes = [sum(t.nbytes for t in rule.state_dict().values())]
    list(norms_after(rule, np.geomspace(1e-45, 1e300, 200)))
    sizes.append(sum(t.nbytes for t in rule.state_dict().values()))
    assert sizes[0] == sizes[1] < 131_000


def test_percentile_goes_on_from_its_saved_state():
    norms = [3.0, 1.0, 4.0, 1.5, 9.0, 2.0]
    whole, first, second = Percentile(50.0), Percentile(50.0), Percentile(50.0)
    expected = list(norms_after(whole, norms))
    got = list(norms_after(first, norms[:3]))
    second.load_state_dict(first.state_dict())
    assert got + list(norms_after(second, norms[3:])) == expected


@pytest.mark.parametrize("nonfinite", ["skip", "allow", "allow unread"])
def test_percentile_counts_no_norm_that_is_not_finite(nonfinite, monkeypatch):
    rule = Percentile(50.0, nonfinite=reading(nonfinite, monkeypatch))
    list(norms_after(rule, [2.0, 2.0]))
    w = torch.zeros(1, requires_grad=True)
    for bad in (math.nan, math.inf):
        w.grad = torch.tensor([bad])
        rule.clip_(w)
    assert int(rule.state_dict()["counts"].sum()) == 2


# --- what gradients can be like ------------------------------------------------------------------


@each_rule
def test_no_gradients_give_a_zero_norm_and_nothing_fires(rule):
    for parameters in ([], iter(()), [torch.zeros(3)], torch.zeros(3), [torch.zeros(0)]):
        clipped = copy.deepcopy(rule).clip_(parameters)
        assert (clipped.total_norm, clipped.coefficient, clipped.fired) == (0, 1, False)
        assert clipped.layer_norms.shape == (0,)
        assert repr(clipped).endswith("layer_norms=[])")


@each_rule
def test_zero_gradients_stay_zero_and_nothing_fires(rule):
    w = torch.ones(2, 3, requires_grad=True)
    w.grad = torch.zeros(2, 3)
    clipped = copy.deepcopy(rule).clip_(w)
    assert (clipped.total_norm, clipped.coefficient, clipped.fired) == (0, 1, False)
    assert torch.equal(w.grad, torch.zeros(2, 3))


@each_rule
def test_parameters_without_a_gradient_or_without_elements_are_passed_over(rule):
    mine = parameters_with_gradients([(3, 4), (7,), (0, 2), (2, 2)], 0)
    mine[1].grad = None
    alone = twin([mine[0], mine[3]])
    clipped = copy.deepcopy(rule).clip_(p for p in mine)
    copy.deepcopy(rule).clip_(alone)
    assert clipped.layer_norms.shape == (2,)
    assert mine[1].grad is None
    assert_same([mine[0], mine[3]], alone)


@each_rule
def test_a_repeated_parameter_is_clipped_once(rule):
    parameters = parameters_with_gradients([(3, 4), (7,)], 0)
    once = twin(parameters)
    clipped = copy.deepcopy(rule).clip_([*parameters, parameters[0]])
    copy.deepcopy(rule).clip_(once)
    assert clipped.layer_norms.shape == (2,)
    assert_same(parameters, once)


@each_rule
def test_mixed_dtypes_are_clipped_as_in_float64(rule):
    dtypes = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
    mixed = [parameters_with_gradients([(4, 5)], s, 5.0, t)[0] for s, t in enumerate(dtypes)]
    wide = [p.detach().clone().double().requires_grad_() for p in mixed]
    for parameter, source in zip(wide, mixed, strict=True):
        parameter.grad = source.grad.clone().double()
    clipped = copy.deepcopy(rule).clip_(mixed)
    expected = copy.deepcopy(rule).clip_(wide)
    torch.testing.assert_close(clipped.total_norm, expected.total_norm, rtol=1e-6, atol=0)
    for parameter, exact, dtype in zip(mixed, wide, dtypes, strict=True):
        assert parameter.grad.dtype == dtype
        rounding = max(torch.finfo(dtype).eps, 1e-6)
        torch.testing.assert_close(parameter.grad.double(), exact.grad, rtol=rounding, atol=1e-7)


@each_rule
def test_norms_do_not_overflow_in_half_precision(rule):
    w = torch.ones(1000, 1000, dtype=torch.float16, requires_grad=True)
    w.grad = torch.full((1000, 1000), 6e4, dtype=torch.float16)
    clipped = copy.deepcopy(rule).clip_(w)
    assert clipped.total_norm.item() == pytest.approx(6e7, rel=1e-3)
    left = float(w.grad.double().norm())
    assert left == pytest.approx(float(clipped.coefficient) * 6e7, rel=2e-2)
    assert w.grad.isfinite().all()


@each_rule
@pytest.mark.parametrize("nonfinite", ["raise", "skip", "allow", "allow unread"])
def test_a_finite_gradient_whose_square_overflows_is_still_clipped(rule, nonfinite, monkeypatch):
    nonfinite = reading(nonfinite, monkeypatch)
    w = torch.full((10, 10), 2.0, requires_grad=True)
    w.grad = torch.full((10, 10), 1e25)
    clipped = again(rule, nonfinite).clip_(w)
    assert clipped.total_norm.item() == pytest.approx(1e26, rel=1e-6)
    left = float(w.grad.double().norm())
    assert left > 0
    assert left == pytest.approx(float(clipped.coefficient) * 1e26, rel=1e-6)
    theirs = torch.zeros(10, 10, requires_grad=True)
    theirs.grad = torch.full((10, 10), 1e25)
    clip_grad_norm_(theirs, 0.5)
    assert theirs.grad.abs().max() == 0  # torch loses the whole step


def again(rule, nonfinite):
    """The same rule, with what it has seen, and with another policy."""
    other = Rule.from_dict(rule.to_dict() | {"nonfinite": nonfinite})
    other.load_state_dict(rule.state_dict())
    return other


@each_rule
def test_a_sparse_gradient_is_clipped_as_the_same_dense_one(rule):
    def embedding(sparse):
        torch.manual_seed(0)
        layer = nn.Embedding(10, 4, sparse=sparse)
        (layer(torch.tensor([1, 3, 3, 7])) * torch.randn(4, 4)).sum().backward()
        return layer.weight

    sparse, dense = embedding(True), embedding(False)
    mine, expected = copy.deepcopy(rule).clip_(sparse), copy.deepcopy(rule).clip_(dense)
    torch.testing.assert_close(sparse.grad.to_dense(), dense.grad)
    torch.testing.assert_close(mine.total_norm, expected.total_norm)
    torch.testing.assert_close(mine.coefficient, expected.coefficient)


@each_rule
def test_channels_last_and_strided_gradients_are_clipped_in_place(rule):
    plain = parameters_with_gradients([(4, 3, 2, 2), (6, 8)], 0)
    other = twin(plain)
    other[0].grad = other[0].grad.to(memory_format=torch.channels_last)
    other[1].grad = other[1].grad.t().contiguous().t()
    memory = [p.grad.data_ptr() for p in other]
    copy.deepcopy(rule).clip_(plain)
    copy.deepcopy(rule).clip_(other)
    assert memory == [p.grad.data_ptr() for p in other]
    assert_same(plain, other)


@each_rule
def test_a_gradient_with_a_graph_of_its_own_is_clipped(rule):
    w = torch.randn(3, 3, requires_grad=True)
    (w.grad,) = torch.autograd.grad((w**3).sum(), w, create_graph=True)
    assert w.grad.requires_grad
    assert not copy.deepcopy(rule).clip_(w).total_norm.requires_grad


# --- gradients that are not finite ---------------------------------------------------------------


def broken(value):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model(torch.randn(5, 3)).sum().backward()
    model[1].weight.grad[0, 2] = value
    return model


@each_rule
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_raise_names_the_first_bad_parameter_and_changes_nothing(rule, value):
    model = broken(value)
    before = gradients(model.parameters())
    with pytest.raises(NonFiniteGradient, match=r"1\.weight, shape \(2, 4\)") as caught:
        copy.deepcopy(rule).clip_(model.named_parameters())
    assert caught.value.name == "1.weight"
    with pytest.raises(NonFiniteGradient, match="parameter 2"):
        copy.deepcopy(rule).clip_(model.parameters())
    after = gradients(model.parameters())
    np.testing.assert_array_equal(flat(after), flat(before))


@each_rule
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("nonfinite", ["allow", "allow unread"])
def test_allow_leaves_every_gradient_as_it_is(rule, value, nonfinite, monkeypatch):
    nonfinite = reading(nonfinite, monkeypatch)
    model = broken(value)
    before = gradients(model.parameters())
    clipped = again(rule, nonfinite).clip_(model.parameters())
    np.testing.assert_array_equal(flat(gradients(model.parameters())), flat(before))
    assert not clipped.total_norm.isfinite()
    assert (clipped.coefficient, clipped.fired) == (1, False)


@each_rule
def test_skip_leaves_weights_and_momentum_alone(rule):
    model = broken(math.nan)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    before = [p.detach().clone() for p in model.parameters()]
    clipped = again(rule, "skip").clip_(model.parameters())
    optimizer.step()
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
    assert not optimizer.state
    assert (clipped.coefficient, clipped.fired) == (0, True)


@each_rule
@few
@given(shapes, seeds, scales, st.sampled_from([torch.float32, torch.float64]))
def test_without_reading_back_the_result_is_the_same(rule, shapes, seed, scale, dtype):
    read = parameters_with_gradients(shapes, seed, scale, dtype)
    blind = twin(read)
    expected = copy.deepcopy(rule).clip_(read)
    with pytest.MonkeyPatch.context() as patch:
        nonfinite = reading("allow unread", patch)
        got = again(rule, nonfinite).clip_(blind)
    assert_same(blind, read, 1e-6 if dtype == torch.float32 else 1e-12)
    torch.testing.assert_close(got.coefficient.to(dtype), expected.coefficient)
    # Measured in float64, a norm may exceed the bound by less than float32 can tell.
    assert got.fired == expected.fired or got.coefficient > 1 - 1e-6


@each_rule
def test_allow_never_waits_for_the_gpu(rule, cuda):
    parameters = [p.detach().to(cuda).requires_grad_() for p in torch.randn(3, 4, 5)]
    rule = again(rule, "allow")
    for step in range(2):  # the first step may set up kernels
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        torch.cuda.set_sync_debug_mode("error" if step else "default")
        try:
            rule.clip_(parameters)
        finally:
            torch.cuda.set_sync_debug_mode("default")


@each_rule
def test_layers_on_several_devices_are_clipped_as_on_one(rule, cuda):
    here = parameters_with_gradients([(3, 4), (7,), (2, 2)], 0)
    spread = twin(here)
    there = spread[1].detach().to(cuda).requires_grad_()
    there.grad = spread[1].grad.to(cuda)
    clipped = copy.deepcopy(rule).clip_([spread[0], there, spread[2]])
    copy.deepcopy(rule).clip_(here)
    assert clipped.total_norm.device == spread[0].device
    torch.testing.assert_close(there.grad.cpu(), here[1].grad)
    assert_same([spread[0], spread[2]], [here[0], here[2]])


# --- bad input -----------------------------------------------------------------------------------

BOUNDS = [
    (ByNorm, "max_norm"),
    (PerLayer, "max_norm"),
    (ByValue, "clip_value"),
    (Adaptive, "clip_factor"),
    (Adaptive, "eps"),
    (ByNorm, "norm_type"),
    (PerLayer, "norm_type"),
    (ZClip, "z_thresh"),
    (ZClip, "max_norm"),
    (AdaGC, "lambda_abs"),
    (SkipSpikes, "sigma_factor"),
]


@pytest.mark.parametrize(("kind", "name"), BOUNDS)
@pytest.mark.parametrize("value", [0, -1.0, math.nan, -math.inf])
def test_a_bound_out_of_range_is_refused_by_name(kind, name, value):
    arguments = {"max_norm": 1.0} if name == "norm_type" else {}
    with pytest.raises(ValueError, match=rf"{name} must be a number in \(0, inf.*got {value!r}"):
        kind(**arguments, **{name: value})


@pytest.mark.parametrize(("kind", "name"), [*BOUNDS, (Percentile, "percentile")])
@pytest.mark.parametrize("value", ["1", True, None, torch.tensor(1.0)])
def test_a_bound_that_is_no_number_is_refused_by_name(kind, name, value):
    arguments = {"max_norm": 1.0} if name == "norm_type" else {}
    with pytest.raises(ValueError, match=f"{name} must be a number .*, got"):
        kind(**arguments, **{name: value})


def test_only_norm_bounds_may_be_infinite():
    for kind, name in itertools.product((ByValue, Adaptive), ("clip_value", "clip_factor")):
        if name in kind.__dataclass_fields__:
            with pytest.raises(ValueError, match=f"{name} must be a number in"):
                kind(**{name: math.inf})


@pytest.mark.parametrize("value", [-0.1, 100.1, math.nan, math.inf])
def test_a_percentile_outside_0_to_100_is_refused(value):
    with pytest.raises(ValueError, match="percentile must be a number from 0 to 100"):
        Percentile(value)


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match=r"nonfinite must be one of .*'skip'.* got 'ignore'"):
        ByNorm(1.0, nonfinite="ignore")


@pytest.mark.parametrize("parameters", [nn.Linear(2, 2), nn.Sequential(nn.ReLU()), "weights", 3.0])
def test_parameters_of_another_kind_are_refused_with_the_right_call(parameters):
    with pytest.raises(TypeError, match=r"model\.named_parameters"):
        ByNorm(1.0).clip_(parameters)


def test_a_gradient_sparse_in_two_dimensions_is_refused():
    w = torch.zeros(2, 2, requires_grad=True)
    w.grad = torch.eye(2).to_sparse()
    with pytest.raises(TypeError, match="parameter 0 must be dense"):
        ByNorm(1.0).clip_(w)


def test_numpys_numbers_are_numbers():
    w = torch.zeros(2, requires_grad=True)
    w.grad = torch.tensor([3.0, 4.0])
    assert ByNorm(np.float32(1.0)).clip_(w).coefficient.item() == pytest.approx(0.2)


def test_rules_are_values():
    assert ByNorm(1.0) == ByNorm(1.0) != ByNorm(2.0)
    assert Percentile(10.0) != Percentile(10.0)  # two runs have two histories


@pytest.mark.parametrize(
    "rule",
    [
        ByNorm(1.0),
        ByNorm(np.float32(0.5), norm_type=1, nonfinite="skip"),
        PerLayer(math.inf, math.inf),
        ByValue(0.25, nonfinite="allow"),
        Percentile(),
        Adaptive(0.01, eps=0.1),
        ZClip(3.0, mode="mean", max_norm=1),
        AdaGC(beta=0.9, nonfinite="skip"),
        SkipSpikes(4.0, window=64),
    ],
)
def test_a_rule_prints_as_it_is_written(rule):
    names = vars(clip) | {"inf": math.inf}
    again = eval(repr(rule), names)
    assert repr(again) == repr(rule)
    assert again.to_dict() == rule.to_dict()


def test_a_rule_does_not_say_what_goes_without_saying():
    assert repr(ByNorm(1)) == "ByNorm(1.0)"
    assert repr(PerLayer(2.0, nonfinite="skip")) == "PerLayer(2.0, nonfinite='skip')"


def test_a_result_prints_plain_numbers():
    w = torch.zeros(2, requires_grad=True)
    w.grad = torch.tensor([3.0, 4.0])
    assert repr(clip.ByNorm(1.0).clip_(w)).startswith("Clipped(total_norm=5, coefficient=0.2, ")
