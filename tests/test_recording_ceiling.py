"""A recording says where something clipped before it, and says it of nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from gradlab import clip, record
from gradlab.recording.ceiling import ceiling, pile

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
    assert found.at == pytest.approx(max_norm, rel=1e-4)
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


SHAPES = {
    "normal": lambda draws, size: draws.normal(size=size),
    "heavy": lambda draws, size: draws.standard_t(3, size),
    "even": lambda draws, size: draws.uniform(-1, 1, size),
}


def gradients(seed, shape, steps, size):
    """(steps, size): gradients that grow and shrink."""
    draws = np.random.default_rng(seed)
    scales = np.exp(draws.normal(size=(steps, 1)) / 2)
    return scales * SHAPES[shape](draws, (steps, size))


def counted(whole, clip_value=np.inf):
    """The histograms of gradients of two layers that were clipped by value before."""
    size = whole.shape[1]
    layers = nn.ParameterDict({"one": torch.zeros(size // 4), "two": torch.zeros(size - size // 4)})
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)
    with record(layers, optimizer, every=1) as recorder:
        for gradient in torch.tensor(whole, dtype=torch.float32):
            layers["one"].grad, layers["two"].grad = gradient.split([size // 4, size - size // 4])
            nn.utils.clip_grad_value_(layers.parameters(), clip_value)
            optimizer.step()
    return recorder.recording.histograms


@given(seeds, st.sampled_from(sorted(SHAPES)), st.integers(10, 40), st.integers(40, 400))
def test_elements_as_they_came_do_not_pile_up(seed, shape, steps, size):
    assert pile(counted(gradients(seed, shape, steps, size))) is None


@given(seeds, st.sampled_from(sorted(SHAPES)), st.integers(10, 40), st.integers(400, 2000))
def test_clipping_by_value_leaves_a_pile_and_its_place_is_the_threshold(seed, shape, steps, size):
    whole = gradients(seed, shape, steps, size)
    clip_value = np.sort(np.abs(whole))[:, -size // 5].min()  # at least 20 % of every gradient
    found = pile(counted(whole, clip_value))
    assert found.kind is clip.ByValue
    assert found.at == pytest.approx(clip_value, rel=0.016)  # a bin
    assert (found.steps, found.finite) == (steps, steps)


HABITS = {"ByNorm(0.5)": nn.utils.clip_grad_norm_, "ByValue(0.1)": nn.utils.clip_grad_value_}


@pytest.mark.parametrize("rule", HABITS)
@pytest.mark.parametrize("own", [None, clip.ByNorm(10.0)], ids=str)
def test_a_loop_that_clips_by_itself_is_told(own, rule):
    torch.manual_seed(0)
    model = nn.Linear(50, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    bound = float(rule.partition("(")[2].rstrip(")"))
    with record(model, optimizer, clip=own, every=1) as recorder:
        for _ in range(20):
            optimizer.zero_grad()
            (model(torch.randn(8, 50)) - torch.randn(8, 1)).square().mean().backward()
            HABITS[rule](model.parameters(), bound)
            optimizer.step()
    recording = recorder.recording
    assert recording.judge().word == "clipped before"
    assert f"record(..., clip={rule}) clips in place of your own call" in str(recording.judge())
    assert "clipped before" in repr(recording)
    assert "No threshold can be told from them." in repr(recording.suggest())
