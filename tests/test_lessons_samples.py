"""Clipping before averaging agrees with a plain loop over the samples."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gradlab.course import models
from gradlab.course.lessons.samples.gradients import SampleGradients, per_sample_gradients


@pytest.fixture(scope="module")
def batch():
    torch.manual_seed(1)
    return torch.randn(6, 3, 32, 32), torch.arange(6)


@pytest.fixture(scope="module", params=["cnn", "layer norm", "batch norm in eval mode"])
def model(request):
    torch.manual_seed(0)
    if request.param == "cnn":
        return models.pruning_cnn(width=4)
    if request.param == "layer norm":
        return models.mlp(4, 16, inputs=3 * 32 * 32, outputs=10, norm="layer")
    return models.resnet(8, width=4).eval()


def one_by_one(model, inputs, targets, max_norm=math.inf):
    """Each sample's gradient by plain autograd, clipped by torch: (n, d)."""
    rows = []
    for k in range(len(inputs)):
        model.zero_grad()
        F.cross_entropy(model(inputs[k : k + 1]), targets[k : k + 1]).backward()
        if max_norm < math.inf:
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        rows.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    model.zero_grad()
    return torch.stack(rows).double()


def joined(gradients):
    return torch.cat([g.flatten(1) for g in gradients.values()], 1).double()


def test_gradients_of_samples_are_those_of_a_loop(model, batch):
    found = per_sample_gradients(model, *batch)
    assert list(found) == [name for name, _ in model.named_parameters()]
    torch.testing.assert_close(joined(found), one_by_one(model, *batch), rtol=1e-4, atol=1e-6)


def test_their_mean_is_the_gradient_of_the_batch(model, batch):
    mean = joined(per_sample_gradients(model, *batch)).mean(0)
    F.cross_entropy(model(batch[0]), batch[1]).backward()
    whole = torch.cat([p.grad.flatten() for p in model.parameters()]).double()
    model.zero_grad()
    torch.testing.assert_close(mean, whole, rtol=1e-4, atol=1e-6)


def test_the_model_is_left_alone(model, batch):
    held = {name: value.clone() for name, value in model.state_dict().items()}
    per_sample_gradients(model, *batch)
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(held[name], value) for name, value in model.state_dict().items())


def test_parameters_that_require_no_gradient_have_none(batch):
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2), nn.Linear(2, 10))
    model[1].requires_grad_(False)
    assert list(per_sample_gradients(model, *batch)) == ["2.weight", "2.bias"]


@pytest.mark.parametrize("part", [0.3, 1.01, 3.0])
def test_the_mean_of_the_clipped_is_that_of_clipping_each_by_torch(model, batch, part):
    rows = one_by_one(model, *batch)
    max_norm = part * rows.norm(dim=1).median().item()
    mean, biased = rows.mean(0), one_by_one(model, *batch, max_norm).mean(0)
    found = SampleGradients.of(per_sample_gradients(model, *batch)).clipped(max_norm)
    assert found.clipped == (rows.norm(dim=1) > max_norm).sum()
    assert found.norm_before == pytest.approx(mean.norm().item(), rel=1e-4)
    assert found.norm_after == pytest.approx(biased.norm().item(), rel=1e-4)
    assert found.cosine == pytest.approx(torch.cosine_similarity(mean, biased, 0).item(), abs=1e-4)


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 5), st.floats(1e-3, 1e3))
def test_inner_products_know_all_that_the_gradients_know(seed, n, d, max_norm):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, d)) * np.exp(random.normal(size=(n, 1)))
    norms = np.linalg.norm(rows, axis=1)
    mean = rows.mean(0)
    biased = (rows * np.minimum(1, max_norm / norms)[:, None]).mean(0)
    samples = SampleGradients.of(torch.from_numpy(rows))
    found = samples.clipped(max_norm)
    lengths = np.linalg.norm(mean) * np.linalg.norm(biased)
    assert samples.norms == pytest.approx(norms)
    assert samples.cosines == pytest.approx(rows @ mean / norms / np.linalg.norm(mean), abs=1e-6)
    assert found.norm_after == pytest.approx(np.linalg.norm(biased), rel=1e-6)
    assert found.cosine == pytest.approx(mean @ biased / lengths, abs=1e-6)
    assert found.norm_after <= max_norm * (1 + 1e-9)


def test_clipping_each_of_three_points_uphill():
    found = SampleGradients.of(torch.tensor([[-1.0], [-1.0], [4.0]])).clipped(1.0)
    assert (found.clipped, found.cosine, found.degrees) == (1, -1.0, 180.0)
    assert found.norm_before == pytest.approx(2 / 3)
    assert found.norm_after == pytest.approx(1 / 3)


def test_a_bound_above_all_norms_changes_nothing():
    samples = SampleGradients.of(torch.randn(5, 7))
    found = samples.clipped(2 * samples.norms.max())
    assert found.clipped == 0
    assert found.norm_after == found.norm_before
    assert found.cosine == pytest.approx(1.0)


def test_gradients_that_cancel_have_no_direction():
    nowhere = SampleGradients.of(torch.tensor([[0.1, 0.7], [-0.1, -0.7]])).clipped(0.3)
    assert (nowhere.norm_before, nowhere.norm_after) == (0.0, 0.0)
    assert math.isnan(nowhere.degrees)
    assert SampleGradients.of(torch.tensor([[-1.0], [-1.0], [4.0]])).clipped(2.0).norm_after == 0


def test_a_sample_without_a_gradient_is_clipped_by_no_bound():
    samples = SampleGradients.of(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    assert samples.clipped(1.0).clipped == 1
    assert math.isnan(samples.cosines[0])


def test_a_batch_norm_that_mixes_samples_is_named(batch):
    model = models.resnet(8, width=4)
    first = next(name for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d))
    with pytest.raises(ValueError, match=rf"got BatchNorm2d '{first}' in training mode"):
        per_sample_gradients(model, *batch)
    frozen = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)).eval()
    with pytest.raises(ValueError, match="a batch norm mixes the samples"):
        per_sample_gradients(frozen, *batch)


def test_dropout_draws_a_mask_for_each_sample():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(100, 2))
    found = per_sample_gradients(model, torch.ones(2, 100), torch.zeros(2, dtype=torch.long))
    first, second = found["1.weight"] != 0
    assert not torch.equal(first, second)


def test_batches_that_do_not_match_are_refused():
    model = nn.Linear(3, 2)
    for inputs, targets in ((3, 2), (0, 0)):
        with pytest.raises(ValueError, match=f"at least 1, got {inputs} and {targets}"):
            per_sample_gradients(model, torch.rand(inputs, 3), torch.zeros(targets).long())
    with pytest.raises(ValueError, match="must have a parameter that requires a gradient"):
        per_sample_gradients(model.requires_grad_(False), torch.rand(1, 3), torch.tensor([0]))


@pytest.mark.parametrize(
    ("gradients", "error", "message"),
    [
        ([[1.0]], TypeError, "got list"),
        (torch.tensor([[1]]), TypeError, r"got torch\.int64"),
        (torch.tensor(1.0), TypeError, "floating-point tensor"),
        ({}, ValueError, "got no tensor"),
        (torch.zeros(0, 3), ValueError, r"at least 1, got \[0\]"),
        ({"a": torch.zeros(2, 3), "b": torch.zeros(3)}, ValueError, r"got \[2, 3\]"),
        (torch.tensor([[1.0], [math.nan]]), ValueError, "got inf or NaN in that of sample 1"),
    ],
)
def test_what_are_no_gradients_of_samples_is_refused(gradients, error, message):
    with pytest.raises(error, match=message):
        SampleGradients.of(gradients)


def test_a_bound_that_bounds_nothing_is_refused():
    with pytest.raises(ValueError, match=r"max_norm must be a number in .*, got 0"):
        SampleGradients.of(torch.ones(2, 2)).clipped(0)
