"""What another rule would have done, against really clipping the same gradients."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gradlab import clip
from gradlab.histogram.log import RELATIVE_ERROR
from gradlab.recording.record import record
from gradlab.recording.suggestion import judge, suggest

LAYERS = {"many": (60, 50), "few": (7,), "one": (1,)}
STEPS = 12


def blank():
    return nn.ParameterDict({name: torch.zeros(shape) for name, shape in LAYERS.items()})


def gradients():
    """Steps of gradients of many sizes: with zeros, a layer that is missing, and a zero step."""
    generator = torch.Generator().manual_seed(5)
    made = []
    for step in range(STEPS):
        size = 10.0 ** (step % 5 - 2)
        each = {n: size * torch.randn(s, generator=generator) for n, s in LAYERS.items()}
        each["many"][::3] = 0
        if step == 4:
            each["few"] = None
        if step == 7:
            each = {name: torch.zeros(shape) for name, shape in LAYERS.items()}
        made.append(each)
    return made


def fed(rule=None, every=1, made=None):
    """The recording of those gradients, clipped by a rule."""
    model = blank()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(model, optimizer, clip=rule, every=every) as recorder:
        for each in made or gradients():
            for name, gradient in each.items():
                model[name].grad = None if gradient is None else gradient.clone()
            optimizer.step()
    return recorder.recording


def really_clipped(rule):
    """Per step: fired, coefficient, total before and after, cosine, and norms after by layer."""
    rows = []
    for each in gradients():
        model = blank()
        for name, gradient in each.items():
            model[name].grad = None if gradient is None else gradient.clone()
        did = rule.clip_(model.named_parameters())
        held = [name for name in sorted(LAYERS) if each[name] is not None]
        before = torch.cat([each[name].flatten() for name in held]).double()
        after = torch.cat([model[name].grad.flatten() for name in held]).double()
        cosine = before @ after / (before.norm() * after.norm())
        norms = [float(model[n].grad.norm()) if n in held else math.nan for n in sorted(LAYERS)]
        rows.append(
            (
                bool(did.fired),
                float(did.coefficient),
                float(before.norm()),
                float(after.norm()),
                float(cosine),
                norms,
            )
        )
    return [np.array(column) for column in zip(*rows, strict=True)]


def agree(found, rule, rtol):
    fired, coefficient, before, after, cosine, norms = really_clipped(rule)
    assert list(found.steps) == list(range(STEPS))
    assert list(found.fired) == list(fired)
    order = [found.layers.index(name) for name in sorted(LAYERS)]
    np.testing.assert_allclose(found.coefficient, coefficient, rtol=rtol)
    np.testing.assert_allclose(found.norm_before, before, rtol=1e-6)
    np.testing.assert_allclose(found.norm_after, after, rtol=rtol)
    np.testing.assert_allclose(found.cosine, cosine, rtol=2 * rtol)
    np.testing.assert_allclose(found.layer_norm_after[:, order], norms, rtol=rtol)
    assert found.fraction == fired.mean()


THRESHOLDS = st.floats(-3, 3).map(lambda x: 10**x)
RECORDED = fed()


@given(THRESHOLDS)
def test_another_norm_bound_is_answered_exactly(max_norm):
    rule = clip.ByNorm(max_norm)
    agree(RECORDED.what_if(rule), rule, 2e-5)


@given(THRESHOLDS)
def test_a_bound_per_layer_is_answered_exactly(max_norm):
    rule = clip.PerLayer(max_norm)
    agree(RECORDED.what_if(rule), rule, 2e-5)


@given(st.floats(1, 100))
def test_a_percentile_is_answered_exactly_by_seeing_all_steps_again(percentile):
    agree(RECORDED.what_if(clip.Percentile(percentile)), clip.Percentile(percentile), 2e-5)


MOVING = [
    clip.ZClip(1.0, warmup_steps=3),
    clip.ZClip(0.5, alpha=0.5, warmup_steps=2, mode="mean", max_norm=30.0),
    clip.AdaGC(warmup_steps=3),
    clip.AdaGC(1.5, 0.5, 2, lambda_abs=math.inf),
]


@pytest.mark.parametrize("rule", MOVING, ids=repr)
def test_a_rule_that_moves_is_answered_exactly_by_what_it_would_have_seen(rule):
    found = RECORDED.what_if(rule)
    assert 0 < found.fired.sum() < STEPS
    agree(found, rule.with_bound(rule.bound), 2e-5)
    assert RECORDED.what_if(rule).coefficient.tolist() == found.coefficient.tolist()


def test_skipped_spikes_are_answered_exactly():
    made = [gradients()[step % 2] for step in range(40)]
    made[30] = {name: 1e3 * gradient for name, gradient in made[30].items()}
    rule = clip.SkipSpikes(window=20)
    run, unclipped = fed(rule, made=made), fed(made=made)
    found = unclipped.what_if(rule)
    assert list(np.flatnonzero(found.fired)) == list(np.flatnonzero(run.fired)) == [30]
    assert found.coefficient.tolist() == run.coefficient.tolist()
    assert found.norm_after[30] == 0
    assert (run.norms_after[30] == 0).all()


@given(THRESHOLDS)
def test_a_bound_on_values_is_answered_within_the_stated_error(clip_value):
    rule = clip.ByValue(clip_value)
    found = RECORDED.what_if(rule)
    assert found.error == RELATIVE_ERROR
    fired, coefficient, _, after, cosine, _ = really_clipped(rule)
    largest = np.array(
        [max(float(g.abs().max()) for g in e.values() if g is not None) for e in gradients()]
    )
    sure = np.abs(largest / clip_value - 1) > RELATIVE_ERROR
    assert list(found.fired[sure]) == list(fired[sure])
    np.testing.assert_allclose(found.coefficient, coefficient, rtol=RELATIVE_ERROR)
    np.testing.assert_allclose(found.norm_after, after, rtol=RELATIVE_ERROR)
    np.testing.assert_allclose(found.cosine, cosine, rtol=2 * RELATIVE_ERROR)


@pytest.mark.parametrize("clip_value", [1e-4, 3e-2, 1.0, 5.0, 1e4])
def test_values_are_clamped_as_by_each_histogram(clip_value):
    found = RECORDED.what_if(clip.ByValue(clip_value))
    for row, histograms in enumerate(RECORDED.histograms.values()):
        for name, histogram in histograms.items():
            ratio = histogram.norm_after_value_clip(clip_value) / (histogram.norm() or 1.0)
            column = RECORDED.layers.index(name)
            expected = ratio * RECORDED.layer_norms[row, column]
            assert found.layer_norm_after[row, column] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rule", [clip.ByNorm(0.3), clip.ByValue(0.01), clip.PerLayer(0.1)])
def test_what_clipped_in_the_run_changes_no_answer(rule):
    clipped, asked = fed(rule), clip.ByNorm(2.0)
    assert clipped.fired.any()
    np.testing.assert_array_equal(
        clipped.what_if(asked).coefficient, RECORDED.what_if(asked).coefficient
    )
    asked = clip.ByValue(0.5)
    np.testing.assert_array_equal(
        clipped.what_if(asked).norm_after, RECORDED.what_if(asked).norm_after
    )


@pytest.mark.parametrize(
    "rule", [clip.ByNorm(0.3), clip.PerLayer(0.1), clip.Percentile(40.0), *MOVING]
)
def test_the_recorded_rule_is_what_happened(rule):
    recording = fed(rule.with_bound(rule.bound))
    found = recording.what_if(rule)
    assert list(found.fired) == list(recording.fired)
    np.testing.assert_allclose(found.coefficient, recording.coefficient, rtol=1e-5)
    np.testing.assert_allclose(found.layer_norm_after, recording.norms_after, rtol=1e-4)


def test_values_are_answered_at_the_steps_with_histograms():
    recording = fed(every=5)
    found = recording.what_if(clip.ByValue(0.5))
    assert list(found.steps) == [0, 5, 10, 11]
    expected = RECORDED.what_if(clip.ByValue(0.5)).norm_after[[0, 5, 10, 11]]
    np.testing.assert_allclose(found.norm_after, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "rule",
    [
        clip.ByNorm(1.0),
        clip.PerLayer(1.0),
        clip.Percentile(50.0),
        clip.ByValue(1.0),
        clip.SkipSpikes(),
        *MOVING,
    ],
)
def test_a_step_that_was_not_finite_has_no_answer(rule):
    made = gradients()
    made[3]["few"][2] = math.nan
    made[5]["many"][1, 1] = math.inf
    found = fed(clip.ByNorm(1.0, nonfinite="allow"), made=made).what_if(rule)
    lost = np.isnan(found.norm_after)
    assert list(np.flatnonzero(lost)) == [3, 5]
    assert np.isnan(found.coefficient[lost]).all()
    assert not found.fired[lost].any()
    assert found.fraction == found.fired[~lost].mean()


NOTHING_TO_DO = [
    clip.ByNorm(1.0),
    clip.PerLayer(1.0),
    clip.ByValue(1.0),
    clip.Percentile(50.0),
    clip.ZClip(),
    clip.AdaGC(),
    clip.SkipSpikes(),
]


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_a_recording_of_nothing_to_clip_answers_without_a_number(value):
    made = [{name: torch.full(shape, value) for name, shape in LAYERS.items()}] * 2
    recording = fed(clip.ByNorm(1.0, nonfinite="allow"), made=made)
    for rule in NOTHING_TO_DO:
        found = recording.what_if(rule)
        assert not found.fired.any()
        assert np.isnan(found.cosine).all()
        np.testing.assert_array_equal(found.norm_after, [value, value])
        assert "smallest coefficient 1" in repr(found)
    assert recording.judge().word == "unused"


def test_rules_that_need_more_than_was_recorded_are_refused():
    with pytest.raises(TypeError, match=r"got Adaptive, which goes by those of each unit"):
        RECORDED.what_if(clip.Adaptive())
    with pytest.raises(TypeError, match=r"clip must be a rule, got float$"):
        RECORDED.what_if(1.0)
    with pytest.raises(ValueError, match=r"norm_type must be 2, .* got ByNorm\("):
        RECORDED.what_if(clip.ByNorm(1.0, norm_type=1.0))


def test_an_empty_recording_has_empty_answers():
    model = blank()
    recording = record(model, torch.optim.SGD(model.parameters(), lr=0.1)).recording
    for rule in NOTHING_TO_DO:
        found = recording.what_if(rule)
        assert len(found.steps) == len(found.coefficient) == 0
        assert math.isnan(found.fraction)
        assert "nan" in repr(found)
    assert recording.judge().word == "no steps"
    assert "0 steps" in repr(recording)
    with pytest.raises(ValueError, match="no step was recorded"):
        recording.suggest()


# Suggestions and judgement.


def test_suggestions_are_the_stated_statistics_with_what_they_would_have_done():
    found = RECORDED.suggest()
    norms = RECORDED.total_norm
    expected = {
        "90th percentile": np.percentile(norms, 90),
        "99th percentile": np.percentile(norms, 99),
        "2 x median": 2 * np.median(norms),
        "5 x median": 5 * np.median(norms),
    }
    assert {one.says: one.max_norm for one in found.each} == pytest.approx(expected)
    assert [one.max_norm for one in found.each] == sorted(expected.values())
    for one in found.each:
        done = RECORDED.what_if(clip.ByNorm(one.max_norm))
        assert one.fraction == done.fraction
        assert one.smallest == pytest.approx(done.coefficient.min())
    assert "with another threshold, the run itself\nwould have gone elsewhere" in repr(found)
    assert "clipped by" not in repr(found)
    assert "clipped by ByNorm(" in repr(fed(clip.ByNorm(1.0)).suggest())


def test_a_threshold_that_never_fires_says_so():
    steady = suggest(np.full(20, 3.0), None)
    at_double = next(one for one in steady.each if one.says == "2 x median")
    assert (at_double.fraction, at_double.smallest) == (0.0, 1.0)
    assert str(at_double).endswith("would never have fired")


@pytest.mark.parametrize(
    ("fires", "word"),
    [
        (0, "unused"),
        (1, "explosion guard"),
        (10, "explosion guard"),
        (11, "in between"),
        (89, "in between"),
        (90, "step-size limiter"),
        (100, "step-size limiter"),
    ],
)
def test_a_rule_is_judged_by_how_often_it_fired(fires, word):
    sgd = {"name": "SGD", "groups": [{"lr": 0.1}]}
    found = judge(np.ones(100), np.arange(100) < fires, clip.ByNorm(1.0), sgd)
    assert found.word == word
    assert found.fraction == fires / 100
    assert ("normalised gradient descent" in found.because) == (word == "step-size limiter")
    assert f"{fires / 100:.1%} of 100 steps" in repr(found)


def test_a_rule_on_parts_is_judged_by_what_it_left_of_the_norm():
    def judged(rule, left):
        return judge(np.ones(9), np.ones(9, bool), rule, coefficient=np.full(9, left))

    assert judged(clip.ByValue(1.0), 0.999).word == "in between"
    assert judged(clip.ByValue(1.0), 0.2).word == "step-size limiter"
    assert judged(clip.ByNorm(1.0), 0.999).word == "step-size limiter"  # it sets the norm itself
    said = "it cut single layers at nearly every step; 20.0% of the norm was left"
    assert said in judged(clip.PerLayer(1.0), 0.2).because
    assert "dropped nearly every step" in judged(clip.SkipSpikes(), 0.0).because


def test_a_what_if_says_how_much_of_it_is_warm_up():
    some = {"total_norm": np.ones(20), "layer_norms": np.ones((20, 1))}
    run = replace(RECORDED, layers=("w",), **some)
    assert "of 20 steps (all its warm-up)" in repr(run.what_if(clip.AdaGC()))
    assert "(the first 4 of them its warm-up)" in repr(run.what_if(clip.AdaGC(warmup_steps=5)))
    assert "(the first 19 of them its warm-up)" in repr(run.what_if(clip.SkipSpikes(window=20)))
    assert "warm-up" not in repr(run.what_if(clip.ByNorm(1.0)))


def test_only_finite_steps_are_judged():
    total, fired = np.array([1.0, np.nan, np.inf, 2.0]), np.array([False, True, True, False])
    assert judge(total, fired, clip.ByNorm(1.0)).word == "unused"
    assert judge(total[1:3], fired[1:3], clip.ByNorm(1.0)).because.endswith(
        "no gradient with a finite norm"
    )
    assert fed(clip.ByNorm(1e-9)).judge().fraction == (STEPS - 1) / STEPS  # one gradient is zero
