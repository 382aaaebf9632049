"""A recording says where something clipped before it, and says it of nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from gradlab import clip, record
from gradlab.recording.ceiling import ceiling

seeds = st.integers(0, 2**31)


def norms(seed, steps, spread):
    return np.exp(spread * np.random.default_rng(seed).normal(size=steps))


def clipped(total, max_norm):
    """As `clip_grad_norm_` leaves them: float32, and 1e-6 in the denominator."""
    return np.float32(total * np.minimum(1, max_norm / (total + 1e-6))).astype(np.float64)


@given(seeds, st.integers(20, 2000), st.floats(0.05, 2), st.floats(0.2, 0.95))
def test_clipping_leaves_a_ceiling_and_its_height_is_the_threshold(seed, steps, spread, quantile):
    total = norms(seed, steps, spread)
    max_norm = np.quantile(total, quantile)
    at = np.flatnonzero(total > max_norm)
    fired = len(at)
    assume(fired >= 3 and np.ptp(at) >= fired)  # all in a row may be the top of a curve
    found = ceiling(clipped(total, max_norm))
    assert found.norm == pytest.approx(max_norm, rel=1e-4)
    assert fired <= found.steps <= fired + 0.02 * steps + 2  # some are there by themselves
    assert found.finite == steps


@given(seeds, st.integers(0, 2000), st.floats(0.05, 2))
def test_norms_as_they_came_have_none(seed, steps, spread):
    assert ceiling(norms(seed, steps, spread)) is None


@given(st.integers(3, 5000), st.floats(0.001, 0.999))
def test_neither_has_a_smooth_curve_nor_what_is_always_the_same(steps, top):
    t = np.linspace(0, 1, steps)
    assert ceiling(np.exp(-((t - top) ** 2))) is None
    assert ceiling(np.full(steps, 0.3)) is None


def test_what_is_not_finite_is_no_ceiling():
    assert ceiling(np.array([1.0, np.inf, np.inf, np.nan, 2.0, np.inf])) is None


@pytest.mark.parametrize("own", [None, clip.ByNorm(10.0)], ids=str)
def test_a_loop_that_clips_by_itself_is_told(own):
    torch.manual_seed(0)
    model = nn.Linear(5, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with record(model, optimizer, clip=own) as recorder:
        for _ in range(20):
            optimizer.zero_grad()
            (model(torch.randn(8, 5)) - torch.randn(8, 1)).square().mean().backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
    recording = recorder.recording
    assert recording.judge().word == "clipped before"
    assert "record(..., clip=ByNorm(0.5)) clips in place of your own call" in str(recording.judge())
    assert "clipped before" in repr(recording)
    assert "No threshold can be told from them." in repr(recording.suggest())
