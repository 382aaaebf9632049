"""A er writes down what the optimizer is about to use, clips it, and changes nothing else."""

import math
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

import gradlab
from gradlab import clip
from gradlab.histogram.log import RELATIVE_ERROR, LogHistogram
from gradlab.recording.record import record

MAX_NORM = 0.5


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(6, 90), nn.Tanh(), nn.Linear(90, 100), nn.ReLU(), nn.Linear(100, 2)
    )


def sgd(model, lr=0.05):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def steps(model, optimizer, count=10, *, accumulate=1, scaler=None, poison=(), before_step=None):
    """The textbook loop, yielding before each update; batches named in `poison` overflow."""
    generator = torch.Generator().manual_seed(7)
    for step in range(count):
        optimizer.zero_grad()
        for _ in range(accumulate):
            inputs = torch.randn(8, 6, generator=generator)
            loss = (model(inputs) - inputs[:, :2]).square().mean() / accumulate
            if step in poison:
                loss = loss * 3e38 * 10
            (scaler.scale(loss) if scaler else loss).backward()
        yield step
        if before_step:
            before_step()
        if scaler:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()


def run(*args, **kwargs):
    for _ in steps(*args, **kwargs):
        pass


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# It never changes a run.

KINDS = [
    (kind, how)
    for kind in ("SGD", "Adam", "AdamW", "RMSprop")
    for how in ("fused", "foreach", "for-loop")
    if (kind, how) != ("RMSprop", "fused")
]


def optimizer_of(kind, how, parameters):
    chosen = {
        "fused": {"fused": True},
        "foreach": {"foreach": True},
        "for-loop": {"foreach": False},
    }
    momentum = {"momentum": 0.9} if kind in ("SGD", "RMSprop") else {}
    return getattr(torch.optim, kind)(parameters, lr=0.01, **momentum, **chosen[how])


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize(("kind", "how"), KINDS)
def test_weights_are_those_of_the_loop_that_clips_with_torch(kind, how, accumulate):
    ours, theirs = network(), network()
    optimizer = optimizer_of(kind, how, ours.parameters())
    with record(ours, optimizer, clip=clip.ByNorm(MAX_NORM), every=3) as recorder:
        run(ours, optimizer, accumulate=accumulate)
    run(
        theirs,
        optimizer_of(kind, how, theirs.parameters()),
        accumulate=accumulate,
        before_step=lambda: clip_grad_norm_(theirs.parameters(), MAX_NORM),
    )
    assert recorder.recording.fired.any()
    assert same_weights(ours, theirs)


def by_hand(model, steps, clip_):
    """The loop of PyTorch's word language model: no optimizer, an update by hand."""
    found, generator = [], torch.Generator().manual_seed(7)
    for _ in range(steps):
        model.zero_grad()
        inputs = torch.randn(8, 6, generator=generator)
        (model(inputs) - inputs[:, :2]).square().mean().backward()
        found.append(clip_())
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(parameter.grad, alpha=-0.1)
    return found


def test_a_loop_without_an_optimizer_trains_as_with_torch():
    ours, theirs = network(), network()
    with record(ours, clip=clip.ByNorm(MAX_NORM), every=3) as recorder:
        told = by_hand(ours, 8, recorder.clip_)
    norms = by_hand(theirs, 8, lambda: clip_grad_norm_(theirs.parameters(), MAX_NORM))
    assert same_weights(ours, theirs)
    assert torch.allclose(torch.stack(told), torch.stack(norms))
    recording = recorder.recording
    assert recording.total_norm.tolist() == [float(norm) for norm in told]
    assert recording.fired.any()
    assert recording.histogram_steps.tolist() == [0, 3, 6, 7]
    assert recording.optimizer is None
    assert np.isnan(recording.learning_rate).all()


def test_clipping_by_hand_is_for_open_recorders_without_an_optimizer():
    model = network()
    optimizer = sgd(model)
    with (
        record(model, optimizer) as recorder,
        pytest.raises(RuntimeError, match="clips by itself, where SGD is about to step"),
    ):
        recorder.clip_()
    shut = record(model)
    with pytest.raises(RuntimeError, match="inside the recorder's with block"):
        shut.clip_()
    with (
        record(model),
        pytest.raises(ValueError, match="model must have no other open recorder"),
        record(model),
    ):
        pass


def test_a_model_that_is_frozen_and_a_scaler_without_an_optimizer_are_refused():
    with pytest.raises(ValueError, match="model must have a parameter that requires a gradient"):
        record(network().requires_grad_(False))
    with pytest.raises(ValueError, match="scaler must be None without an optimizer"):
        record(network(), scaler=torch.amp.GradScaler("cpu"))


def test_weights_are_those_of_the_bare_loop_when_nothing_clips():
    ours, theirs = network(), network()
    optimizer = sgd(ours)
    with record(ours, optimizer, every=1) as recorder:
        run(ours, optimizer)
    run(theirs, sgd(theirs))
    assert same_weights(ours, theirs)
    assert not recorder.recording.fired.any()
    assert recorder.recording.clip is None
    assert set(recorder.recording.coefficient) == {1.0}


@pytest.mark.parametrize("how", ["fused", "foreach"])
@pytest.mark.parametrize("unscale", [False, True])
@pytest.mark.parametrize("nonfinite", ["raise", "allow"])
def test_mixed_precision_trains_as_with_unscale_and_torch(how, unscale, nonfinite):
    def train(recorded):
        model, scaler = network(), torch.amp.GradScaler("cpu", init_scale=2.0**10)
        optimizer = optimizer_of("AdamW", how, model.parameters())

        def torch_clips():
            scaler.unscale_(optimizer)
            clip_grad_norm_(model.parameters(), MAX_NORM)

        looped = {"scaler": scaler, "poison": (0, 4), "count": 9}
        if not recorded:
            run(model, optimizer, before_step=torch_clips, **looped)
            return model, None
        rule = clip.ByNorm(MAX_NORM, nonfinite=nonfinite)
        with record(model, optimizer, clip=rule, every=4, scaler=scaler) as recorder:
            before = (lambda: scaler.unscale_(optimizer)) if unscale else None
            run(model, optimizer, before_step=before, **looped)
        assert "step" not in vars(scaler)
        return model, recorder.recording

    (ours, recording), (theirs, _) = train(True), train(False)
    assert same_weights(ours, theirs)
    assert recording.skipped == 2
    assert len(recording) == 7
    assert recording.fired.any()
    assert recording.total_norm.max() < 100  # unscaled
    assert not recording.nonfinite


def test_a_compiled_model_is_recorded_under_its_own_names():
    ours, theirs = network(), network()
    compiled = torch.compile(ours, backend="eager")
    optimizer = sgd(compiled)
    with record(compiled, optimizer, clip=clip.ByNorm(MAX_NORM)) as recorder:
        run(compiled, optimizer)
    run(theirs, sgd(theirs), before_step=lambda: clip_grad_norm_(theirs.parameters(), MAX_NORM))
    assert same_weights(ours, theirs)
    assert recorder.recording.layers == tuple(name for name, _ in theirs.named_parameters())


def test_groups_with_their_own_rates_train_as_with_torch():
    def train(recorded):
        model = network()
        groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[4].parameters()}]
        optimizer = torch.optim.SGD(groups, lr=0.01)
        mine = [*model[0].parameters(), *model[4].parameters()]
        if not recorded:
            run(model, optimizer, before_step=lambda: clip_grad_norm_(mine, MAX_NORM))
            return model
        with record(model, optimizer, clip=clip.ByNorm(MAX_NORM)) as recorder:
            run(model, optimizer)
        assert recorder.recording.layers == ("0.weight", "0.bias", "4.weight", "4.bias")
        return model

    assert same_weights(train(True), train(False))


# What it writes down.


def test_norms_are_those_of_each_gradient_before_clipping():
    model = network()
    optimizer, seen, totals = sgd(model), [], []
    with record(model, optimizer, clip=clip.ByNorm(MAX_NORM)) as recorder:
        for _ in steps(model, optimizer, 150):  # more than wait on the device at once
            seen.append([float(g.norm()) for g in gradients(model).values()])
            totals.append(float(clip_grad_norm_(model.parameters(), math.inf)))
    recording = recorder.recording
    assert len(recording) == 150
    assert recording.layers == tuple(gradients(model))
    assert list(recording.sizes) == [p.numel() for p in model.parameters()]
    np.testing.assert_allclose(recording.layer_norms, seen, rtol=1e-6)
    np.testing.assert_allclose(recording.total_norm, totals, rtol=1e-6)
    expected = np.minimum(1, MAX_NORM / (recording.total_norm + 1e-6))
    np.testing.assert_allclose(recording.coefficient, expected, rtol=1e-6)
    assert list(recording.fired) == list(expected < 1)


def test_histograms_are_of_the_gradients_before_clipping_and_include_the_last_step():
    model = network()
    optimizer, seen = sgd(model), {}
    with record(model, optimizer, clip=clip.ByNorm(MAX_NORM), every=4) as recorder:
        for step in steps(model, optimizer, 12):
            seen[step] = gradients(model)
    recording = recorder.recording
    assert list(recording.histograms) == list(recording.histogram_steps) == [0, 4, 8, 11]
    assert recording.fired[11]
    for step, histograms in recording.histograms.items():
        assert list(histograms) == list(recording.layers)
        for name, found in histograms.items():
            expected = LogHistogram.of(seen[step][name])
            assert found.zeros == expected.zeros
            if step != 11:
                assert np.array_equal(found.bins(), expected.bins())
            else:  # restored from what clipping left: rounding may push a value over an edge
                assert np.abs(found.bins() - expected.bins()).sum() <= 0.002 * found.numel + 2
                assert found.norm() == pytest.approx(expected.norm(), rel=RELATIVE_ERROR)


def test_the_last_step_has_no_histogram_when_its_gradients_are_gone():
    model = network()
    optimizer = sgd(model)
    with record(model, optimizer, every=4) as recorder:
        run(model, optimizer, 6)
        optimizer.zero_grad()
    assert list(recorder.recording.histograms) == [0, 4]


def test_the_last_step_has_no_histogram_when_values_were_clipped_away():
    model = network()
    optimizer = sgd(model)
    with record(model, optimizer, clip=clip.ByValue(1e-4), every=4) as recorder:
        run(model, optimizer, 6)
    assert recorder.recording.fired.all()
    assert list(recorder.recording.histograms) == [0, 4]


def test_a_large_tensor_and_small_ones_are_counted_alike():
    model = nn.ModuleDict({"large": nn.Linear(1, 300_000), "small": nn.Linear(3, 2)})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, exact=True) as recorder:
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter) * torch.randint(0, 2, parameter.shape)
        optimizer.step()
    for name, found in recorder.recording.histograms[0].items():
        expected = LogHistogram.of(model.get_parameter(name).grad)
        assert np.array_equal(found.bins(), expected.bins())
        assert (found.zeros, found.nonfinite) == (expected.zeros, expected.nonfinite)


UPDATED = [("SGD", "foreach"), ("Adam", "for-loop"), ("AdamW", "fused"), ("RMSprop", "foreach")]


@pytest.mark.parametrize(("kind", "how"), UPDATED)
def test_an_update_is_measured_as_the_difference_of_the_weights(kind, how):
    model = network()
    optimizer = optimizer_of(kind, how, model.parameters())

    def weights():
        return [parameter.detach().double().clone() for parameter in model.parameters()]

    with record(model, optimizer, clip=clip.ByNorm(MAX_NORM), every=3, updates=True) as recorder:
        path = [weights() for _ in steps(model, optimizer, 7)] + [weights()]
    recording = recorder.recording
    assert recording.histogram_steps.tolist() == [0, 3, 6]
    before, after = path[0:7:3], path[1:8:3]
    norms = [
        [float((new - old).norm()) for old, new in zip(*two, strict=True)]
        for two in zip(before, after, strict=True)
    ]
    np.testing.assert_allclose(recording.update_norms, norms, rtol=1e-3, atol=1e-7)
    relative = np.array(norms) / [[float(weight.norm()) for weight in each] for each in before]
    np.testing.assert_allclose(recording.update_to_weight, relative, rtol=1e-3)


@pytest.mark.parametrize(("kind", "how"), [("Adam", "for-loop"), ("AdamW", "fused")])
def test_the_ratio_to_the_moments_is_that_of_a_second_adam(kind, how):
    model = network()
    optimizer = optimizer_of(kind, how, model.parameters())
    squares, ratios, elements, beta = {}, [], [], 0.999
    with record(model, optimizer, every=2, updates=True) as recorder:
        for step in steps(model, optimizer, 5):
            found = []
            elements.append({})
            for name, gradient in gradients(model).items():
                square = gradient.double() ** 2
                squares[name] = beta * squares.get(name, 0) + (1 - beta) * square
                unbiased = squares[name] / (1 - beta ** (step + 1))
                elements[-1][name] = square / unbiased.clamp(min=1e-16)
                found.append(float(elements[-1][name].mean().sqrt()))
            ratios.append(found)
    np.testing.assert_allclose(recorder.recording.moment_ratios, ratios[::2], rtol=1e-3)
    for each, expected in zip(
        recorder.recording.moment_histograms.values(), elements[::2], strict=True
    ):
        for name, values in expected.items():
            assert each[name].numel == values.numel()
            for theta in (0.5, 1.5):
                fewest = (values > theta * (1 + RELATIVE_ERROR)).double().mean()
                most = (values > theta / (1 + RELATIVE_ERROR)).double().mean()
                assert fewest <= each[name].fraction_above(theta) <= most
    assert np.allclose(recorder.recording.moment_ratios[0], 1.0, atol=0.6)  # g^2 is all of v


def test_what_is_not_measured_of_an_update_is_nan():
    model = network()
    optimizer = sgd(model)
    with record(model, optimizer, every=2) as recorder:
        run(model, optimizer, 3)
    assert np.isnan(recorder.recording.update_norms).all()
    with record(model, optimizer, every=2, updates=True) as recorder:
        run(model, optimizer, 3)
    assert (recorder.recording.update_norms > 0).all()
    assert np.isnan(recorder.recording.moment_ratios).all()  # SGD has no moments
    assert not any(recorder.recording.moment_histograms.values())
    assert hooks(optimizer) == 0
    with pytest.raises(ValueError, match="updates must be False without an optimizer"):
        record(model, updates=True)


def test_measuring_updates_leaves_weights_as_they_are_without():
    def trained(**how):
        model = network()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        with record(model, optimizer, clip=clip.ByNorm(MAX_NORM), every=1, **how):
            run(model, optimizer)
        return model

    assert same_weights(trained(updates=True), trained())


@pytest.mark.parametrize("rule", [clip.ByNorm(0.1), clip.ByValue(1e-3), clip.PerLayer(0.01)])
def test_the_ratio_to_the_weight_is_that_of_the_applied_gradient(rule):
    model = network()
    optimizer, weights = torch.optim.SGD(model.parameters(), lr=0.5), []
    with record(model, optimizer, clip=rule, every=1) as recorder:
        taken = steps(model, optimizer, 4)
        weights.extend([p.detach().clone() for p in model.parameters()] for _ in taken)
    expected = [
        [float((p - old).norm() / old.norm() / 0.5) for p, old in zip(new, before, strict=True)]
        for before, new in pairwise(weights)
    ]
    ratio = recorder.recording.gradient_to_weight
    np.testing.assert_allclose(ratio[:3], expected, rtol=1e-3)


def test_a_rule_on_another_norm_is_recorded_in_2_norms():
    model = network()
    optimizer, rule = sgd(model), clip.ByNorm(0.01, norm_type=math.inf)
    with record(model, optimizer, clip=rule) as recorder:
        for _ in steps(model, optimizer, 3):
            total = clip_grad_norm_(model.parameters(), math.inf)
            largest = max(float(g.abs().max()) for g in gradients(model).values())
    recording = recorder.recording
    assert recording.total_norm[-1] == pytest.approx(float(total))
    assert recording.coefficient[-1] == pytest.approx(0.01 / (largest + 1e-6))


def test_missing_gradients_are_nan_and_frozen_parameters_no_layers():
    model = network()
    model[0].weight.requires_grad_(False)
    optimizer = sgd(model)
    with record(model, optimizer, every=1) as recorder:
        for step in steps(model, optimizer, 4):
            if step == 2:
                model[4].bias.grad = None
    recording = recorder.recording
    absent = recording.layers.index("4.bias")
    assert np.isnan(recording.layer_norms[2, absent])
    assert np.isfinite(np.delete(recording.layer_norms[:, absent], 2)).all()
    assert "4.bias" not in recording.histograms[2]
    assert np.isnan(recording.norms_after[2, absent])
    frozen = recording.layers.index("0.weight")  # the optimizer has it, but it never has a gradient
    assert np.isnan(recording.layer_norms[:, frozen]).all()


def test_a_shared_parameter_is_one_layer():
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2))
    model[1].weight = model[0].weight
    optimizer = sgd(model)
    with record(model, optimizer, clip=clip.ByNorm(MAX_NORM)) as recorder:
        for _ in steps(model, optimizer, 2):
            expected = clip_grad_norm_(model.parameters(), math.inf)
    assert recorder.recording.layers == tuple(name for name, _ in model.named_parameters())
    assert recorder.recording.total_norm[-1] == pytest.approx(float(expected))


def test_a_sparse_gradient_is_recorded_by_its_rows():
    model = nn.Embedding(50, 4, sparse=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, clip=clip.ByNorm(1.0), every=1) as recorder:
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.tensor([3, 3, 8])).sum().backward()
            optimizer.step()
    recording = recorder.recording
    assert recording.total_norm == pytest.approx([math.sqrt(4 * 4 + 4)] * 2)  # row 3 twice, row 8
    assert recording.histograms[0]["weight"].numel == 8
    assert model.weight.grad.coalesce().values().norm() == pytest.approx(1.0, rel=1e-4)


def test_a_step_without_any_gradient_is_a_step_of_norm_0():
    model = network()
    optimizer = sgd(model)
    with record(model, optimizer, clip=clip.ByNorm(1.0)) as recorder:
        optimizer.step()
    assert recorder.recording.total_norm == [0.0]
    assert not recorder.recording.fired.any()
    assert recorder.recording.histograms[0] == {}


def test_a_group_added_later_becomes_layers_at_the_end():
    model = network()
    optimizer = sgd(model[4])
    with record(model, optimizer, every=2) as recorder:
        run(model, optimizer, 3)
        optimizer.add_param_group({"params": model[0].parameters()})
        run(model, optimizer, 3)
    recording = recorder.recording
    assert recording.layers == ("4.weight", "4.bias", "0.weight", "0.bias")
    assert np.isnan(recording.layer_norms[:3, 2:]).all()
    assert np.isfinite(recording.layer_norms[3:]).all()
    assert list(recording.histograms[0]) == ["4.weight", "4.bias"]
    assert set(recording.histograms[4]) == set(recording.layers)
    assert np.isnan(recording.weight_norms[0, 2:]).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_precisions_are_recorded_alike(dtype):
    model = nn.Linear(40, 300, bias=False).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, clip=clip.ByNorm(1.0), every=1) as recorder:
        model.weight.grad = gradient = torch.randn(300, 40).to(dtype)
        before = gradient.clone()
        optimizer.step()
    recording = recorder.recording
    assert recording.total_norm[0] == pytest.approx(float(before.double().norm()), rel=1e-5)
    found = recording.histograms[0]["weight"]
    assert np.array_equal(found.bins(), LogHistogram.of(before).bins())


# When something goes wrong.


def hooks(optimizer):
    return len(optimizer._optimizer_step_pre_hooks)


def test_a_rule_that_raises_leaves_the_record_and_takes_its_hooks_away():
    model, weights = network(), []
    optimizer = sgd(model)
    recorder = record(model, optimizer, clip=clip.ByNorm(1.0), every=10)

    def loop():
        with recorder:
            for step in steps(model, optimizer, 20):
                if step == 5:
                    weights.extend(p.detach().clone() for p in model.parameters())
                    model[2].weight.grad[3, 4] = math.nan

    with pytest.raises(clip.NonFiniteGradient) as raised:
        loop()
    recording = recorder.recording
    assert raised.value.name == "2.weight"
    assert recording.nonfinite == {5: "2.weight"}
    assert len(recording) == 6
    assert math.isnan(recording.total_norm[5])
    assert not recording.fired[5]
    assert recording.histograms[5]["2.weight"].nonfinite == 1
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), weights, strict=True))
    assert hooks(optimizer) == 0


@pytest.mark.parametrize(("policy", "coefficient"), [("skip", 0.0), ("allow", 1.0)])
def test_a_rule_that_goes_on_names_the_parameter_that_was_not_finite(policy, coefficient):
    model = network()
    optimizer = sgd(model)
    with record(model, optimizer, clip=clip.ByNorm(1.0, nonfinite=policy), every=1) as recorder:
        for step in steps(model, optimizer, 2):
            if step == 1:
                model[0].bias.grad[2] = math.inf
    recording = recorder.recording
    assert recording.nonfinite == {1: "0.bias"}
    assert recording.coefficient[1] == coefficient
    assert recording.histograms[1]["0.bias"].nonfinite == 1


def test_an_exception_in_the_loop_keeps_what_was_recorded():
    model = network()
    optimizer, scaler = sgd(model), torch.amp.GradScaler("cpu")
    recorder = record(model, optimizer, scaler=scaler)

    def loop():
        with recorder:
            for step in steps(model, optimizer):
                if step == 6:
                    raise RuntimeError("my own bug")

    with pytest.raises(RuntimeError, match="my own bug"):
        loop()
    assert len(recorder.recording) == 6
    assert hooks(optimizer) == 0
    assert "step" not in vars(scaler)


def train_by_closure(model, optimizer, call, clipped=lambda: None):
    """As Lightning's loops do: the optimizer itself asks for the gradient."""
    generator = torch.Generator().manual_seed(7)
    for _ in range(10):
        inputs = torch.randn(8, 6, generator=generator)

        def closure(inputs=inputs):
            optimizer.zero_grad()
            loss = (model(inputs) - inputs[:, :2]).square().mean()
            loss.backward()
            clipped()
            return loss

        assert call(optimizer, closure) > 0


@pytest.mark.parametrize("call", [lambda o, f: o.step(f), lambda o, f: o.step(closure=f)])
@pytest.mark.parametrize("kind", [sgd, lambda model: torch.optim.Adam(model.parameters())])
def test_a_gradient_that_a_closure_makes_is_clipped_and_recorded(kind, call):
    mine, theirs = network(), network()
    norms = []
    train_by_closure(
        theirs,
        kind(theirs),
        call,
        lambda: norms.append(float(clip_grad_norm_(theirs.parameters(), MAX_NORM))),
    )
    optimizer = kind(mine)
    with record(mine, optimizer, clip=clip.ByNorm(MAX_NORM)) as recorder:
        train_by_closure(mine, optimizer, call)
    assert all(map(torch.equal, mine.parameters(), theirs.parameters()))
    assert recorder.recording.total_norm == pytest.approx(norms, rel=1e-6)
    assert recorder.recording.fired.any()


def test_an_optimizer_of_several_gradients_a_step_is_clipped_in_its_closure():
    def trained(clip_, model):
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

        def closure():
            optimizer.zero_grad()
            loss = model(torch.ones(4, 6)).square().mean()
            loss.backward()
            clip_()
            return loss

        for _ in range(2):
            optimizer.step(closure)
        return list(model.parameters())

    model, other = network(), network()
    with pytest.raises(TypeError, match=r"got LBFGS: give none, and call recorder.clip_\(\)"):
        record(model, torch.optim.LBFGS(model.parameters()))
    with record(model, clip=clip.ByNorm(0.1)) as recorder:
        found = trained(recorder.clip_, model)
    by_torch = trained(lambda: clip_grad_norm_(other.parameters(), 0.1), other)
    assert all(map(torch.equal, found, by_torch))
    assert recorder.recording.fired.any()


class ByClassOnly(torch.optim.Optimizer):
    """An optimizer that its class never set up, as wrappers do that forward to another."""

    def __init__(self, optimizer):
        self.optimizer, self.param_groups = optimizer, optimizer.param_groups

    def step(self):
        self.optimizer.step()


@pytest.mark.parametrize("wrapped", [lambda base: SimpleNamespace(step=base.step), ByClassOnly])
def test_what_wraps_an_optimizer_is_refused_with_what_to_give(wrapped):
    model = network()
    with pytest.raises(TypeError, match=r"got [A-Za-z]+: give the one that it wraps; or none"):
        record(model, wrapped(sgd(model)))


@pytest.mark.parametrize("rule", [None, clip.ByNorm(1.0)])
def test_a_loop_that_steps_another_optimizer_is_told_that_nothing_was_recorded(rule):
    model = network()
    with record(model, sgd(model), clip=rule) as recorder:
        for _ in steps(model, sgd(model), 2):
            pass
    judged = recorder.recording.judge()
    assert judged.word == "no steps"
    assert "step() of the optimizer that was given" in judged.because


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"model": 3}, TypeError, "model must be a Module, got int"),
        ({"optimizer": "SGD"}, TypeError, "optimizer must be a .*Optimizer.*, got str"),
        ({"clip": 1.0}, TypeError, "clip must be a .*Rule.*, got float"),
        ({"scaler": 1.0}, TypeError, "scaler must be a .*GradScaler.*, got float 1.0"),
        ({"updates": "yes"}, TypeError, "updates must be a bool, got str 'yes'"),
        ({"every": 0}, ValueError, "every must be a whole number, 1 or more, got 0"),
        ({"memory": 0.5}, ValueError, "memory must be a whole number, 1 or more, got 0.5"),
    ],
)
def test_a_bad_argument_is_refused_by_name(arguments, error, says):
    model = network()
    with pytest.raises(error, match=says):
        record(**{"model": model, "optimizer": sgd(model)} | arguments)


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ValueError, match="optimizer must update a parameter of model"):
        record(network(), sgd(network()))


def test_complex_parameters_are_refused_by_name():
    model = nn.Linear(2, 2, dtype=torch.cfloat)
    with pytest.raises(TypeError, match=r"model must have real parameters, got .* in weight"):
        record(model, torch.optim.SGD(model.parameters(), lr=0.1))


# Several recorders, and one used again.


def test_each_of_two_optimizers_has_its_own_recorder():
    def train(recorded):
        one, other = network(1), network(2)
        first, second = sgd(one), torch.optim.Adam(other.parameters())

        def loop(clips):
            generator = torch.Generator().manual_seed(3)
            for _ in range(5):  # as generator and discriminator: one step each, in turns
                for model, optimizer in ((one, first), (other, second), (other, second)):
                    optimizer.zero_grad()
                    inputs = torch.randn(8, 6, generator=generator)
                    (one(inputs) * other(inputs)).square().sum().backward()
                    if clips:
                        clip_grad_norm_(model.parameters(), MAX_NORM)
                    optimizer.step()

        if not recorded:
            loop(True)
            return one, other
        rule = clip.ByNorm(MAX_NORM)
        with record(one, first, clip=rule) as a, record(other, second, clip=rule) as b:
            loop(False)
        assert (len(a.recording), len(b.recording)) == (5, 10)
        return one, other

    pairs = zip(train(True), train(False), strict=True)
    assert all(same_weights(ours, theirs) for ours, theirs in pairs)


def test_two_optimizers_share_a_model_and_a_scaler():
    model, scaler = network(), torch.amp.GradScaler("cpu", init_scale=2.0**10)
    first, second = sgd(model[0]), sgd(model[4])
    with (
        record(model, first, scaler=scaler) as a,
        record(model, second, scaler=scaler) as b,
    ):
        for step in range(4):
            model.zero_grad()
            scaler.scale(model(torch.ones(1, 6)).sum()).backward()
            if step == 2:
                model[4].bias.grad[0] = math.inf
            scaler.step(first)
            scaler.step(second)
            scaler.update()
    assert (a.recording.layers, b.recording.layers) == (
        ("0.weight", "0.bias"),
        ("4.weight", "4.bias"),
    )
    assert (len(a.recording), a.recording.skipped) == (4, 0)
    assert (len(b.recording), b.recording.skipped) == (3, 1)
    assert "step" not in vars(scaler)


def test_a_step_cannot_be_clipped_by_two_recorders():
    model = network()
    optimizer = sgd(model)
    with record(model, optimizer):
        second = record(model, optimizer)
        with pytest.raises(ValueError, match="optimizer must have no other open recorder"), second:
            pass
    assert hooks(optimizer) == 0
    with second:
        run(model, optimizer, 2)
    assert len(second.recording) == 2


def test_two_parts_of_a_model_may_be_clipped_apart():
    model = network()
    optimizer = sgd(model)
    with (
        record(model[0], optimizer, clip=clip.ByNorm(0.1)) as a,
        record(model[4], optimizer, clip=clip.ByNorm(0.2)) as b,
    ):
        run(model, optimizer, 3)
    assert a.recording.layers == b.recording.layers == ("weight", "bias")
    assert not np.allclose(a.recording.total_norm, b.recording.total_norm)


def test_a_recorder_entered_again_goes_on():
    model = network()
    optimizer = sgd(model)
    recorder = record(model, optimizer, every=2)
    with recorder:
        run(model, optimizer, 3)
    run(model, optimizer, 5)  # not recorded
    with recorder:
        run(model, optimizer, 3)
    assert len(recorder.recording) == 6


def test_the_recording_inside_the_loop_is_a_snapshot():
    model = network()
    optimizer, taken = sgd(model), []
    with record(model, optimizer, every=2) as recorder:
        taken.extend(recorder.recording for _ in steps(model, optimizer, 5))
    assert [len(one) for one in taken] == [0, 1, 2, 3, 4]
    assert list(taken[-1].histograms) == [0, 2]
    assert np.array_equal(taken[-1].total_norm, recorder.recording.total_norm[:4])


# Bounded, frozen, at the front door.


def test_histograms_stay_within_the_budget_and_spread_over_the_whole_run():
    model, budget = nn.Linear(50, 400), 100_000
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, every=1, memory=budget) as recorder:
        for _ in range(300):
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
            assert recorder.recording.histograms.nbytes <= budget
    recording = recorder.recording
    assert recording.histograms.nbytes > budget / 4
    assert len(recording) == 300
    gaps = np.diff(recording.histogram_steps)
    assert recording.every == gaps[0] == 2 ** int(math.log2(recording.every)) > 1
    assert set(gaps[:-1]) == {recording.every}
    assert recording.histogram_steps[-1] == 299


def test_a_recording_cannot_be_written_to():
    model = network()
    optimizer = sgd(model)
    with record(model, optimizer) as recorder:
        run(model, optimizer, 2)
    for array in (recorder.recording.total_norm, recorder.recording.histograms.codes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_recording_says_what_it_holds():
    model = network()
    optimizer = sgd(model)
    with record(model, optimizer, clip=clip.ByNorm(1e-3)) as recorder:
        run(model, optimizer, 2)
    said = repr(recorder.recording)
    assert "2 steps, 6 layers" in said
    assert "fired at 2 by ByNorm" in said


def test_the_front_door_opens_the_recorder():
    assert gradlab.record is record
    with pytest.raises(AttributeError, match="has no attribute 'recorder'"):
        _ = gradlab.recorder
