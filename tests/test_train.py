"""The loop does what the textbook loop does, one step at a time."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from gradlab import clip, data, models, train


@pytest.fixture
def batches():
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(8, 5, generator=generator), torch.randint(0, 3, (8,), generator=generator))
        for _ in range(6)
    ]


def small():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))


@pytest.mark.parametrize("max_norm", [None, 0.1])
def test_steps_equal_the_textbook_loop_bit_for_bit(batches, max_norm):
    ours, textbook = small(), small()
    rule = None if max_norm is None else clip.ByNorm(max_norm)
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1, momentum=0.9)
    done = list(train.steps(ours, optimizer, batches, rule=rule))

    optimizer = torch.optim.SGD(textbook.parameters(), lr=0.1, momentum=0.9)
    for step, (inputs, targets) in zip(done, batches, strict=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(textbook(inputs), targets)
        loss.backward()
        if max_norm is not None:
            norm = torch.nn.utils.clip_grad_norm_(textbook.parameters(), max_norm)
            assert step.clipped.total_norm == norm
        optimizer.step()
        assert step.loss == loss
    for a, b in zip(ours.parameters(), textbook.parameters(), strict=True):
        assert torch.equal(a, b)


def test_nothing_is_trained_before_a_step_is_asked_for(batches):
    model = small()
    before = copy.deepcopy(model.state_dict())
    run = train.steps(model, torch.optim.SGD(model.parameters(), lr=0.1), batches)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert next(run).number == 0
    assert not all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_nan_gradient_stops_the_run_with_the_weights_as_they_were(batches):
    model = small()
    batches[2] = (batches[2][0] * math.nan, batches[2][1])
    run = train.steps(
        model, torch.optim.SGD(model.parameters(), lr=0.1), batches, rule=clip.ByNorm(1.0)
    )
    next(run), next(run)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(clip.NonFiniteGradient, match=r"0\.weight"):
        next(run)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_accuracy_counts_the_right_answers_and_leaves_the_mode_alone():
    images = data.load("faces", "test")
    model = torch.nn.Sequential(models.mlp(1, 8, inputs=25 * 25, outputs=2))
    model.train()
    with torch.no_grad():
        named = torch.cat([model(x) for x, _ in images.in_order(7)]).argmax(1)
    assert train.accuracy(model, images, batch_size=9) == (named == images.labels).double().mean()
    assert model.training
