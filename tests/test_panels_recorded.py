"""The threshold panel of a recording shows and says what another threshold would have done."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from gradlab import clip, panels
from gradlab.clip.rule import EPS, kinds
from gradlab.draw import layers as heat
from gradlab.draw.firing import LEAST_COEFFICIENT
from gradlab.histogram.counting import count
from gradlab.histogram.log import RELATIVE_ERROR
from gradlab.panels.positions import control
from gradlab.panels.recorded import Recorded
from gradlab.recording import Recording
from gradlab.recording.compared import compared, threshold
from gradlab.recording.histograms import Histograms

EVERY = 4
KINDS = {
    "by norm": clip.ByNorm,
    "by norm, per layer": clip.PerLayer,
    "by value": clip.ByValue,
}


def gradients(steps=40, seed=0):
    """Per step, a gradient for each of three layers; step 7 is a spike."""
    generator = torch.Generator().manual_seed(seed)
    sizes = {"conv.weight": 24, "conv.bias": 4, "fc.weight": 12}
    made = []
    for step in range(steps):
        scale = 50.0 if step == 7 else 1 + step / 20
        made.append({n: scale * torch.randn(k, generator=generator) for n, k in sizes.items()})
    return made


def recording_of(made, exact=True, **changes):
    """A recording of given gradients, by numpy alone but for the counting."""
    names = tuple(made[0])
    norms = np.array([[np.linalg.norm(g[n].double().numpy()) for n in names] for g in made])
    total = np.linalg.norm(norms, axis=1)
    each = [
        Histograms.of(names, step, slice(None), count(list(made[step].values()), exact=exact)())
        for step in range(0, len(made), EVERY)
    ]
    given = Recording(
        layers=names,
        sizes=np.array([made[0][n].numel() for n in names]),
        total_norm=total,
        coefficient=np.ones(len(made)),
        fired=np.zeros(len(made), bool),
        layer_norms=norms,
        nonfinite={},
        skipped=0,
        clip=None,
        every=EVERY,
        histograms=Histograms.joined(names, each),
        weight_norms=np.ones((len(each), len(names))),
        norms_after=norms[::EVERY],
        update_norms=np.full((len(each), len(names)), np.nan),
        moment_ratios=np.full((len(each), len(names)), np.nan),
        optimizer=None,
        learning_rate=np.full(len(made), 0.1),
    )
    return replace(given, **changes)


@pytest.fixture(scope="module")
def made():
    return gradients()


@pytest.fixture(scope="module")
def recording(made):
    return recording_of(made)


@pytest.fixture(scope="module")
def shared(recording):
    return panels.threshold(recording)


@pytest.fixture
def panel(shared):
    """One panel for many tests, back at its start."""
    shared.reset()
    return shared


def marked(panel):
    """The steps that have a mark above the axes."""
    return panel.drawn.course.fired.get_xdata()[::3].tolist()


def test_threshold_shows_a_recording_step_by_step_and_a_gradient_by_its_histogram(panel, recording):
    assert isinstance(panel, Recorded)
    assert panel.clip.value == "by norm"
    assert not isinstance(panels.threshold(recording.histograms[8]), Recorded)


def test_by_norm_the_picture_holds_the_norms_cut_at_the_threshold(panel, recording):
    panel.threshold.value = 9.0
    course, norms = panel.drawn.course, recording.total_norm
    assert np.array_equal(course.before.get_ydata(), norms)
    assert np.array_equal(course.before.get_xdata(), np.arange(40))
    assert np.array_equal(course.after.get_ydata(), np.minimum(norms, 9.0))
    assert course.line.get_ydata() == [9.0, 9.0]
    assert marked(panel) == np.flatnonzero(norms > 9.0).tolist()
    assert not panel.drawn.layers.clipped.get_visible()


@pytest.mark.parametrize("rule", KINDS)
def test_what_is_marked_is_what_clipping_the_gradients_changes(panel, made, rule):
    panel.clip.value = rule
    panel.threshold.value = {"by norm": 9.0, "by value": 4.0}.get(rule, 6.0)
    steps = range(0, 40, EVERY) if rule == "by value" else range(40)
    coefficients = []
    for step in steps:
        weights = [torch.zeros_like(g, requires_grad=True) for g in made[step].values()]
        for weight, gradient in zip(weights, made[step].values(), strict=True):
            weight.grad = gradient.clone()
        coefficients.append(float(KINDS[rule](panel.threshold.value).clip_(weights).coefficient))
    hit = [step for step, c in zip(steps, coefficients, strict=True) if c < 1]
    assert 0 < len(hit) < len(steps)
    assert marked(panel) == hit
    shown = panel.drawn.coefficients.curve.get_ydata()
    assert shown == pytest.approx(np.sort(coefficients), rel=2 * RELATIVE_ERROR)
    share = len(hit) / len(steps)
    assert panel.drawn.firing.here.get_xdata() == pytest.approx([100 * share])
    assert f"would have clipped {len(hit)} of {len(steps)} steps" in panel.readout


def test_how_often_it_fires_is_read_off_the_curve(panel, recording):
    shares, thresholds = panel.drawn.firing.curve.get_data()
    for max_norm in (5.0, 8.0, 9.0, 11.0, 12.0, 15.0, 200.0, 400.0):
        panel.threshold.value = max_norm
        at = np.flatnonzero(thresholds <= max_norm)[0]  # a step function, falling
        assert panel.drawn.firing.here.get_xdata()[0] == pytest.approx(shares[at])
        assert shares[at] == pytest.approx(100 * (recording.total_norm > max_norm).mean())


def test_each_layer_alone_covers_the_cells_that_are_clipped(panel, recording):
    panel.clip.value = "by norm, per layer"
    panel.threshold.value = 6.0
    cells = panel.drawn.layers.clipped
    assert cells.get_visible()
    covered = np.asarray(cells.get_array())[..., 3] > 0
    assert np.array_equal(covered, (recording.layer_norms > 6.0).T)
    assert np.array_equal(panel.drawn.course.before.get_ydata(), recording.layer_norms.max(1))


@pytest.mark.parametrize("rule", KINDS)
def test_at_the_upper_end_no_step_is_clipped_and_at_the_lower_end_every_one(panel, rule):
    panel.clip.value = rule
    first, limits = (
        panel.readout,
        [axes.get_ylim() for axes in panel.drawn.course.before.figure.axes],
    )
    panel.threshold.value = 10**panel.threshold.max
    assert "would have clipped none of" in panel.readout
    assert marked(panel) == []
    panel.threshold.value = 10**panel.threshold.min
    assert "(100 %): a step-size limiter" in panel.readout
    assert limits == [axes.get_ylim() for axes in panel.drawn.course.before.figure.axes]
    panel.reset()
    panel.clip.value = rule
    assert panel.readout == first


def test_another_rule_shows_another_quantity_and_another_slider(panel, recording):
    axes = panel.drawn.course.before.axes
    for rule, what, hidden in (
        ("by value", "largest |element|", "max_norm"),
        ("by norm, per layer", "largest layer norm", "clip_value"),
        ("by norm", "total gradient norm", "clip_value"),
    ):
        panel.clip.value = rule
        assert axes.get_ylabel() == what
        assert panel.thresholds[hidden].layout.display == "none"
        assert panel.threshold.layout.display is None
        assert axes.get_ylim() == (10**panel.threshold.min, 10**panel.threshold.max)


def test_the_readout_says_how_hard_where_and_that_it_is_a_counterfactual(panel, recording):
    panel.threshold.value = 30.0
    norms = recording.total_norm
    largest = recording.layers[recording.layer_norms[7].argmax()]
    share = 100 * (recording.layer_norms[7].max() / norms[7]) ** 2
    assert panel.readout == (
        "max_norm = 30.0: would have clipped 1 of 40 steps (2.5 %): an explosion guard. "
        f"Smallest coefficient {30 / norms[7]:#.3g}, at step 7, where {largest} has the largest "
        f"gradient. Over these steps {largest} spends {share:#.3g} % of ‖g‖². "
        f"Largest norm {norms[7]:.0f} → 30.0, "
        f"median {np.median(norms):#.3g} → {np.median(norms):#.3g}. "
        "The run itself: nothing clipped in this run. This is about the recorded gradients: with "
        "another threshold the run would have gone elsewhere."
    )


def test_a_rule_that_turns_gradients_says_by_how_much(panel):
    panel.clip.value = "by value"
    panel.threshold.value = 1.0
    assert re.search(r"It turns them by up to \d+\.\d°", panel.readout)
    assert "of 10 steps with a histogram (every 4th)" in panel.readout


def test_the_threshold_of_the_run_is_drawn_where_the_rule_is_the_same(made):
    clipped = recording_of(made, clip=clip.ByNorm(5.0))
    panel = panels.threshold(clipped)
    assert panel.drawn.course.reference.get_ydata() == [5.0, 5.0]
    panel.clip.value = "by value"
    assert np.isnan(panel.drawn.course.reference.get_ydata()).all()


def test_the_threshold_of_the_run_is_known_for_bounds_on_2_norms_and_values_alone(made):
    for rule in (clip.ByNorm(5), clip.PerLayer(0.25), clip.ByValue(1e-3)):
        run = recording_of(made, clip=rule)
        for kind in KINDS.values():
            value = getattr(rule, "clip_value", getattr(rule, "max_norm", None))
            assert threshold(run, kind) == (value if isinstance(rule, kind) else None)
    for rule in (clip.ByNorm(5, norm_type=1), clip.ByNorm(np.inf), clip.Percentile(10)):
        assert threshold(recording_of(made, clip=rule), clip.ByNorm) is None


def test_steps_that_are_not_finite_or_zero_stay_in_the_picture_and_are_said(made):
    lost = [{n: g.clone() for n, g in step.items()} for step in made]
    lost[3]["fc.weight"][0] = torch.nan
    lost[4]["conv.bias"][1] = torch.inf
    lost[5] = {n: torch.zeros_like(g) for n, g in made[5].items()}
    run = recording_of(lost, nonfinite={3: "fc.weight", 4: "conv.bias"}, skipped=2)
    panel = panels.threshold(run)
    x, y = panel.drawn.course.lost.get_data()
    low, high = panel.drawn.course.before.axes.get_ylim()
    assert (x.tolist(), y.tolist()) == ([3, 4, 5], [high, high, low])
    assert "Not finite (crosses): 2 steps, the first step 3, in fc.weight." in panel.readout
    assert "The gradient scaler skipped 2 more." in panel.readout
    assert "of 38 steps" in panel.readout
    colours = panel.drawn.layers.norms
    shown = colours.to_rgba(colours.get_array())
    assert shown[2, 3].tolist() == [0, 0, 0, 1]
    assert shown[1, 4].tolist() == [0, 0, 0, 1]
    assert (shown[:, 5] == 1).all()
    for rule in KINDS:
        panel.clip.value = rule
        panel.threshold.value = 10**panel.threshold.min
        assert "Not possible" not in panel.readout


def test_of_more_steps_than_columns_each_column_shows_its_largest():
    steps = 2 * heat.COLUMNS + 123
    norms = np.random.default_rng(0).lognormal(size=(steps, 3))
    norms[777, 1] = 1e6
    run = recording_of(gradients(4))
    run = replace(
        run,
        total_norm=np.linalg.norm(norms, axis=1),
        layer_norms=norms,
        coefficient=np.ones(steps),
        fired=np.zeros(steps, bool),
    )
    panel = panels.threshold(run, clip=clip.PerLayer)
    panel.threshold.value = 1e3
    drawn = panel.drawn
    cells = np.asarray(drawn.layers.norms.get_array())
    assert cells.shape == (3, -(-steps // 3))
    assert cells[1, 777 // 3] == 1e6
    assert cells.max() == 1e6
    assert drawn.course.before.get_ydata().max() == 1e6
    assert drawn.course.before.get_ydata().min() == norms.max(1).min()
    assert marked(panel) == [778.0]  # the middle of steps 777, 778, 779
    assert (np.asarray(drawn.layers.clipped.get_array())[..., 3] > 100).sum() == 1
    assert "each column: the largest of 3" in drawn.layers.norms.axes.get_xlabel()


def test_one_step_is_a_recording_too():
    panel = panels.threshold(recording_of(gradients(1)))
    panel.threshold.value = 10**panel.threshold.min
    assert "would have clipped 1 of 1 step (100 %)" in panel.readout


def test_a_layer_without_a_gradient_is_grey(made):
    norms = recording_of(made).layer_norms.copy()
    norms[:, 1] = np.nan
    panel = panels.threshold(recording_of(made, layer_norms=norms))
    colours = panel.drawn.layers.norms
    assert np.ptp(colours.to_rgba(colours.get_array())[1, :, :3]) == 0
    assert "Not possible" not in panel.readout


def test_without_histograms_there_is_no_rule_by_value(made):
    names = tuple(made[0])
    bare = recording_of(made, histograms=Histograms.joined(names, []))
    panel = panels.threshold(bare)
    assert list(panel.clip.options) == [
        kind.label for kind in kinds() if kind.part not in ("element", "unit")
    ]
    with pytest.raises(ValueError, match="clip must need no histograms"):
        panels.threshold(bare, clip=clip.ByValue)


def test_a_recording_without_anything_to_clip_is_refused(made):
    zeros = [{n: torch.zeros_like(g) for n, g in step.items()} for step in made]
    nans = [{n: g * torch.nan for n, g in step.items()} for step in made]
    empty = recording_of(
        made[:1],
        total_norm=np.zeros(0),
        layer_norms=np.zeros((0, 3)),
        coefficient=np.zeros(0),
        fired=np.zeros(0, bool),
        histograms=Histograms.joined(tuple(made[0]), []),
    )
    for run in (recording_of(zeros), recording_of(nans), empty):
        with pytest.raises(ValueError, match="must hold a gradient that is finite and not zero"):
            panels.threshold(run)


def test_an_unknown_rule_is_refused(recording):
    with pytest.raises(ValueError, match="clip must be one of ByValue, PerLayer, AdaGC, ByNorm, "):
        panels.threshold(recording, clip=clip.Adaptive)
    with pytest.raises(ValueError, match="clip must be one of ByValue, PerLayer, ByNorm, got"):
        panels.threshold(recording.histograms[8], clip=clip.ZClip)


def test_a_rule_whose_threshold_moves_has_nothing_to_compare(recording):
    with pytest.raises(
        TypeError,
        match=r"clip must be a rule with a fixed threshold .* got 'by norm, at a percentile'",
    ):
        compared(recording, clip.Percentile)
    with pytest.raises(TypeError, match=r"got 'by norm, per layer \(AdaGC\)'"):
        compared(recording, clip.AdaGC)


# Rules whose threshold moves.

MOVING = {
    kind.label: kind
    for kind in (
        clip.ZClip(1.5, warmup_steps=5),
        clip.AdaGC(2.0, warmup_steps=5, lambda_abs=9.0),
        clip.SkipSpikes(2.0, window=20),
        clip.Percentile(60.0),
    )
}


@pytest.fixture(scope="module")
def replayed(recording):
    """A panel for each of them, which begins with it."""
    return {label: panels.threshold(recording, clip=rule) for label, rule in MOVING.items()}


def clipped_live(rule, made):
    """What the rule did to each step of a run: fired, norm after / before."""
    did = []
    for step in made:
        weights = {name: torch.zeros_like(g, requires_grad=True) for name, g in step.items()}
        for name, weight in weights.items():
            weight.grad = step[name].clone()
        did.append(rule.clip_(weights.items()))
    return [bool(one.fired) for one in did], [float(one.coefficient) for one in did]


@pytest.mark.parametrize("rule", MOVING)
def test_what_a_replay_marks_is_what_clipping_the_run_changes(replayed, recording, made, rule):
    panel, norms = replayed[rule], recording.total_norm
    panel.reset()
    for move in (0, 3):
        panel.threshold.value = panel.threshold.value * 10 ** (move * panel.threshold.step)
        asked = MOVING[rule].with_bound(panel.threshold.value)
        fired, coefficients = clipped_live(asked, made)
        assert 0 < sum(fired) < len(fired)
        assert marked(panel) == np.flatnonzero(fired).tolist()
        shown = panel.drawn.coefficients.curve.get_ydata()
        left = np.sort(coefficients).clip(LEAST_COEFFICIENT)
        assert shown == pytest.approx(left, rel=1e-5)
        curve = panel.drawn.course.line.get_ydata()
        near = EPS if rule == clip.Percentile.label else 0.0  # the norm may be the percentile
        np.testing.assert_array_equal(norms + near > np.nan_to_num(curve, nan=np.inf), fired)
        after = np.where(np.array(coefficients) > 0, norms * coefficients, np.nan)
        np.testing.assert_allclose(panel.drawn.course.after.get_ydata(), after, rtol=1e-5)


@pytest.mark.parametrize("rule", MOVING)
def test_how_often_a_replayed_rule_fires_is_tried_at_each_position(replayed, recording, rule):
    panel = replayed[rule]
    panel.reset()
    panel.settle()
    shares, bounds = panel.drawn.firing.measured.get_data()
    places = control(panel.threshold).values
    assert np.array_equal(bounds, places)
    for k in (0, len(places) // 2, len(places) - 1):
        panel.threshold.value = places[k]
        assert shares[k] == panel.drawn.firing.here.get_xdata()[0]
        would = recording.what_if(MOVING[rule].with_bound(panel.threshold.value))
        assert shares[k] == 100 * would.fraction
    assert not len(panel.drawn.firing.curve.get_xdata())


def test_the_shares_of_a_rule_that_is_chosen_later_come_by_themselves(recording):
    panel = panels.threshold(recording)
    assert not panel.measuring.going
    panel.clip.value = clip.ZClip.label
    assert panel.measuring.wait(60)
    assert len(panel.drawn.firing.measured.get_xdata()) == len(control(panel.threshold))
    panel.clip.value = "by norm"
    assert not len(panel.drawn.firing.measured.get_xdata())
    assert len(panel.drawn.firing.curve.get_xdata())


@pytest.mark.parametrize("rule", MOVING)
def test_a_warm_up_is_marked_and_said(replayed, rule):
    panel, warmup = replayed[rule], MOVING[rule].warmup
    course = panel.drawn.course
    assert course.warm.get_visible() == course.name.get_visible() == (warmup > 0)
    assert course.warm.get_width() == warmup
    assert ("warm-up" in panel.readout) == (warmup > 0)
    assert (f"Its warm-up takes {warmup} steps." in panel.readout) == (warmup > 0)
    panel.clip.value = "by norm"
    assert not course.warm.get_visible()
    panel.reset()


def test_in_the_warm_up_of_adagc_the_threshold_is_that_of_the_total_norm(replayed):
    panel = replayed[clip.AdaGC.label]
    panel.reset()
    assert panel.drawn.course.line.get_ydata()[:4] == pytest.approx(9.0)
    assert marked(panel)[0] > 0  # the first norms are below


def test_layers_that_a_replay_clips_are_covered(replayed, recording):
    panel = replayed[clip.AdaGC.label]
    panel.reset()
    would = recording.what_if(MOVING[clip.AdaGC.label].with_bound(panel.threshold.value))
    covered = np.asarray(panel.drawn.layers.clipped.get_array())[..., 3] > 0
    assert np.array_equal(covered, (would.layer_norm_after < would.layer_norm_before).T)
    assert 0 < covered[:, 5:].mean() < 1


def test_a_rule_that_drops_steps_says_so(replayed):
    panel = replayed[clip.SkipSpikes.label]
    panel.reset()
    assert re.search(r"would have dropped \d+ of 40 steps", panel.readout)
    assert "coefficient" not in panel.readout


def test_the_settings_of_a_rule_are_those_given_or_the_runs_own_or_the_usual(made):
    own = clip.ZClip(3.0, warmup_steps=7)
    run = recording_of(made, clip=own)
    panel = panels.threshold(run, clip=clip.ZClip)
    assert panel.drawn.course.warm.get_width() == 7
    was = run.what_if(own).threshold
    reference = panel.drawn.course.reference.get_ydata()
    np.testing.assert_array_equal(reference, np.where(np.isfinite(was), was, np.nan))
    assert panel.threshold.value == pytest.approx(3.0)
    given = panels.threshold(run, clip=clip.ZClip(1.0, warmup_steps=9))
    assert given.drawn.course.warm.get_width() == 9
    given.clip.value = clip.SkipSpikes.label
    assert given.drawn.course.warm.get_width() == clip.SkipSpikes().warmup
    assert np.isnan(given.drawn.course.reference.get_ydata()).all()


def test_a_threshold_that_moves_lies_in_columns_as_the_norms_do():
    steps = 2 * heat.COLUMNS + 123
    norms = np.random.default_rng(0).lognormal(size=(steps, 3))
    some = {"total_norm": np.linalg.norm(norms, axis=1), "layer_norms": norms}
    some |= {"coefficient": np.ones(steps), "fired": np.zeros(steps, bool)}
    panel = panels.threshold(replace(recording_of(gradients(4)), **some), clip=clip.Percentile)
    course = panel.drawn.course
    for line in (course.line, course.after):
        assert np.array_equal(line.get_xdata(), course.before.get_xdata())
    assert (course.after.get_ydata() <= course.before.get_ydata() * (1 + 1e-6)).all()


def test_no_coefficient_leaves_the_picture(made):
    panel = panels.threshold(recording_of([*made, {n: 1e9 * g for n, g in made[0].items()}]))
    panel.threshold.value = 10**panel.threshold.min
    assert panel.drawn.coefficients.curve.get_ydata()[0] == LEAST_COEFFICIENT
