"""The laws of counting by magnitude, against numpy and torch in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradlab import histogram
from gradlab.histogram.log import RELATIVE_ERROR, LogHistogram

ALL_FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)
NORMAL = st.floats(width=32, min_value=2.0**-100, max_value=2.0**100)
SIGNED = st.builds(lambda x, s: math.copysign(x, s), NORMAL, st.sampled_from([-1.0, 1.0]))
VALUES = st.lists(SIGNED | st.just(0.0), min_size=1, max_size=60)
THRESHOLDS = st.floats(min_value=1e-32, max_value=1e32)


def magnitudes(values: list[float]) -> np.ndarray:
    return np.abs(np.array(values, np.float32).astype(np.float64))


@given(st.lists(ALL_FLOATS, max_size=60))
def test_everything_is_counted_exactly_once(values):
    x = np.array(values, np.float32)
    h = LogHistogram.of(torch.tensor(values, dtype=torch.float32))
    assert h.numel == x.size
    assert h.zeros == np.sum(x == 0)
    assert h.nonfinite == np.sum(~np.isfinite(x))
    assert h.bins()[0].sum() == np.sum(np.isfinite(x) & (x > 0))
    assert h.bins()[1].sum() == np.sum(np.isfinite(x) & (x < 0))


@given(st.lists(ALL_FLOATS, max_size=40), st.lists(ALL_FLOATS, max_size=40))
def test_histograms_add_as_tensors_concatenate(a, b):
    one, other = (torch.tensor(v, dtype=torch.float32) for v in (a, b))
    merged, whole = (
        LogHistogram.of(one) + LogHistogram.of(other),
        LogHistogram.of(torch.cat([one, other])),
    )
    assert np.array_equal(merged.bins(), whole.bins())
    assert (merged.zeros, merged.nonfinite) == (whole.zeros, whole.nonfinite)


@given(VALUES, THRESHOLDS)
def test_fraction_above_is_exact_for_a_threshold_within_the_stated_error(values, threshold):
    x, h = magnitudes(values), LogHistogram.of(torch.tensor(values))
    fewest = np.mean(x > threshold * (1 + RELATIVE_ERROR))
    most = np.mean(x >= threshold * (1 - RELATIVE_ERROR))
    assert fewest - 1e-12 <= h.fraction_above(threshold) <= most + 1e-12


@given(VALUES, st.floats(0, 1))
def test_quantile_is_within_the_stated_error_of_numpy(values, q):
    expected = np.quantile(magnitudes(values), q, method="inverted_cdf")
    assert LogHistogram.of(torch.tensor(values)).quantile(q) == pytest.approx(
        expected, rel=RELATIVE_ERROR
    )


@given(VALUES)
def test_norm_is_within_the_stated_error_of_numpy(values):
    expected = np.linalg.norm(magnitudes(values))
    assert LogHistogram.of(torch.tensor(values)).norm() == pytest.approx(
        expected, rel=RELATIVE_ERROR
    )


@given(VALUES, THRESHOLDS)
def test_norm_after_value_clip_is_within_the_stated_error_of_clamping(values, c):
    expected = np.linalg.norm(magnitudes(values).clip(max=c))
    got = LogHistogram.of(torch.tensor(values)).norm_after_value_clip(c)
    assert got == pytest.approx(expected, rel=RELATIVE_ERROR)


@given(VALUES, THRESHOLDS)
def test_cosine_after_value_clip_is_within_twice_the_stated_error_of_clamping(values, c):
    x = magnitudes(values)
    got = LogHistogram.of(torch.tensor(values)).cosine_after_value_clip(c)
    if not x.any():
        assert math.isnan(got)
        return
    clipped = x.clip(max=c)
    expected = (x / np.linalg.norm(x)) @ (clipped / np.linalg.norm(clipped))
    assert got == pytest.approx(expected, rel=2 * RELATIVE_ERROR)
    assert 0 < got <= 1


@given(VALUES, THRESHOLDS, THRESHOLDS)
def test_answers_are_monotone_in_the_threshold(values, a, b):
    low, high = sorted((a, b))
    h = LogHistogram.of(torch.tensor(values))
    assert h.fraction_above(low) >= h.fraction_above(high)
    assert h.norm_after_value_clip(low) <= h.norm_after_value_clip(high) * (1 + 1e-12)
    assert h.norm_after_value_clip(high) <= h.norm() * (1 + 1e-12)


@given(VALUES, THRESHOLDS)
def test_shares_sum_to_the_nonzero_fraction_before_and_after_clipping(values, c):
    h = LogHistogram.of(torch.tensor(values))
    edges = np.concatenate([[0], np.geomspace(1e-33, 1e33, 100)])
    expected = 1 - h.zeros / h.finite
    assert h.shares(edges).sum() == pytest.approx(expected)
    after = h.shares(edges, clip_value=c)
    assert after.sum() == pytest.approx(expected)
    assert not after[edges[:-1] >= c].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_count_as_their_float32_values(dtype):
    x = (torch.randn(5_000) * 1e-2).to(dtype)
    h, expected = LogHistogram.of(x), LogHistogram.of(x.float())
    assert np.array_equal(h.bins(), expected.bins())
    assert h.zeros == expected.zeros


def test_float64_beyond_float32_is_neither_zero_nor_infinite():
    h = LogHistogram.of(torch.tensor([1e-300, -1e-300, 1e300, -1e300], dtype=torch.float64))
    assert (h.zeros, h.nonfinite, h.numel) == (0, 0, 4)
    assert list(h.bins().sum(axis=1)) == [2, 2]


def test_a_large_tensor_counts_as_its_parts(device):
    x = torch.randn(1_500_001, device=device)  # several pieces and threads, and a remainder
    parts = LogHistogram.merged(LogHistogram.of(part) for part in x.chunk(7))
    assert np.array_equal(LogHistogram.of(x).bins(), parts.bins())


def test_a_histogram_keeps_only_what_it_holds_however_often_it_is_asked():
    h = LogHistogram.of(1e-3 * torch.randn(1_000_000))
    h.quantile(0.5), h.fraction_above(1e-3), h.norm(), h.cosine_after_value_clip(1e-3)
    assert set(vars(h)) == {"codes", "counts", "stride"}
    assert h.codes.nbytes + h.counts.nbytes <= 20_000


def test_no_histograms_merge_into_an_empty_one():
    assert LogHistogram.merged([]).numel == 0
    assert np.array_equal(LogHistogram.merged([]).bins(), np.zeros((2, 16320)))


def test_strides_and_autograd_are_no_matter():
    x = torch.randn(30, 40, requires_grad=True)
    assert np.array_equal(
        LogHistogram.of(x.T[::2]).bins(), LogHistogram.of(x.detach().T[::2].clone()).bins()
    )


def test_no_elements_have_no_answers():
    h = LogHistogram.of(torch.empty(0))
    assert h.numel == 0
    assert h.norm() == h.norm_after_value_clip(1.0) == 0
    assert h.span() is None
    assert all(
        math.isnan(v)
        for v in (h.fraction_above(1.0), h.quantile(0.5), h.cosine_after_value_clip(1.0))
    )


def test_span_holds_every_nonzero_element():
    x = torch.randn(1000) * 10.0 ** torch.randint(-20, 20, (1000,))
    low, high = LogHistogram.of(x).span()
    assert low <= x.abs().min()
    assert x.abs().max() <= high


@pytest.mark.parametrize("threshold", [0, -1.0, float("nan"), "1", None, True])
def test_a_threshold_that_is_not_positive_is_refused_by_name(threshold):
    h = LogHistogram.of(torch.ones(3))
    with pytest.raises(ValueError, match=r"threshold must be a number in \(0, inf\], got"):
        h.fraction_above(threshold)
    with pytest.raises(ValueError, match=r"clip_value must be a number in \(0, inf\], got"):
        h.norm_after_value_clip(threshold)


@pytest.mark.parametrize("q", [-0.1, 1.1, float("nan"), "half"])
def test_a_quantile_outside_0_to_1_is_refused(q):
    with pytest.raises(ValueError, match="q must be a number from 0 to 1, got"):
        LogHistogram.of(torch.ones(3)).quantile(q)


@pytest.mark.parametrize(
    "thing", [[1.0], torch.ones(3, dtype=torch.int32), torch.ones(3, dtype=torch.cfloat)]
)
def test_only_real_floating_tensors_are_counted(thing):
    with pytest.raises(TypeError, match="tensor must hold real floating-point numbers, got"):
        LogHistogram.of(thing)


def test_a_sparse_tensor_is_refused():
    with pytest.raises(TypeError, match="tensor must be dense"):
        LogHistogram.of(torch.eye(3).to_sparse())


def test_a_model_is_measured_by_parameter_name():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    model[1].weight.requires_grad_(False)
    with pytest.raises(ValueError, match="no gradient to measure"):
        histogram.by_layer(model)
    model(torch.randn(5, 3)).sum().backward()
    measured = histogram.by_layer(model)
    assert list(measured) == ["0.weight", "0.bias", "1.bias"]
    for name, parameter in model.named_parameters():
        if name in measured:
            assert measured[name].norm() == pytest.approx(
                parameter.grad.norm().item(), rel=RELATIVE_ERROR
            )
