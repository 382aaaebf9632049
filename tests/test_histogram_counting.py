"""All layers counted in one pass: every way to count finds the same."""

import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradlab.histogram import LogHistogram, codes, counting, threads
from gradlab.histogram.found import found_in
from gradlab.histogram.sampling import LARGE

FLOATS = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1e-45, -1e-45])
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16])


@st.composite
def tensors(draw):
    """Values that are hard to count, repeated so that some tensors are sorted and some tabled."""
    values = draw(st.lists(FLOATS, min_size=1, max_size=12))
    times = draw(st.sampled_from([1, 3, 2 * LARGE // len(values)]))
    return torch.tensor(values * times).to(draw(DTYPES))


def as_histogram(found):
    return LogHistogram(*found)


def same(one, other):
    counts = np.array_equal(one.bins(), other.bins())
    return counts and (one.zeros, one.nonfinite) == (other.zeros, other.nonfinite)


@given(st.lists(tensors(), min_size=1, max_size=5))
def test_small_and_large_tensors_are_counted_as_each_alone(some):
    for tensor, found in zip(some, counting.count(some)().each(), strict=True):
        assert same(as_histogram(found), LogHistogram.of(tensor))
        assert found.counts.sum() == tensor.numel()
        assert np.all(np.diff(found.codes.astype(int)) > 0)


@given(tensors())
def test_an_accelerator_counts_the_same(tensor):
    table = counting._table(tensor)  # what runs there, here on the CPU
    assert same(as_histogram(found_in(table.numpy())), LogHistogram.of(tensor))


def test_counting_on_the_device_agrees_with_the_cpu(device):
    some = [torch.randn(300_000), torch.randn(7), torch.zeros(2000)]
    for here, there in zip(
        counting.count(some)().each(),
        counting.count([t.to(device) for t in some])().each(),
        strict=True,
    ):
        assert np.array_equal(here.codes, there.codes)
        assert np.array_equal(here.counts, there.counts)


def test_threads_count_what_one_counts(monkeypatch):
    some = [torch.randn(1_300_001), torch.zeros(10), torch.randn(400_000).relu()]
    for exact in (True, False):
        monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
        threaded = counting.count(some, exact=exact)()
        monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
        one = counting.count(some, exact=exact)()
        assert np.array_equal(one.codes, threaded.codes)
        assert np.array_equal(one.counts, threaded.counts)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_threads_it_has_not(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    codes.tally([torch.randn(600_000)])
    assert threads._threads.cache_info().currsize > 0
    child = os.fork()
    if not child:
        os._exit(threads._threads.cache_info().currsize)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_nothing_is_counted_as_nothing():
    assert counting.count([])().each() == []
    (found,) = counting.count([torch.empty(0)])().each()
    assert len(found.codes) == len(found.counts) == 0


@pytest.mark.parametrize(("most", "kind"), [(255, np.uint8), (256, np.uint16), (70_000, np.uint32)])
def test_counts_take_the_smallest_type_that_holds_them(most, kind):
    (found,) = counting.count([torch.ones(most)])().each()
    assert found.counts.dtype == kind
    assert list(found.counts) == [most]
