"""The loop does what the textbook loop does, one step at a time."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gradlab import clip, training
from gradlab.course import data, models


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
    done = list(training.steps(ours, optimizer, batches, clip=rule))

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
    run = training.steps(model, torch.optim.SGD(model.parameters(), lr=0.1), batches)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert next(run).number == 0
    assert not all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_nan_gradient_stops_the_run_with_the_weights_as_they_were(batches):
    model = small()
    batches[2] = (batches[2][0] * math.nan, batches[2][1])
    run = training.steps(
        model, torch.optim.SGD(model.parameters(), lr=0.1), batches, clip=clip.ByNorm(1.0)
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
    assert images.accuracy(model, batch_size=9) == (named == images.labels).double().mean()
    assert model.training


@pytest.mark.parametrize("max_norm", [None, 0.1])
def test_a_run_holds_what_the_textbook_loop_saw(batches, max_norm):
    ours, textbook = small(), small()
    rule = None if max_norm is None else clip.ByNorm(max_norm)
    run = training.train(ours, torch.optim.SGD(ours.parameters(), lr=0.1), batches, clip=rule)

    optimizer = torch.optim.SGD(textbook.parameters(), lr=0.1)
    for step, (inputs, targets) in enumerate(batches):
        optimizer.zero_grad()
        loss = F.cross_entropy(textbook(inputs), targets)
        loss.backward()
        norms = torch.stack([p.grad.norm() for p in textbook.parameters()])
        bound = math.inf if max_norm is None else max_norm
        assert run.loss[step] == loss.item()
        assert run.total_norm[step] == pytest.approx(norms.norm().item(), rel=1e-6)
        assert run.layer_norms[step] == pytest.approx(norms.numpy(), rel=1e-6)
        assert run.coefficient[step] == pytest.approx(min(1, bound / norms.norm().item()), rel=1e-4)
        assert run.fired[step] == (norms.norm() > bound)
        torch.nn.utils.clip_grad_norm_(textbook.parameters(), min(bound, 1e30))
        optimizer.step()
    assert len(run) == len(batches)
    assert run.layers == tuple(name for name, _ in ours.named_parameters())
    assert (run.diverged, math.isnan(run.accuracy)) == (None, True)
    for a, b in zip(ours.parameters(), textbook.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_run_that_diverges_ends_before_that_step_and_names_the_layer(batches):
    model = small()
    batches[3] = (batches[3][0] * math.inf, batches[3][1])
    run = training.train(model, torch.optim.SGD(model.parameters(), lr=0.1), batches)
    assert len(run) == 3
    assert run.diverged.output == "0"
    assert np.isfinite(run.loss).all()
    assert all(p.isfinite().all() for p in model.parameters())


def test_a_run_that_diverges_at_once_is_empty(batches):
    model = small()
    torch.nn.init.constant_(model[2].weight, math.nan)
    run = training.train(model, torch.optim.SGD(model.parameters(), lr=0.1), batches)
    assert (len(run), run.layer_norms.shape) == (0, (0, 4))
    assert run.diverged.output == "2"


def test_a_run_measures_the_accuracy_of_the_weights_it_ends_with():
    images = data.load("faces", "test")
    model = models.mlp(1, 8, inputs=25 * 25, outputs=2)
    batches = images.batches(10, seed=0, steps=2)
    run = training.train(
        model, torch.optim.SGD(model.parameters(), lr=0.1), batches, accuracy=images.accuracy
    )
    assert run.accuracy == images.accuracy(model)


@pytest.mark.parametrize(
    ("rule", "some", "message"),
    [
        (clip.ByNorm(1.0, nonfinite="skip"), 6, "clip must have nonfinite='raise', got 'skip'"),
        (None, 0, "batches must hold one batch or more, got none"),
    ],
)
def test_a_run_that_could_not_say_where_it_ends_is_refused(batches, rule, some, message):
    model = small()
    with pytest.raises(ValueError, match=message):
        training.train(
            model, torch.optim.SGD(model.parameters(), lr=0.1), batches[:some], clip=rule
        )


def test_clipping_lengthens_no_vanished_gradient():
    """A deep tanh network of gain 0.5: what reaches layer 1 is no larger with clipping."""
    runs = []
    for rule in (None, clip.ByNorm(0.001)):
        torch.manual_seed(0)
        model = models.mlp(30, 16, activation="tanh", gain=0.5, outputs=3)
        inputs = torch.randn(32, 16)
        batches = [(inputs, torch.arange(32) % 3)] * 5
        runs.append(
            training.train(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, clip=rule)
        )
    free, clipped = runs
    first, last = (free.layers.index(f"layer{n}.linear.bias") for n in (1, 30))
    assert clipped.fired.all()
    assert free.layer_norms[0, first] == clipped.layer_norms[0, first] > 0
    for run in runs:
        assert (run.layer_norms[:, first] < 1e-6 * run.layer_norms[:, last]).all()
    assert (clipped.layer_norms * clipped.coefficient[:, None] <= clipped.layer_norms).all()


def test_an_unclipped_vgg_explodes_and_says_where_and_a_clipped_one_goes_on():
    images = data.load("patches")
    for rule, limit in ((None, 80), (clip.ByNorm(0.1), 8)):
        torch.manual_seed(0)
        model = models.vgg(11, width=16)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
        run = training.train(model, optimizer, images.batches(64, seed=0, steps=limit), clip=rule)
        if rule is None:
            assert len(run) < limit
            assert run.total_norm[-1] > 1e6
            assert run.diverged.output in dict(model.named_modules())
            assert run.diverged.gradient in run.layers
        else:
            assert (len(run), run.diverged) == (limit, None)
            assert run.total_norm.max() < 1e3
