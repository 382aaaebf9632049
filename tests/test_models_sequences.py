"""Laws of the language models: what they see, what they are made of, and what reaches them."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradlab.course import models
from gradlab.course.data import python_docs
from gradlab.course.models.sequences import Attention

SMALL = {
    "lstm": lambda: models.lstm(8, characters=12),
    "lstm of two layers": lambda: models.lstm(8, 2, characters=12),
    "transformer": lambda: models.transformer(8, 2, heads=2, length=7, characters=12),
}


@pytest.fixture(params=SMALL, ids=str)
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return SMALL[request.param]()


@pytest.fixture
def tokens() -> Tensor:
    return torch.randint(12, (3, 7), generator=torch.Generator().manual_seed(1))


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_a_place_sees_itself_and_the_past_and_never_the_future(network, tokens):
    before = network(tokens)
    for place in range(7):
        other = tokens.clone()
        other[:, place] = (other[:, place] + 1) % 12
        same = (network(other) == before).all(1)
        assert same[:, :place].all()
        assert not same[:, place].any()


def test_logits_come_as_cross_entropy_takes_them(network, tokens):
    logits = network(tokens)
    assert logits.shape == (3, 12, 7)
    by_hand = -logits.log_softmax(1).gather(1, tokens[:, None]).mean()
    torch.testing.assert_close(F.cross_entropy(logits, tokens), by_hand)


def test_an_untrained_network_knows_nothing():
    for build in (models.lstm, models.transformer):
        torch.manual_seed(0)
        ((inputs, targets),) = python_docs().batches(16, length=32, seed=0, steps=1)
        loss = F.cross_entropy(build()(inputs), targets)
        assert loss.item() == pytest.approx(math.log(128), rel=0.03)


def test_the_gradient_reaches_every_parameter(network, tokens):
    F.cross_entropy(network(tokens), tokens.flip(1)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_a_seed_fixes_the_network_and_another_seed_changes_it():
    for build in SMALL.values():
        states = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            states.append(build().state_dict())
        first, same, other = states
        assert all(torch.equal(first[name], same[name]) for name in first)
        assert not all(torch.equal(first[name], other[name]) for name in first)


def test_attention_is_a_mean_of_the_past_weighted_by_likeness():
    torch.manual_seed(0)
    x = torch.randn(4, 5, 18)
    query, key, value = x.split(6, dim=-1)
    heads = []
    for head in (slice(0, 3), slice(3, 6)):
        likeness = query[..., head] @ key[..., head].mT / math.sqrt(3)
        future = torch.ones(5, 5).triu(1).bool()
        weights = likeness.masked_fill(future, -math.inf).softmax(-1)
        heads.append(weights @ value[..., head])
    torch.testing.assert_close(Attention(heads=2)(x), torch.cat(heads, -1))


def test_the_sizes_are_those_of_the_formulas():
    width, depth, length, characters = 12, 3, 9, 20
    ends = 2 * characters * width + characters  # embedding in, linear layer out
    assert parameters(models.lstm(width, depth, characters=characters)) == (
        ends + depth * 4 * (2 * width**2 + 2 * width)
    )
    network = models.transformer(width, depth, heads=3, length=length, characters=characters)
    attention, perceptron, norm = 4 * width**2 + 4 * width, 8 * width**2 + 5 * width, 2 * width
    assert parameters(network) == (
        ends + length * width + depth * (attention + perceptron + 2 * norm) + norm
    )


def test_weights_that_add_to_their_input_start_smaller_the_deeper_the_network():
    torch.manual_seed(0)
    network = models.transformer(64, 8)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
        else:
            adds = name.endswith(("out.weight", "fc2.weight"))
            assert parameter.std().item() == pytest.approx(0.005 if adds else 0.02, rel=0.06), name


def test_parameters_are_named_by_where_they_stand():
    names = [name for name, _ in models.transformer(8).named_parameters()]
    assert names[:2] == ["embedding.token.weight", "embedding.place.weight"]
    assert "block2.attn.qkv.weight" in names
    assert "block1.mlp.fc1.weight" in names
    assert "lstm.weight_hh_l0" in dict(models.lstm(8).named_parameters())


@pytest.mark.parametrize("build", [models.lstm, models.transformer])
def test_forty_steps_teach_more_than_how_often_each_letter_occurs(build):
    torch.manual_seed(0)
    network, text = build(32), python_docs()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for inputs, targets in text.batches(16, length=32, seed=0, steps=40):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    share = text.tokens.bincount(minlength=128) / len(text)
    entropy = -(share * share.log().nan_to_num(neginf=0)).sum().item()
    assert losses[-1] < entropy < losses[0]


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: models.lstm(0), ["width", "1 or more", "0"]),
        (lambda: models.lstm(8, 0), ["depth", "1 or more", "0"]),
        (lambda: models.lstm(characters=0), ["characters", "1 or more", "0"]),
        (lambda: models.transformer(0), ["width", "1 or more", "0"]),
        (lambda: models.transformer(8, 0), ["depth", "1 or more", "0"]),
        (lambda: models.transformer(heads=0), ["heads", "1 or more", "0"]),
        (lambda: models.transformer(length=0), ["length", "1 or more", "0"]),
        (lambda: models.transformer(characters=2.5), ["characters", "1 or more", "2.5"]),
        (lambda: models.transformer(10), ["width", "multiple of heads = 4", "10"]),
        (
            lambda: models.transformer(8, length=4)(torch.zeros(1, 5, dtype=torch.int64)),
            ["piece", "4", "5"],
        ),
    ],
)
def test_bad_values_are_named_with_what_is_allowed(call, names):
    with pytest.raises(ValueError, match="must") as caught:
        call()
    assert all(name in str(caught.value) for name in names), caught.value
