"""Who spends the norm, and who rose first."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_panels_recorded import recording_of
from test_recording_whatif import RECORDED, fed, gradients

from gradlab import clip, panels

LAYERS = ("embed", "block", "head")


def run_of(norms, **changes):
    """A recording of these layer norms, (n, 3)."""
    base = recording_of([{name: np_tensor(1.0) for name in LAYERS}])
    total = np.linalg.norm(norms, axis=1)
    given = {"layer_norms": norms, "total_norm": total, "fired": total > 3, "coefficient": total}
    return replace(base, layers=LAYERS, **given | changes)


def np_tensor(value):
    return torch.full((4,), value)


def steady(steps=100):
    """Norms around 1 that hardly move."""
    return 1 + 0.05 * np.random.default_rng(0).normal(size=(steps, 3)).clip(-2, 2)


def test_shares_are_the_parts_of_the_squared_norm():
    run = run_of(np.array([[3.0, 4.0, 0.0], [1.0, np.nan, 1.0]]))
    run = replace(run, total_norm=np.array([5.0, math.sqrt(2)]))
    np.testing.assert_allclose(run.shares(), [[0.36, 0.64, 0], [0.5, np.nan, 0.5]])
    shares = RECORDED.shares()[RECORDED.total_norm > 0]
    np.testing.assert_allclose(np.nansum(shares, axis=1), 1, rtol=1e-6)


def test_a_step_without_a_finite_norm_has_no_shares():
    made = gradients()
    made[3]["few"][2] = math.nan
    run = fed(clip.ByNorm(1.0, nonfinite="allow"), made=made)
    lost = np.isnan(run.shares()).all(axis=1)
    assert list(np.flatnonzero(lost)) == [3, 7]  # in step 7 all gradients are zero


def test_the_layer_that_rose_first_comes_first():
    norms = steady()
    norms[85:91, 2] = [1.5, 2, 3, 4, 6, 8]
    norms[88:91, 0] = [2, 4, 20]
    norms[90, 1] = 3
    found = run_of(norms).culprits()
    assert found.step == 90
    assert found.layers == ("head", "embed", "block")
    assert found.rose.tolist() == [85, 88, 90]
    past = norms[21:85, 2]
    assert found.z_score[0] == pytest.approx((1.5 - past.mean()) / past.std(ddof=1))
    np.testing.assert_allclose(found.share, norms[90, [2, 0, 1]] ** 2 / (norms[90] ** 2).sum())
    lines = repr(found).splitlines()
    assert lines[0].startswith("Step 90, norm 21.7. Layers in the order in which they rose 4 stand")
    assert (
        lines[1]
        == f"  head: 5 steps before (z = {found.z_score[0]:.3g}), 13.5% of the squared norm"
    )
    assert lines[3].startswith("  block: at that step")


def test_of_layers_that_rise_together_the_steeper_is_first():
    norms = steady()
    norms[90] = [5, 9, 1]
    assert run_of(norms).culprits(90).layers == ("block", "embed")


def test_a_calm_step_has_no_culprit():
    found = run_of(steady()).culprits(70)
    assert found.layers == ()
    assert "no layer rose 4 standard deviations" in repr(found)


def test_the_first_step_that_is_not_finite_is_asked_about():
    norms = steady()
    norms[60, 1], norms[62], norms[80, 0] = 4.0, [1, np.inf, np.nan], np.inf
    found = run_of(norms).culprits()
    assert (found.step, found.layers) == (62, ("block", "head"))
    assert np.isposinf(found.z_score[1])
    assert "of the squared norm" not in repr(found)


def test_with_few_steps_before_nothing_stands_out():
    assert run_of(np.array([[1.0, 1, 1], [9, 1, 1]])).culprits().layers == ()


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        ({"step": 100}, "step must be a whole number from 0 to 99, got 100"),
        ({"step": -1}, "step must be a whole number"),
        ({"z_thresh": 0}, "z_thresh must be a number"),
        ({"window": 7}, "window must be a whole number, 8 or more"),
    ],
)
def test_what_cannot_be_asked_is_named(ask, match):
    with pytest.raises(ValueError, match=match):
        run_of(steady()).culprits(**ask)


def test_the_panel_says_who_spends_the_norm_at_the_steps_that_fire():
    panel = panels.threshold(RECORDED)
    panel.threshold.value = 20.0
    fired = RECORDED.what_if(clip.ByNorm(panel.threshold.value)).fired
    spent = np.nan_to_num(RECORDED.shares())[fired].mean(axis=0)
    name = RECORDED.layers[int(spent.argmax())]
    assert f"Over these steps {name} spends {100 * spent.max():.3g} %" in panel.readout
