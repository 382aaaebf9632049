"""A large tensor counted from a sample: what is exact, and how sure the rest is."""

import random

import numpy as np
import pytest
import torch

from gradlab import panels
from gradlab.histogram import LogHistogram
from gradlab.histogram.log import RELATIVE_ERROR
from gradlab.histogram.sampling import LARGE
from gradlab.recording.record import record
from gradlab.recording.recording import load

QUANTILES = [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999]


def tensors():
    """Tensors of any order and size: the rows of some are of one magnitude, or every ninth is."""
    draw = torch.Generator().manual_seed(1)
    for size in (70_001, 147_456, 512 * 1000):
        plain = torch.randn(size, generator=draw)
        yield "normal", plain
        yield "sorted", plain.sort().values
        yield "heavy", plain * torch.rand(size, generator=draw) ** -0.8
        yield "half zero", plain.relu()
        for period in (2, 4, 9, 512):
            yield f"period {period}", plain * 10.0 ** (torch.arange(size) % period * 3 / period)


CASES = [pytest.param(t, id=f"{name}, {t.numel()}") for name, t in tensors()]


def test_the_stated_bounds_hold_99_times_in_100():
    held = []
    for _, tensor in tensors():
        h = LogHistogram.of(tensor, exact=False)
        size = tensor.abs().double().numpy()
        for q in QUANTILES:
            truth = np.quantile(size, q, method="inverted_cdf")
            low, high = h.quantile_interval(q)
            slack = 1 + RELATIVE_ERROR
            held.append(low / slack <= truth <= high * slack)
            if truth > 0:
                low, high = h.fraction_interval(truth)
                above = np.mean(size > truth * slack), np.mean(size > truth / slack)
                held.append(above[0] <= high and low <= above[1])
                assert high - low < 0.034
    assert len(held) > 400
    assert np.mean(held) >= 0.99


@pytest.mark.parametrize("tensor", CASES)
def test_a_sample_keeps_the_number_of_elements_and_the_extremes(tensor):
    h, whole = LogHistogram.of(tensor, exact=False), LogHistogram.of(tensor)
    assert h.stride == tensor.numel() // (LARGE // 2)
    assert h.numel == whole.numel
    assert h.quantile(1) == pytest.approx(whole.quantile(1), rel=RELATIVE_ERROR)
    for sign, mine in zip(whole.bins(), h.bins(), strict=True):
        assert np.array_equal(np.flatnonzero(sign)[-1:], np.flatnonzero(mine)[-1:])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_single_element_that_is_not_finite_is_never_missed(bad):
    tensor = torch.randn(LARGE)
    tensor[12_345] = bad
    assert LogHistogram.of(tensor, exact=False).nonfinite >= 1


def test_small_tensors_are_counted_in_full():
    h = LogHistogram.of(torch.randn(LARGE - 1), exact=False)
    assert h.stride == 1
    assert h.fraction_interval(0.5) == (h.fraction_above(0.5),) * 2


def test_a_sample_is_the_same_at_each_call_and_takes_no_random_numbers():
    tensor = torch.randn(LARGE)
    states = torch.get_rng_state(), random.getstate()
    one, other = (LogHistogram.of(tensor, exact=False) for _ in range(2))
    assert np.array_equal(one.bins(), other.bins())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]


def test_samples_merge_and_are_as_sure_as_the_least_sure():
    parts = [torch.randn(LARGE), torch.randn(3 * LARGE), torch.randn(10)]
    each = [LogHistogram.of(part, exact=False) for part in parts]
    merged = LogHistogram.merged(each)
    assert np.array_equal(merged.bins(), sum(one.bins() for one in each))
    assert [one.stride for one in each] == [2, 6, 1]
    assert merged.stride == (each[2] + each[1]).stride == 6


@pytest.mark.parametrize("exact", [False, True])
def test_a_recording_samples_large_layers_unless_told_not_to(exact, tmp_path):
    model = torch.nn.ModuleDict(
        {"large": torch.nn.Linear(50, 1000), "small": torch.nn.Linear(3, 2)}
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, exact=exact) as recorder:
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
    recorder.recording.save(tmp_path)
    for recording in (recorder.recording, load(tmp_path)):
        found = recording.histograms[0]
        assert found["large.weight"].stride == (1 if exact else 6)
        assert found["small.weight"].stride == 1
        expected = LogHistogram.of(model["large"].weight.grad, exact=exact)
        assert np.array_equal(found["large.weight"].bins(), expected.bins())


def test_the_panel_says_that_it_counted_a_sample_and_how_sure_it_is():
    gradients = {"weight": torch.randn(4 * LARGE)}
    sampled = {"weight": LogHistogram.of(gradients["weight"], exact=False)}
    assert "sample" not in panels.threshold(gradients).readout
    readout = panels.threshold(sampled).readout
    assert "counted in a sample, one element in 8: the exact share lies between" in readout
