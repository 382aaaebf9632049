"""Runs spike where they should, a detector knows no future, and futures are exact."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from gradlab import record
from gradlab.clip import AdaGC, ByNorm, SkipSpikes, ZClip
from gradlab.course import sweep
from gradlab.course.lessons import spikes
from gradlab.course.lessons.spikes import detector, experiment, language, runs
from gradlab.course.lessons.spikes.treatments import REWIND, TREATMENTS, heard
from gradlab.course.sweep.records import Records, Row
from gradlab.training import Steered


def plain(clip=None, seed=0):
    """A tiny run of another kind than the lesson's: SGD, without a spike."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)

    def batches():
        dice = torch.Generator().manual_seed(0)
        for _ in range(100):
            inputs = torch.randn(8, 4, generator=dice)
            yield inputs, inputs[:, :3].argmax(1)

    return Steered(model, optimizer, batches, clip=clip, every=7)


# The language and its runs


def test_no_prediction_of_the_language_is_better_than_its_entropy():
    signs = language.sentences(language.Dice(3), 4000)
    pairs = np.zeros((16, 16))
    np.add.at(pairs, (signs[:, :-1].ravel(), signs[:, 1:].ravel()), 1)
    shares = pairs / pairs.sum(1, keepdims=True)
    assert ((shares > 0).sum(1) == 3).all()
    entropy = -(pairs * np.log(np.where(shares > 0, shares, 1))).sum() / pairs.sum()
    assert entropy == pytest.approx(language.ENTROPY, abs=0.01)


def test_bad_batches_stand_where_they_were_put_and_all_others_stay():
    usual, other = language.batches(1), language.batches(1, range(1, 3), language.one_sign)
    for place in range(4):
        (good, _), (bad, targets) = next(usual), next(other)
        assert torch.equal(good, bad) == (place not in (1, 2))
        assert place not in (1, 2) or not (bad.any() or targets.any())


def test_a_spike_is_found_and_a_slow_rise_or_a_run_without_one_is_none():
    assert spikes.onset([1.0] * 50 + [1.6]) == 50
    assert spikes.onset([1.0] * 50 + [float("nan")]) == 50
    assert spikes.onset(np.linspace(0, 1, 100)) is None
    assert spikes.onset([1.0] * 10 + [9.0]) is None  # too early to be judged


def test_a_run_spikes_at_its_bad_batches():
    run = spikes.spiking("one sign", seed=7, steps=runs.BAD.start + 1)
    assert spikes.onset(run.branch.loss) == runs.BAD.start


@pytest.mark.parametrize(("cause", "seed"), [("bad luck", 0), ("rate", -1), ("rate", 0.5)])
def test_a_cause_or_a_seed_that_there_is_not_is_refused(cause, seed):
    with pytest.raises(ValueError, match="must be"):
        spikes.spiking(cause, seed)


# The detector


def test_the_bound_of_a_value_depends_on_the_forty_before_it_alone():
    values = np.random.default_rng(0).normal(size=90)
    bound = detector.bounds(values, 3)
    assert np.isnan(bound[:40]).all()
    before = values[30:70]
    assert bound[70] == pytest.approx(before.mean() + 3 * before.std(ddof=1))
    values[70:] = 1e9
    assert detector.bounds(values, 3)[70] == bound[70]


def test_a_larger_k_never_raises_more_alarms_and_a_warning_comes_only_near_the_spike():
    values = np.random.default_rng(1).normal(size=200) ** 2
    counts = [spikes.alarms(values, k).sum() for k in (1, 2, 3, 5, 8)]
    assert counts == sorted(counts, reverse=True)
    quiet = np.ones(200) + 0.1 * np.sin(np.arange(200))
    quiet[[100, 147]] = 9
    assert detector.lead(quiet, 4, 150) == 3
    assert detector.lead(quiet, 4, 125) is None
    assert detector.lead(quiet, 4, 146) == -1


def test_a_k_that_is_none_is_refused():
    with pytest.raises(ValueError, match="k must be"):
        spikes.alarms([1.0] * 50, 0)


# Treatments


def test_a_rule_that_heard_a_run_knows_what_it_would_if_it_had_been_there():
    for make in (ZClip, SkipSpikes, lambda: AdaGC(lambda_abs=1e9)):
        told, there = make(), make()
        run = plain()
        run.step(30)
        heard(run, 30, {"rule": told})
        with record((other := plain()).model, other.optimizer) as recorder:
            other.step(30)
        norms = recorder.recording.layer_norms
        for row in norms:
            named = [(n, torch.zeros(1, requires_grad=True)) for n in recorder.recording.layers]
            for (_, weight), norm in zip(named, row, strict=True):
                weight.grad = torch.tensor([norm], dtype=torch.float32)
            there.clip_(named)
        assert told.state_dict().keys() == there.state_dict().keys()
        for name, value in there.state_dict().items():
            heard_of = told.state_dict()[name]
            torch.testing.assert_close(heard_of, value, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_futures_begin_with_the_runs_own_past_and_leave_it_where_it_stood():
    run = plain()
    run.step(40)
    weights = [weight.clone() for weight in run.model.parameters()]
    judge = lambda model: model[0].weight.sum().item()  # noqa: E731
    found = spikes.futures(run, spike=30, before=4, judge=judge)
    assert tuple(found) == TREATMENTS
    assert all(map(torch.equal, weights, run.model.parameters()))
    assert (run.position, len(run.branches), run.clip, run.skipped) == (40, 1, None, range(0))
    for future in found.values():
        assert (future.start, len(future.branch)) == (26, 40)
        assert np.array_equal(future.branch.loss[:26], run.branch.loss[:26])
    assert found["none"].judged == pytest.approx(weights[0].sum().item())
    assert found[REWIND].judged != found["none"].judged


def test_rewinding_skips_the_batches_from_its_start_to_ten_beyond_the_spike():
    run = plain()
    run.step(40)
    found = spikes.futures(run, spike=30, before=4)[REWIND].branch
    other = plain()
    other.step(26)
    other.skipped = range(26, 40)
    other.step(14)
    assert np.array_equal(found.loss, other.branch.loss)


def test_a_rule_of_a_future_acts_from_the_fork_on():
    run = plain()
    run.step(40)
    found = spikes.futures(run, spike=30, before=10)["ByNorm"].branch
    by_hand = plain()
    by_hand.step(20)
    by_hand.clip = ByNorm(1.0)
    by_hand.step(20)
    assert np.array_equal(found.loss, by_hand.branch.loss)
    assert np.array_equal(found.fired, by_hand.branch.fired)


@pytest.mark.parametrize(
    ("spike", "before", "clip", "said"),
    [
        (40, 1, None, "spike must be"),
        (5, 6, None, "before must be"),
        (20, 5, ByNorm(1.0), "not clipped"),
    ],
)
def test_futures_that_cannot_be_are_refused(spike, before, clip, said):
    run = plain(clip)
    run.step(40)
    with pytest.raises(ValueError, match=said):
        spikes.futures(run, spike, before)


def test_futures_of_a_rewound_run_are_refused():
    run = plain()
    run.step(20)
    run.rewind(14)
    with pytest.raises(ValueError, match="rewound"):
        spikes.futures(run, 10)


# The recorded grid


@pytest.fixture(scope="module")
def recorded():
    return sweep.recorded("spikes")


def test_the_records_hold_every_run_of_the_grid(recorded):
    assert [dict(row.cell) for row in recorded] == experiment.cells("cpu")
    assert {row.status for row in recorded} == {"done"}
    for row in recorded:
        assert {len(row.result[name]) for name in experiment.SIGNS} == {runs.STEPS}
        assert (row.result["onset"] is None) == (row.cell["cause"] == "healthy")
        assert row.result["onset"] == spikes.onset(row.result["loss"])


def test_a_small_run_measures_what_the_records_hold(recorded):
    (cell,) = experiment.cells("ci")
    found = experiment.measure(cell)
    kept = next(row.result for row in recorded if row.cell["cause"] == "one sign")
    assert found.keys() == kept.keys()
    assert found["futures"].keys() == kept["futures"].keys()
    assert np.array(found["loss"][:60]) == pytest.approx(kept["loss"][:60], rel=0.02)
    assert json.loads(json.dumps(found)) == found


def test_signs_are_those_of_the_recording():
    run = plain()
    run.optimizer = torch.optim.Adam(run.model.parameters())
    with record(run.model, run.optimizer, every=1, updates=True) as recorder:
        run.step(3)
    found = experiment.signs(run.branch.loss, recorder.recording)
    assert tuple(found) == experiment.SIGNS
    assert found["gradient norm"] == pytest.approx(run.branch.total_norm, rel=1e-5)
    state = run.optimizer.state
    ratios = torch.cat(
        [
            (w.grad.square() / (state[w]["exp_avg_sq"] / (1 - 0.999**3))).flatten()
            for w in run.model.parameters()
        ]
    )
    assert found["moment ratio"][2] == pytest.approx(float(ratios.mean().sqrt()), rel=1e-3)


# Panels


def test_the_warnings_panel_draws_the_bound_and_counts_its_alarms(recorded):
    panel = spikes.warnings_panel(recorded)
    panel.cause.value, panel.seed.value, panel.k.value = "rate", 3, 4.5
    run = recorded.where(cause="rate", seed=3).rows[0].result
    sign = panel.signs["gradient norm"]
    bound = detector.bounds(run["gradient norm"], 4.5)
    assert np.array_equal(sign.bound.get_ydata(), bound, equal_nan=True)
    above = np.flatnonzero(spikes.alarms(run["gradient norm"], 4.5))
    assert np.array_equal(sign.alarms.get_xdata(), above)
    assert f"spike at step {run['onset']}" in panel.readout
    assert sign.words.get_text() in panel.readout


def test_the_futures_panel_draws_every_future_and_all_ends(recorded):
    panel = spikes.futures_panel(recorded)
    panel.cause.value, panel.seed.value, panel.before.value = "rate", 2, 10
    run = recorded.where(cause="rate", seed=2).rows[0].result
    line = panel.paths.lines["ZClip"]
    assert np.array_equal(line.get_ydata(), run["futures"]["10"]["ZClip"]["losses"])
    assert line.get_xdata()[0] == run["onset"] - 10 + 0.5
    ends = [r.result["futures"]["10"]["AdaGC"]["end"] for r in recorded.where(cause="rate")]
    assert list(panel.ends.dots[TREATMENTS.index("AdaGC")].get_xdata()) == ends
    assert panel.ends.ring.get_xdata()[0] == run["end"]


def test_a_fork_is_trained_in_the_background_with_a_seed_that_was_not_recorded(recorded):
    panel = spikes.futures_panel(recorded)
    panel.before.value = 1
    panel.fork()
    assert panel.live.player.wait(60)
    assert "Trained now, done: one sign, seed 6, rewind and skip" in panel.readout
    steps, _ = panel.live.trial.curve("treated")
    assert (steps[0], steps[-1]) == (runs.BAD.start - 1, runs.STEPS - 1)
    assert len(panel.paths.treated.get_xdata()) == len(steps) // 2
    panel.reset()
    assert not len(panel.paths.treated.get_xdata())
    assert "Trained now" not in panel.readout
    panel.close()


@pytest.mark.parametrize("make", [spikes.warnings_panel, spikes.futures_panel])
def test_panels_of_no_runs_are_refused(make):
    with pytest.raises(ValueError, match="records must hold"):
        make(Records((), (Row({"cause": "rate", "seed": 1}, "error"),)))
