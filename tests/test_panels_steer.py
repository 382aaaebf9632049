"""The steer panel: what its controls do to the run, what is seen, and when its thread stops."""

import math
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from gradlab import panels
from gradlab.clip import (
    AdaGC,
    Adaptive,
    ByNorm,
    ByValue,
    Percentile,
    PerLayer,
    SkipSpikes,
    ZClip,
)
from gradlab.training import Steered


def batches():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        yield torch.randn(8, 5, generator=generator), torch.randint(0, 3, (8,), generator=generator)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def steered(clip=ByNorm(0.5), stream=batches, model=None, **options):  # noqa: B008
    model = model or network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return Steered(model, optimizer, stream, clip=clip, every=1, **options)


@pytest.fixture
def panel():
    panel = panels.steer(steered())
    yield panel
    panel.close()


def wait_until(panel, truth):
    """Look at every repaint whether it is true."""
    held = threading.Event()

    def look(_=None):
        if truth():
            held.set()

    panel.picture.widget.observe(look, "value")
    look()
    assert held.wait(20)


def state(panel):
    return panel.picture.png, panel.readout


# By code


def test_stepping_by_code_needs_no_thread_and_says_what_happened(panel):
    before = threading.active_count()
    panel.step(10)
    assert threading.active_count() == before
    branch = panel.run.branch
    norm, fired = branch.total_norm[-1], int(branch.fired.sum())
    assert panel.readout.startswith(f"Step 10: loss {branch.loss[-1]:#.3g}, ")
    assert f"gradient norm {norm:#.3g} > max_norm 0.500, so clipped to " in panel.readout
    assert f"{fired} of 10 steps clipped." in panel.readout
    assert "Next step: learning rate 0.100, clipped by norm, max_norm 0.500." in panel.readout


def test_the_run_is_the_one_that_code_would_have_trained(panel):
    alone = steered()
    panel.step(7)
    alone.step(7)
    assert panel.run.branch.steps == alone.branch.steps


def test_a_moved_setting_holds_from_the_next_step_on(panel):
    panel.step(3)
    panel.learning_rate.value = 10 ** (panel.learning_rate.min + 1)
    panel.thresholds["max_norm"].value = 0.05
    before = panel.readout
    panel.step(2)
    assert before != panel.readout
    rates, bounds = panel.run.branch.learning_rate, panel.run.branch.max_norm
    assert np.array_equal(rates, [0.1, 0.1, 0.1, 0.01, 0.01])
    assert np.allclose(bounds, [0.5, 0.5, 0.5, 0.05, 0.05], rtol=0.1)


@pytest.mark.parametrize(
    ("name", "kind", "slider"),
    [
        ("not at all", type(None), None),
        ("by norm", ByNorm, "max_norm"),
        ("by norm, per layer", PerLayer, "max_norm"),
        ("by value", ByValue, "clip_value"),
        ("adaptive (AGC)", Adaptive, "clip_factor"),
        ("by norm, at a percentile", Percentile, "percentile"),
        ("by norm, at a z-score (ZClip)", ZClip, "z_thresh"),
        ("by norm, per layer (AdaGC)", AdaGC, "lambda_rel"),
        ("by skipping spikes", SkipSpikes, "sigma_factor"),
    ],
)
def test_every_rule_can_be_chosen_and_has_its_own_slider(panel, name, kind, slider):
    panel.clip.value = name
    assert isinstance(panel.run.clip, kind)
    shown = [n for n, control in panel.thresholds.items() if control.layout.display is None]
    assert shown == [n for n in (slider,) if n]
    panel.step(2)
    assert f"clipped {name}" in panel.readout
    if slider:
        before, throttle = state(panel), panel.thresholds[slider]
        ends = 10**throttle.min, 10**throttle.max
        assert kind.smallest_bound <= ends[0] <= throttle.value < ends[1]
        throttle.value = ends[slider == "lambda_rel"]  # which starts near the least there is
        assert panel.readout != before[1]
        assert (panel.picture.png != before[0]) == (slider in ("max_norm", "clip_value"))


def test_a_rule_keeps_what_it_has_seen_when_its_threshold_is_turned(panel):
    panel.clip.value = ZClip.label
    panel.step(4)
    panel.thresholds["z_thresh"].value = 1.0
    assert panel.run.clip.state_dict()["steps"] == 4
    panel.clip.value = SkipSpikes.label
    assert panel.run.clip.state_dict()["norms"].isnan().all()


@pytest.mark.parametrize(
    "rule", [None, ByNorm(math.inf), ByNorm(30.0), ByValue(0.2), Adaptive(0.3)]
)
def test_the_panel_starts_with_the_rule_of_the_run(rule):
    run = steered(clip=rule)
    panel = panels.steer(run)
    assert run.clip is rule
    panel.learning_rate.value = 0.5
    if rule not in (None, ByNorm(math.inf)):
        assert run.clip == rule


def test_every_slider_moves_picture_and_words_and_reset_brings_all_back():
    model = network()
    run = steered(model=model)
    run.step(6)
    panel = panels.steer(run)
    start, weight = state(panel), model[0].weight.clone()
    controls = [panel.learning_rate, panel.thresholds["max_norm"], panel.position]
    for slider in controls:
        log, before = slider is not panel.position, start
        for end in (slider.min, slider.max):
            value = 10**end if log else end
            if slider.value == value:
                continue
            slider.value = value
            now = state(panel)
            assert all(a != b for a, b in zip(now, before, strict=True))
            before = now
        panel.reset()
        assert state(panel) == start
    panel.rewind(2)
    panel.learning_rate.value, panel.clip.value = 3.0, "not at all"
    panel.step(40)
    panel.speed.index = 2
    panel.reset()
    assert state(panel) == start
    assert torch.equal(model[0].weight, weight)
    assert (run.learning_rate, run.clip, panel.speed.index) == (0.1, ByNorm(0.5), 0)


# Going back


def test_rewinding_keeps_the_settings_and_the_next_step_forks(panel):
    panel.step(10)
    panel.position.value = 4
    assert "Step 4: " in panel.readout
    assert "6 later steps stay as another future" in panel.readout
    panel.learning_rate.value = 0.01
    panel.step(3)
    old, new = panel.run.branches
    assert (len(old), len(new), new.forked_at) == (10, 7, 4)
    assert f"The future left at step 4 had loss {old.loss[6]:#.3g} at this step." in panel.readout
    assert panel.position.value == panel.position.max == 7


def test_a_rewind_to_a_step_that_was_not_kept_goes_to_the_nearest():
    run = steered(memory=1)
    panel = panels.steer(run)
    panel.step(9)
    assert run.kept == (0, 8, 9)
    panel.rewind(3)
    assert run.position == panel.position.value == 0
    for by_hand, expected in ((1, 8), (2, 0), (5, 8), (9, 9), (8, 8), (7, 0)):
        panel.position.value = by_hand  # a key moves by 1, and must not stick between two
        assert run.position == panel.position.value == expected


def test_both_futures_are_drawn_from_the_fork_on(panel):
    panel.step(10)
    panel.rewind(4)
    panel.learning_rate.value = 0.01
    panel.step(3)
    old, new = panel.run.branches
    assert np.array_equal(panel.dashboard.loss.line.get_xdata()[:-1], np.arange(1, 8))
    assert np.array_equal(panel.dashboard.loss.line.get_ydata()[:-1], new.loss)
    assert np.array_equal(panel.dashboard.norm.others.get_xdata()[:-1], np.arange(1, 11))
    assert np.array_equal(panel.dashboard.norm.others.get_ydata()[:-1], old.total_norm)
    panel.rewind(5)
    panel.step(1)
    gaps = np.flatnonzero(np.isnan(panel.dashboard.loss.others.get_xdata()))
    second = panel.dashboard.loss.others.get_xdata()[gaps[0] + 1 : gaps[1]]
    assert np.array_equal(second, [4, 5, 6, 7])  # its own steps, and the last common one


def test_the_clipped_steps_are_marked(panel):
    panel.thresholds["max_norm"].value = 0.6
    panel.step(20)
    branch = panel.run.branch
    assert 0 < branch.fired.sum() < 20
    assert np.array_equal(
        panel.dashboard.clipping.cut.get_xdata(), 1 + np.flatnonzero(branch.fired)
    )


def test_the_histogram_is_that_of_the_newest_gradient(panel):
    panel.step(5)
    before = panel.run.gradient.before
    bars = panel.dashboard.bars.before.get_data().values
    assert bars.sum() == pytest.approx(1 - before.zeros / before.finite)
    shown = panel.dashboard.bars.after.get_data().values
    assert np.abs(shown - bars).max() > 0
    panel.rewind(0)
    assert not panel.dashboard.bars.before.get_data().values.any()
    assert panel.readout.startswith("Step 0: nothing is trained yet.")


def test_fork_leaves_the_branch_where_it_stands(panel):
    panel.step(4)
    panel.fork_button.click()
    panel.step(2)
    assert [len(branch) for branch in panel.run.branches] == [4, 6]


# Divergence


def diverge(panel):
    panel.clip.value = "not at all"
    panel.run.learning_rate = 1e10
    panel.step(30)
    assert panel.run.ended


def test_divergence_is_said_and_shown_and_one_can_come_back(panel):
    panel.step(5)
    diverge(panel)
    there = len(panel.run.branch)
    assert "The next step diverged, first in " in panel.readout
    assert panel.dashboard.loss.crosses.get_xdata() == [there]
    high = panel.dashboard.loss.line.axes.get_ylim()[1]
    assert (panel.dashboard.loss.line.get_ydata()[:-1] <= high).all()
    panel.play()
    assert panel.player.wait(20)
    assert len(panel.run.branch) == there
    panel.rewind(5)
    panel.learning_rate.value = 0.05
    panel.step(10)
    assert not panel.run.ended
    assert f"The future left at step 5 diverged after step {there}." in panel.readout
    assert panel.dashboard.loss.crosses.get_xdata() == [there]


def test_a_gradient_that_is_not_finite_has_no_histogram():
    def stream():
        for k, (inputs, targets) in enumerate(batches()):
            yield inputs * (math.nan if k == 4 else 1), targets

    panel = panels.steer(steered(stream=stream))
    panel.step(4)
    assert panel.dashboard.bars.before.get_data().values.any()
    panel.step(1)
    assert "Step 4: " in panel.readout
    assert "The next step diverged, first in the output of 0: rewind" in panel.readout
    assert not panel.dashboard.bars.before.get_data().values.any()


def test_axes_stand_still_between_two_leaps(panel):
    def limits():
        return [(axes.get_xlim(), axes.get_ylim()) for axes in panel.dashboard.axes]

    panel.step(3)
    first = limits()
    panel.step(17)
    assert limits() == first
    panel.step(1)
    assert [x for x, _ in limits()] == [(0, 50)] * 3
    assert [y for _, y in limits()] == [y for _, y in first]


# In the background


def test_play_trains_repaints_and_pauses(panel):
    pictures = []
    panel.picture.widget.observe(lambda change: pictures.append(change.new), "value")
    panel.play_button.click()
    assert panel.playing
    assert panel.play_button.description == "Pause"
    wait_until(panel, lambda: len(set(pictures)) > 3)
    panel.learning_rate.value = 0.02
    wait_until(panel, lambda: panel.run.branch.learning_rate[-1] == 0.02)
    panel.play_button.click()
    assert not panel.playing
    assert panel.play_button.description == "Play"
    assert threads() == []
    assert panel.readout.startswith(f"Step {len(panel.run.branch)}: ")


def test_what_was_played_can_be_stepped_again_bit_for_bit(panel):
    panel.play()
    wait_until(panel, lambda: len(panel.run.branch) > 20)
    panel.pause()
    alone = steered()
    alone.step(len(panel.run.branch))
    assert panel.run.branch.steps == alone.branch.steps


def test_moving_the_position_while_it_plays_pauses_there(panel):
    panel.play()
    wait_until(panel, lambda: panel.position.value > 10)
    panel.position.value = 2
    assert not panel.playing
    assert panel.run.position == panel.position.value
    assert panel.run.position <= 4


def test_a_speed_limits_the_steps(panel):
    panel.speed.value = "10 steps a second"
    start = time.monotonic()
    panel.play()
    wait_until(panel, lambda: panel.run.position >= 5)
    assert time.monotonic() - start >= 0.4
    panel.pause()


def test_an_error_in_the_thread_is_in_the_readout_and_in_the_log(monkeypatch):
    logged, fail = [], [True]
    monkeypatch.setattr(threading, "excepthook", lambda args: logged.append(args.exc_value))
    said = "Training stopped. OSError: the disk is gone. The traceback is in the log. Step 4: "

    def stream():
        for k, batch in enumerate(batches()):
            if k == 4 and fail:
                raise OSError("the disk is gone")
            yield batch

    panel = panels.steer(steered(stream=stream))
    panel.play()
    assert panel.player.wait(20)
    panel.pause()
    assert panel.readout.startswith(said)
    assert panel.play_button.description == "Play"
    assert [str(error) for error in logged] == ["the disk is gone"]
    panel.fork()
    assert panel.readout.startswith("Step 4: ")
    with pytest.raises(OSError, match="gone"):
        panel.step()
    assert panel.readout.startswith(said)
    fail.clear()
    panel.step(2)
    assert panel.readout.startswith("Step 6: ")


def test_a_bug_in_the_thread_is_in_the_readout_and_in_the_log(panel, monkeypatch):
    logged = []
    monkeypatch.setattr(threading, "excepthook", lambda args: logged.append(args.exc_value))
    monkeypatch.setattr(panel, "show", lambda: 1 / 0)
    panel.play()
    panel.player.stop()
    panel.play_button.description = "Play"
    assert logged
    assert all(isinstance(error, ZeroDivisionError) for error in logged)
    assert panel.readout.startswith("This panel failed. ZeroDivisionError: division by zero.")


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "gradlab Steer"]


@pytest.mark.parametrize("way", ["close", "another plays", "another is made", "gone from the page"])
def test_it_stops_when_it_goes_or_another_comes(panel, way):
    other = panels.steer(steered())
    panel.play()
    wait_until(panel, lambda: panel.run.position > 2)
    if way == "close":
        panel.close()
    elif way == "another plays":
        other.play()
        other.pause()
    elif way == "another is made":
        panels.steer(steered())
    else:
        panel.set_state({"_view_count": 1})  # what the page says
        assert panel.playing
        panel.set_state({"_view_count": 0})
    assert threads() == []
    assert way == "close" or not panel.playing


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match=r"run must be a training\.Steered, got Linear"):
        panels.steer(nn.Linear(1, 1))
