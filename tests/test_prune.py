"""What can be pruned, what masks hold, and what is refused: a model is never left half pruned."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils import prune as torch_prune

from gradlab import prune, training
from gradlab.course import data, models
from gradlab.prune.masks import masks_in
from gradlab.prune.weights import prunable, survey

LAYERS = ["conv1.weight", "conv2.weight", "conv3.weight", "fc1.weight", "fc2.weight"]


@pytest.fixture
def model():
    return models.pruning_cnn(2)


@pytest.fixture
def batches():
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(8, 3, 32, 32, generator=generator), torch.arange(8) % 10) for _ in range(6)
    ]


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.1)


# what can be pruned


def test_weights_of_layers_can_be_pruned_and_biases_and_gains_cannot(model):
    assert list(prunable(model)) == LAYERS
    normed = nn.Sequential(nn.Conv1d(3, 4, 2), nn.BatchNorm1d(4), nn.LayerNorm((4, 5)))
    # a layer norm over two dimensions has a gain of two dimensions, and it is no weight
    assert list(prunable(normed)) == ["0.weight"]
    others = nn.ModuleList([nn.Embedding(3, 2), nn.ConvTranspose2d(1, 2, 3), nn.Bilinear(2, 3, 4)])
    assert list(prunable(others)) == ["0.weight", "1.weight", "2.weight"]
    assert list(prunable(nn.Linear(2, 3))) == ["weight"]


def tied():
    model = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4), nn.Linear(4, 2))
    model[1].weight = model[0].weight
    return model


def frozen():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    return model


LEFT_OUT = {
    "shared": (tied, {"0.weight", "1.weight"}, "shared by several layers"),
    "frozen": (frozen, {"0.weight"}, "frozen"),
    "weight norm": (
        lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4)), nn.Linear(4, 2)),
        {"0.weight"},
        "computed from other parameters",
    ),
    "spectral norm": (
        lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(3, 4)), nn.Linear(4, 2)),
        {"0.weight"},
        "computed from other parameters",
    ),
    "attention": (
        lambda: nn.ModuleList([nn.MultiheadAttention(4, 2), nn.Linear(4, 2)]),
        {"0.out_proj.weight"},
        "read by an attention that does not call its layer",
    ),
}


@pytest.mark.parametrize(("build", "names", "why"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_must_not_be_pruned_is_left_out_and_the_reason_said(build, names, why):
    model = build()
    found = survey(model)
    assert found.left_out == dict.fromkeys(names, why)
    scores = prune.score(model)
    assert scores.left_out == found.left_out
    assert not names & scores.values.keys()
    assert f"left out: {why}" in repr(prune.rank(scores))
    with pytest.raises(ValueError, match="masks must name weights that can be pruned"):
        prune.apply_(model, {name: torch.zeros(4, 3) for name in names})


def test_one_layer_used_twice_is_one_layer():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert list(prunable(model)) == ["0.weight"]
    prune.prune_to_(model, 1.0)
    assert torch.equal(model(torch.ones(1, 3)), layer.bias.expand(1, 3))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (nn.ReLU, "can be pruned, got none"),
        (lambda: nn.BatchNorm2d(3), "can be pruned, got none"),
        (lambda: nn.Linear(3, 2).requires_grad_(False), "got weight is frozen"),
        (lambda: tied()[:2], "got 0.weight is shared by several layers, 1.weight is shared"),
    ],
)
def test_a_model_with_nothing_to_prune_is_refused_with_the_reason(build, says):
    for refused in (prunable, prune.score, lambda model: prune.apply_(model, {})):
        with pytest.raises(ValueError, match=says):
            refused(build())


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got dict"):
        prune.score({})


# masks


@given(st.lists(st.floats(0, 1), min_size=1, max_size=3), st.booleans())
def test_masks_only_grow(amounts, per_layer):
    model = models.mlp(2, 3)
    masks = {name: torch.ones_like(w.value) for name, w in prunable(model).items()}
    for number, amount in enumerate(amounts, 1):
        cut = prune.prune_to_(model, amount, per_layer=per_layer)
        before, masks = masks, masks_in(model.state_dict())
        assert all((masks[name] <= before[name]).all() for name in masks)
        zeros = [int((mask == 0).sum()) for mask in masks.values()]
        assert cut.zeros.tolist() == zeros
        assert prune.sparsity(model).zeros.tolist() == zeros
        most = max(amounts[:number])
        assert sum(zeros) == (round(most * 9) * 2 if per_layer else round(most * 18))


def test_the_interface_is_torchs_own(model):
    theirs = copy.deepcopy(model)
    prune.prune_to_(model, 0.7)
    layers = [(layer, "weight") for layer in theirs if hasattr(layer, "weight")]
    torch_prune.global_unstructured(layers, torch_prune.L1Unstructured, amount=0.7)
    assert same(state(model), state(theirs))
    assert torch_prune.is_pruned(model)
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(model(x), theirs(x))
    prune.make_permanent_(model)
    for layer, name in layers:
        torch_prune.remove(layer, name)
    assert same(state(model), state(theirs))
    assert not torch_prune.is_pruned(model)


@pytest.mark.parametrize(
    "by_torch",
    [
        lambda layer: torch_prune.l1_unstructured(layer, "weight", amount=0.5),
        lambda layer: torch_prune.ln_structured(layer, "weight", amount=1, n=2, dim=0),
        lambda layer: torch_prune.random_unstructured(layer, "weight", amount=3),
    ],
)
def test_masks_that_torch_has_made_count_and_grow(model, by_torch):
    by_torch(model.conv2)
    before = model.conv2.weight_mask.clone()
    gone = int((before == 0).sum())
    ranking = prune.rank(prune.score(model))
    assert ranking.gone.tolist() == [0, gone, 0, 0, 0]
    assert ranking.cut(0).zeros.tolist() == [0, gone, 0, 0, 0]
    assert ranking.cut_below(0.0).zeros.tolist() == [0, gone, 0, 0, 0]
    cut = prune.prune_to_(model, 0.6, per_layer=True)
    assert (model.conv2.weight_mask <= before).all()
    assert cut.per_layer == pytest.approx([0.6] * 5, abs=0.03)


def test_training_keeps_zeros_zero_and_the_same_optimizer_goes_on(model, batches):
    optimizer = sgd(model)
    parameters = list(model.parameters())
    for step in training.steps(model, optimizer, batches):
        if step.number in (1, 3):
            prune.prune_to_(model, 0.5 + 0.1 * step.number)
            assert {id(p) for p in model.parameters()} == {id(p) for p in parameters}
            left = state(model)
    assert prune.sparsity(model).total == pytest.approx(0.8, abs=1e-3)
    for name, layer in model.named_children():
        if hasattr(layer, "weight"):
            assert (layer.weight[layer.weight_mask == 0] == 0).all()
            held = layer.weight_mask == 1
            assert not torch.equal(layer.weight_orig[held], left[f"{name}.weight_orig"][held])
    prune.make_permanent_(model)
    assert prune.sparsity(model).total == pytest.approx(0.8, abs=1e-3)


def test_restoring_gives_the_weights_back_and_the_names(model):
    before = state(model)
    x = torch.randn(2, 3, 32, 32)
    prune.prune_to_(model, 0.3)
    prune.prune_to_(model, 0.9)
    masked = model(x)
    prune.restore_(model)
    assert same(state(model), before)
    prune.prune_to_(model, 0.9)
    assert torch.equal(model(x), masked)


def test_many_cuts_leave_one_mask_and_one_hook(model):
    for amount in (0.1, 0.2, 0.3, 0.4):
        prune.prune_to_(model, amount)
    for layer in (model.conv1, model.fc2):
        (hook,) = layer._forward_pre_hooks.values()
        assert isinstance(hook, torch_prune.CustomFromMask)
        assert list(dict(layer.named_buffers())) == ["weight_mask"]


def test_a_state_dict_makes_the_round_trip(model, tmp_path):
    prune.prune_to_(model, 0.8)
    torch.save(model.state_dict(), tmp_path / "pruned.pt")
    saved = torch.load(tmp_path / "pruned.pt", weights_only=True)
    fresh = models.pruning_cnn(2)
    prune.apply_(fresh, masks_in(saved))
    fresh.load_state_dict(saved)
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(fresh(x), model(x))
    assert prune.sparsity(fresh).zeros.tolist() == prune.sparsity(model).zeros.tolist()


def test_a_model_can_be_copied_once_it_is_masked(model):
    prune.prune_to_(model, 0.5)
    assert same(state(copy.deepcopy(model)), state(model))


def test_half_precision_and_other_memory_formats_can_be_masked(model):
    model.to(torch.bfloat16, memory_format=torch.channels_last)
    prune.prune_to_(model, 0.5)
    assert model.conv1.weight.dtype is torch.bfloat16
    assert prune.sparsity(model).total == pytest.approx(0.5, abs=1e-3)


BAD_MASKS = {
    "unknown name": ({"conv9.weight": torch.ones(1)}, r"conv1.weight.*got 'conv9.weight'"),
    "a bias": ({"fc2.bias": torch.ones(10)}, "got 'fc2.bias'"),
    "wrong shape": ({"fc2.weight": torch.ones(4, 10)}, r"shape \(10, 4\), got \(4, 10\)"),
    "other numbers": ({"fc2.weight": torch.full((10, 4), 0.5)}, "must hold 0 and 1 only"),
    "nan": ({"fc2.weight": torch.full((10, 4), torch.nan)}, "must hold 0 and 1 only"),
}


@pytest.mark.parametrize(("bad", "says"), BAD_MASKS.values(), ids=BAD_MASKS)
def test_a_bad_mask_is_refused_before_any_layer_is_changed(model, bad, says):
    before = state(model)
    with pytest.raises(ValueError, match=says):
        prune.apply_(model, {"conv1.weight": torch.zeros(2, 3, 3, 3)} | bad)
    assert same(state(model), before)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"amount": 1.5}, "amount must be a number from 0 to 1, got 1.5"),
        ({"importance": "hessian"}, "importance must be one of 'magnitude'"),
        ({"importance": "gradient"}, "batches must hold one sample or more"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_whatever_is_refused_leaves_the_model_as_it_was(model, change, says):
    before = state(model)
    with pytest.raises(ValueError, match=says):
        prune.prune_to_(model, **({"amount": 0.5} | change))
    assert same(state(model), before)


def test_nan_weights_are_refused_by_name_and_nothing_is_masked(model):
    model.conv3.weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"finite, got 1 that are inf or NaN in conv3\.weight"):
        prune.prune_to_(model, 0.5)
    assert not torch_prune.is_pruned(model)


def test_an_emptied_layer_is_said_and_no_error():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[0].weight.data.fill_(0.1)
    model[1].weight.data.fill_(0.2)
    cut = prune.prune_to_(model, 0.5)
    assert cut.emptied == prune.sparsity(model).emptied == ("0.weight",)
    assert repr(cut) == "4 of 8 weights are zero (50.0%); nothing is left of 0.weight"
    assert prune.prune_to_(model, 0.5, per_layer=True).emptied == ("0.weight",)
    assert not model(torch.ones(1, 2)).any()


# sparsity


def test_sparsity_counts_exact_zeros_of_all_weights_masked_frozen_or_neither(model):
    model.conv1.weight.data[0] = 0
    model.conv1.requires_grad_(False)
    model.fc2.weight.data[0, 0] = 1e-45  # the smallest number above zero
    prune.apply_(model, {"conv2.weight": torch.zeros(4, 2, 3, 3)})
    found = prune.sparsity(model)
    assert found.layers == tuple(LAYERS)
    assert found.sizes.tolist() == [54, 72, 144, 256, 40]
    assert found.zeros.tolist() == [27, 72, 0, 0, 0]
    assert found.per_layer.tolist() == [0.5, 1, 0, 0, 0]
    assert found.total == 99 / 566
    assert found.emptied == ("conv2.weight",)


def test_a_model_without_weights_has_no_sparsity():
    found = prune.sparsity(nn.ReLU())
    assert (found.layers, found.total, found.emptied) == ((), 0.0, ())


# schedules


@given(
    st.integers(0, 20),
    st.integers(0, 40),
    st.integers(1, 9),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_schedule_climbs_from_the_initial_to_the_final_amount(first, span, every, one, other):
    initial, final = sorted((one, other))
    schedule = prune.Schedule(final, first, first + span, every, initial)
    amounts = {step: schedule(step) for step in range(first + span + 9)}
    due = {step: amount for step, amount in amounts.items() if amount is not None}
    assert set(due) == {*range(first, first + span + 1, every), first + span}
    assert all(0 <= amount <= 1 for amount in due.values())
    assert due[first + span] == final
    assert due[first] == (pytest.approx(initial) if span else final)
    values = np.array(list(due.values()))
    assert (np.diff(values) >= -1e-12).all()
    # fast at first, slow at last: above the straight line
    line = initial + (final - initial) * (np.array(list(due)) - first) / max(span, 1)
    assert (values >= line - 1e-12).all()


def test_a_schedule_agrees_with_the_published_formula():
    """Zhu & Gupta 2017, eq. 1, with n = 8, dt = 5, t_0 = 10."""
    schedule = prune.Schedule(0.875, first=10, last=50, every=5, initial=0.25)
    for k in range(9):
        expected = 0.875 + (0.25 - 0.875) * (1 - k * 5 / (8 * 5)) ** 3
        assert schedule(10 + 5 * k) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"final": 1.2}, "final must be a number from 0 to 1, got 1.2"),
        ({"initial": 0.9}, "initial must be a number from 0 to 0.8, got 0.9"),
        ({"first": -1}, "first must be a whole number, 0 or more, got -1"),
        ({"last": 3}, "last must be a whole number, 5 or more, got 3"),
        ({"every": 0}, "every must be a whole number, 1 or more, got 0"),
    ],
)
def test_a_schedule_that_goes_backwards_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        prune.Schedule(**({"final": 0.8, "first": 5, "last": 9} | arguments))


def test_gradual_pruning_inside_the_training_loop_still_learns():
    images = data.load("digits")
    model = models.pruning_cnn(8, channels=1, size=28)
    schedule = prune.Schedule(0.8, first=20, last=60, every=10)
    seen, losses = [], []
    steps = training.steps(
        model,
        torch.optim.Adam(model.parameters(), lr=3e-3),
        images.batches(32, seed=0, steps=120),
    )
    for step in steps:
        losses.append(float(step.loss))
        if (amount := schedule(step.number)) is not None:
            prune.prune_to_(model, amount)
            seen.append(prune.sparsity(model).total)
    assert seen == pytest.approx([schedule(n) for n in range(20, 61, 10)], abs=1e-3)
    assert prune.sparsity(model).total == seen[-1]
    assert np.mean(losses[-20:]) < np.mean(losses[61:81]) < np.mean(losses[:20])


# on every device


@pytest.mark.parametrize("importance", prune.IMPORTANCES)
def test_every_step_works_where_the_model_is(importance, batches, device):
    model = models.vgg(11, 2, norm=True).to(device)
    there = [(inputs.to(device), targets.to(device)) for inputs, targets in batches]
    cut = prune.prune_to_(model, 0.5, importance, there)
    assert {tensor.device.type for tensor in model.state_dict().values()} == {device.type}
    assert prune.sparsity(model).zeros.tolist() == cut.zeros.tolist()
    prune.make_permanent_(model)
    smaller = prune.remove_channels(model, 0.5, there[0][0])
    assert smaller(there[0][0]).shape == (8, 10)
    assert prune.cost(smaller, there[0][0]).macs < prune.cost(model, there[0][0]).macs
    found = prune.latency({"full": model, "smaller": smaller}, there[0][0], repeats=1)
    assert found["smaller"].device == str(there[0][0].device)
