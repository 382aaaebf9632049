"""The panels on readers of scenes: what their controls show, and what they say of it."""

from dataclasses import replace

import makers
import numpy as np
import pytest

from gradlab.course.lessons import scenes
from gradlab.course.lessons.scenes import grid_controls
from gradlab.course.lessons.scenes.experiment import cell
from gradlab.draw.style import axes_of


@pytest.fixture
def gradient():
    return makers.PANELS["scene gradient"]()


@pytest.fixture
def reading():
    return makers.PANELS["scene reading"]()


def test_the_maps_show_the_norms_that_were_measured(gradient):
    watched = gradient.watched[gradient.run.value]
    shown = np.asarray(gradient.columns.image.get_array())
    np.testing.assert_allclose(shown, np.clip(watched.columns, 1e-6, 1e2).T)
    assert axes_of(gradient.layers.image).get_yticklabels()[0].get_text() == "rnn.weight_ih_l0"


def test_the_slider_marks_a_step_and_the_readout_names_what_is_largest(gradient):
    for index, step in enumerate(gradient.step.options):
        gradient.step.index = index
        assert gradient.columns.now.get_xdata() == [step, step]
        watched = gradient.watched[gradient.run.value]
        largest = int(watched.columns[index].argmax())
        assert f"after {step} steps" in gradient.readout
        assert f"largest at column {largest} " in gradient.readout
        assert watched.names[int(watched.layers[index].argmax())] in gradient.readout


def test_another_reader_brings_its_own_layers(gradient):
    gradient.run.value = "pre-norm"
    names = [text.get_text() for text in axes_of(gradient.layers.image).get_yticklabels()]
    assert names[0] == "embed.weight"
    assert gradient.step.options == tuple(gradient.watched["pre-norm"].steps.tolist())
    assert gradient.readout.startswith("pre-norm, after")
    gradient.reset()
    assert gradient.run.value == "RNN"


def test_a_gradient_that_is_not_finite_is_said_and_left_white():
    (name, watched), *_ = makers.watched_readers("order").items()
    lost = np.where(np.arange(3)[:, None] == 2, np.nan, watched.columns)
    panel = scenes.gradient_panel({name: replace(watched, columns=lost, diverged=5)})
    assert "the gradient is not finite" in panel.readout
    assert np.isnan(np.asarray(panel.columns.image.get_array())[:, 2]).all()
    panel.step.index = 1
    assert "diverged at step 5" in panel.readout


def test_the_strip_and_what_is_said_of_it_are_shown(reading):
    watched = reading.watched[reading.run.value]
    for strip in (0, reading.strip.max):
        reading.strip.value = strip
        shown = np.asarray(reading.said.strip.get_array())
        np.testing.assert_array_equal(shown, watched.pictures[strip, 0].numpy())
        shares = np.asarray(reading.said.signs.get_array())
        np.testing.assert_allclose(shares.sum(0), 1, rtol=1e-5)
        digits = " ".join(str(int(sign) - 1) for sign in watched.targets[strip] if sign)
        assert f"strip {strip} says {digits};" in reading.readout


def test_a_reader_that_was_watched_for_less_long_has_fewer_looks(reading):
    reading.run.value = "short"
    assert reading.look.value == reading.look.max == 1
    assert "after 2 steps" in reading.readout


@pytest.mark.parametrize("panel", [scenes.gradient_panel, scenes.reading_panel])
def test_a_panel_without_readers_is_refused(panel):
    with pytest.raises(ValueError, match="one reader or more, got none"):
        panel({})


def test_only_strips_are_read_column_by_column():
    with pytest.raises(ValueError, match="watched must read strips, got 'RNN' of 'order'"):
        scenes.reading_panel(makers.watched_readers("order"))


def test_the_recorded_panel_has_unclipped_runs_under_both_rules():
    panel = makers.PANELS["scenes"]()
    for rule in ("by norm", "by value"):
        panel.mark(task="order", model="RNN", rule=rule, lr=0.01, bound=None)
        assert "mean of 5 seeds" in panel.readout
        assert "Clipped: 0% of the steps" in panel.readout
    panel.close()


def test_a_reader_that_is_trained_on_demand_yields_points_of_the_recorded_curves():
    run = cell("relations", "RNN", seed=9, lr=0.03, rule="by value", bound=0.1, steps=10)
    point = next(iter(grid_controls._live(run)))
    assert point["step"] == 1
    assert 0 <= point["accuracy_curve"] <= 1
    assert point["norm_curve"] > 0
