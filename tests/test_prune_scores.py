"""Scores: what each importance is, by independent means, and the model left as it was."""

import copy
import itertools

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from gradlab import prune
from gradlab.course import models
from gradlab.prune.weights import prunable


@pytest.fixture
def batches():
    """Three batches of unequal size."""
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(n, 3, 32, 32, generator=generator), torch.arange(n) % 10) for n in (5, 8, 2)
    ]


def values(model, importance, batches=(), **more):
    return prune.score(model, importance, batches, **more).values


def joined(batches):
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def test_magnitude_is_the_absolute_weight():
    model = models.pruning_cnn(2)
    found = values(model, "magnitude")
    assert all(torch.equal(found[n], model.get_parameter(n).abs()) for n in found)
    assert len(found) == 5


def test_gradient_is_that_of_the_mean_loss_over_all_samples(batches):
    model = models.pruning_cnn(2)
    found = values(model, "gradient", batches)
    inputs, targets = joined(batches)
    F.cross_entropy(model(inputs), targets).backward()
    for name in found:
        torch.testing.assert_close(found[name], model.get_parameter(name).grad.abs())


def test_taylor_is_the_derivative_of_the_loss_by_a_gate_on_each_weight(batches):
    """SNIP's definition: how much the loss moves as the weight is faded out."""
    model = models.pruning_cnn(2)
    found = values(model, "taylor", batches)
    gates = {name: torch.ones_like(found[name], requires_grad=True) for name in found}
    inputs, targets = joined(batches)
    gated = {name: model.get_parameter(name).detach() * gate for name, gate in gates.items()}
    F.cross_entropy(functional_call(model, gated, (inputs,)), targets).backward()
    for name in found:
        torch.testing.assert_close(found[name], gates[name].grad.abs())


def test_a_loss_of_ones_own_is_taken():
    model = nn.Linear(2, 1, bias=False)
    x, y = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([[0.5], [1.0]])
    found = values(model, "gradient", [(x, y)], loss=F.mse_loss)["weight"]
    error = model(x).detach() - y
    torch.testing.assert_close(found, (error * x).mean(0, keepdim=True).mul(2).abs())


def test_synflow_is_conserved_from_layer_to_layer():
    """Every path passes once through every layer, so all layers' scores have the same sum."""
    for model, inputs in (
        (models.vgg(11, 2, norm=True), torch.empty(1, 3, 32, 32)),
        (models.mlp(150, 32), torch.empty(1, 32)),
    ):
        found = values(model, "synflow", [(inputs, None)])
        sums = torch.stack([scores.sum() for scores in found.values()])
        assert sums.dtype == torch.float64
        assert sums.isfinite().all()
        assert (sums > 0).all()
        torch.testing.assert_close(sums, sums[:1].expand_as(sums))


def test_synflow_agrees_with_its_authors_procedure():
    """As published: absolute values in place, an input of ones, one backward pass."""
    model = models.resnet(8, 2, norm=False)  # its biases start at zero
    found = values(model, "synflow", [(torch.empty(4, 3, 32, 32), None)])
    theirs = copy.deepcopy(model).double().eval()
    for parameter in theirs.parameters():
        parameter.data.abs_()
    theirs(torch.ones(1, 3, 32, 32, dtype=torch.float64)).sum().backward()
    for name, scores in found.items():
        parameter = theirs.get_parameter(name)
        torch.testing.assert_close(scores, (parameter.grad * parameter).abs())


def test_synflow_needs_no_data():
    model = models.pruning_cnn(2)
    one = values(model, "synflow", [(torch.zeros(1, 3, 32, 32), None)])
    other = values(model, "synflow", [(torch.full((9, 3, 32, 32), torch.nan), None)])
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_random_is_uniform_and_follows_its_seed():
    model = models.pruning_cnn(8)
    one, same, other = (values(model, "random", seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)
    everything = torch.cat([scores.flatten() for scores in one.values()])
    assert everything.min() >= 0
    assert everything.max() < 1
    assert everything.histc(4, 0, 1) / len(everything) == pytest.approx([0.25] * 4, abs=0.03)


class Noisy(nn.Module):
    """Draws random numbers even in evaluation mode."""

    def forward(self, x):
        return F.dropout(x, 0.5, training=True)


@pytest.mark.parametrize("importance", prune.IMPORTANCES)
@pytest.mark.parametrize("masked", [False, True])
def test_the_model_is_left_as_it_was(importance, masked, batches):
    network = models.resnet(8, 2)
    model = nn.Sequential(network, Noisy()).train()
    network.norm1.eval()
    if masked:
        prune.prune_to_(model, 0.3)
    model(batches[0][0]).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    before = copy.deepcopy([g.clone() for g in gradients])
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    held = network.fc.weight
    random = torch.get_rng_state()
    prune.score(model, importance, batches)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    for parameter, gradient, kept in zip(model.parameters(), gradients, before, strict=True):
        assert parameter.grad is gradient
        assert torch.equal(gradient, kept)
    assert [module.training for module in model.modules()] == modes
    assert network.fc.weight is held
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("importance", prune.IMPORTANCES)
def test_a_pass_that_fails_leaves_the_model_as_it_was(importance, batches):
    model = models.pruning_cnn(2).train()
    if importance in ("gradient", "taylor"):
        with pytest.raises(RuntimeError):
            prune.score(model, importance, [(torch.ones(1, 5, 32, 32), torch.zeros(1))])
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("importance", prune.IMPORTANCES)
def test_scores_are_plain_data_even_under_no_grad(importance, batches):
    model = models.pruning_cnn(2)
    with torch.no_grad():
        found = prune.score(model, importance, batches)
    assert found.importance == importance
    assert list(found.values) == list(prunable(model))
    for name, scores in found.values.items():
        assert scores.shape == model.get_parameter(name).shape
        assert scores.device.type == "cpu"
        assert not scores.requires_grad
        assert (scores >= 0).all()
    model.conv1.weight.data.zero_()
    assert found.values["conv1.weight"].any()


@pytest.mark.parametrize("importance", prune.IMPORTANCES)
def test_what_a_mask_holds_scores_below_everything_else(importance, batches):
    model = models.pruning_cnn(2)
    prune.prune_to_(model, 0.4, "random")
    for name, scores in values(model, importance, batches).items():
        mask = model.state_dict()[f"{name}_mask"]
        assert torch.equal(scores == -torch.inf, mask == 0)


def test_a_mask_counts_in_the_pass(batches):
    """The gradient is that of the masked network, not of the one under the masks."""
    model = models.pruning_cnn(2)
    prune.prune_to_(model, 0.6)
    plain = copy.deepcopy(model)
    prune.make_permanent_(plain)
    for importance in ("gradient", "synflow"):
        masked, baked = values(model, importance, batches), values(plain, importance, batches)
        for name, scores in masked.items():
            left = scores != -torch.inf
            assert torch.equal(scores[left], baked[name][left])


def test_a_layer_that_is_not_used_has_no_gradient(batches):
    model = nn.ModuleDict({"used": nn.Linear(3, 2), "idle": nn.Linear(3, 2)})
    model.forward = lambda x: model["used"](x)
    for importance in ("gradient", "taylor", "synflow"):
        found = values(model, importance, [(torch.ones(2, 3), torch.tensor([0, 1]))])
        assert not found["idle.weight"].any()
        assert found["used.weight"].any()


def test_reversing_turns_every_order_but_what_is_gone_stays_gone():
    model = nn.Linear(3, 1, bias=False)
    model.weight.data.copy_(torch.tensor([[1.0, -2.0, 3.0]]))
    prune.apply_(model, {"weight": torch.tensor([[1, 0, 1]])})
    turned = prune.score(model).reversed()
    assert turned.values["weight"].tolist() == [[-1.0, -torch.inf, -3.0]]
    assert turned.importance == "magnitude, largest first"
    assert prune.rank(turned).cut(2 / 3).masks()["weight"].tolist() == [[True, False, False]]


@pytest.mark.parametrize("importance", ["gradient", "taylor", "synflow"])
def test_a_criterion_that_needs_batches_says_so(importance):
    with pytest.raises(ValueError, match="batches must hold one"):
        prune.score(models.pruning_cnn(2), importance)


def test_synflow_refuses_inputs_that_cannot_be_ones():
    with pytest.raises(TypeError, match=r"must be floating-point, got torch.int64"):
        prune.score(nn.Embedding(3, 2), "synflow", [(torch.zeros(1, 2, dtype=torch.long), None)])


@pytest.mark.parametrize("importance", ["gradient", "taylor"])
def test_a_gradient_that_is_not_finite_is_refused_by_name(importance):
    batch = (torch.full((2, 3, 32, 32), torch.inf), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"scores must be finite, got .* in conv1\.weight"):
        prune.score(models.pruning_cnn(2), importance, [batch])


def test_an_endless_source_of_batches_is_read_once_by_synflow():
    batches = itertools.repeat((torch.empty(1, 3, 32, 32), None))
    assert values(models.pruning_cnn(2), "synflow", batches)
