"""The panels of the cliff, of the plane and of the race show what was measured, to every end."""

import math

import numpy as np
import pytest

from gradlab.clip import ByNorm, ByValue
from gradlab.course.lessons import cliff, plane, race
from gradlab.course.lessons.cliff import surface
from gradlab.course.lessons.cliff.controls import STARTS, WINDOW
from gradlab.course.lessons.plane import vectors
from gradlab.training.divergence import Origin
from gradlab.training.run import Run


@pytest.fixture(scope="module")
def the_cliff():
    return cliff.panel()


@pytest.fixture
def walk(the_cliff):
    the_cliff.reset()
    return the_cliff


def ends(slider):
    return slider.options[0][1], slider.options[-1][1]


@pytest.mark.parametrize("start", list(STARTS))
def test_the_paths_in_the_picture_are_those_walked_one_by_one(walk, start):
    walk.start.value, walk.learning_rate.value = start, 0.398
    walk.max_norm.value, walk.steps.value = 0.316, 6
    for path, bound in zip(walk.paths, (math.inf, 0.316), strict=True):
        alone = surface.descend(STARTS[start], 0.398, bound, steps=6)
        np.testing.assert_allclose(np.transpose(path.way.get_data()), alone.points, rtol=1e-6)
    for path, fall, aside in zip(walk.paths, walk.falls, walk.aside, strict=True):
        w, b, height = *path.way.get_data(), fall.way.get_ydata()
        assert len(height) == 7
        np.testing.assert_allclose(aside.way.get_data(), (-w - b / 4, 3.2 * height - b / 2))
    assert np.ravel(walk.mark.get_data()) == pytest.approx(STARTS[start])


def test_a_step_off_the_wall_leaves_the_picture_and_a_clipped_one_stays(walk):
    wild, tame = walk.paths
    assert (wild.distance.get_text(), tame.distance.get_text()) == ("16.7 away", "")
    assert tame.end.get_marker() == "o"
    end = np.ravel(wild.end.get_data())
    assert np.isclose(end, WINDOW).any()
    assert ((end >= WINDOW[0]) & (end <= WINDOW[1])).all()
    assert "Without clipping: out of the picture, at w = 12.9, b = 12.1, 16.7 from" in walk.readout
    assert "Clipped to max_norm = 0.1, in 1 of them" in walk.readout
    landing, near = walk.landings
    assert (landing.distance.get_text(), near.end.get_marker()) == ("16.7 away", "o")
    _, sides, turned = (len(landing.end.get_marker()), *landing.end.get_marker()[::2])
    assert (sides, turned) == (3, pytest.approx(-90, abs=1))  # to the right, nearly level
    assert near.end.get_xdata()[0] == pytest.approx(0.1, rel=1e-3)


def test_on_the_plain_clipping_changes_nothing(walk):
    walk.start.value = "on the plain"
    assert "No gradient is longer than max_norm = 0.1: clipping changes nothing" in walk.readout
    wild, tame = (path.way.get_data() for path in walk.paths)
    np.testing.assert_array_equal(wild, tame)


def test_the_dashes_touch_the_cut_at_the_start(walk):
    for start in STARTS:
        walk.start.value = start
        x, promise = walk.cut.promise.get_data()
        ground = walk.cut.ground.get_ydata()
        here = np.abs(x).argmin()
        value, slope = surface.gradient(STARTS[start])
        assert promise[here] == pytest.approx(ground[here], abs=1e-9) == pytest.approx(value)
        assert np.diff(promise)[0] / np.diff(x)[0] == pytest.approx(-np.linalg.norm(slope))


def test_the_cliff_panel_lives_at_every_end_and_comes_back(walk):
    first = walk.readout, walk.picture.png
    for start in STARTS:
        walk.start.value = start
        for rate in ends(walk.learning_rate):
            for bound in ends(walk.max_norm):
                for steps in (1, 50):
                    walk.learning_rate.value, walk.max_norm.value = rate, bound
                    walk.steps.value = steps
                    assert "Not possible" not in walk.readout
                    assert f"learning rate {rate:g}" in walk.readout
    walk.reset_button.click()
    assert (walk.readout, walk.picture.png) == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"starts": {}}, "starts must name a point"),
        ({"starts": {"far": (9, 9)}}, "starts must lie in w 3.5 to 6 .*, got 'far': "),
        ({"learning_rate": 1000}, "learning_rate must be a number from 0.01 to 100, got 1000"),
        ({"max_norm": 0}, "max_norm must be a number from 0.01 to 100, got 0"),
        ({"steps": 51}, "steps must be a whole number from 1 to 50, got 51"),
    ],
)
def test_a_walk_that_has_no_place_on_the_map_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        cliff.panel(**arguments)


def vector(arrow):
    return arrow.arrow.U[0], arrow.arrow.V[0]


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, math.inf])
@pytest.mark.parametrize(("direction", "length"), [(20, 4.25), (-135, 5.0), (90, 1.0)])
def test_the_arrows_are_the_gradient_and_what_the_two_rules_leave(norm_type, direction, length):
    panel = plane.panel(threshold=1.5)
    panel.norm_type.value, panel.direction.value, panel.length.value = norm_type, direction, length
    angle = math.radians(direction)
    gradient = length * math.cos(angle), length * math.sin(angle)
    by_value = vectors.clipped(ByValue(1.5), gradient)
    by_norm = vectors.clipped(ByNorm(1.5, norm_type), gradient)
    assert vector(panel.before) == pytest.approx(gradient)
    assert vector(panel.by_value) == pytest.approx(by_value)
    assert vector(panel.by_norm) == pytest.approx(by_norm)
    turned = vectors.degrees_between(gradient, by_value)
    assert f"turned by {turned:.1f}°. By {norm_type:g}-norm" in panel.readout
    assert panel.readout.endswith("turned by 0.0°.")
    assert panel.compass.here.get_data() == ([direction], [pytest.approx(turned)])
    on_curve = panel.compass.curve.get_ydata()[direction + 180]
    assert on_curve == pytest.approx(turned, abs=1e-6)
    assert panel.angle.label.get_visible() == (turned > 0.1)


def test_the_borders_are_the_box_and_the_ball():
    panel = plane.panel(threshold=1.5, norm_type=1.0)
    box, ball = (np.array(a.border.get_data()) for a in (panel.by_value, panel.by_norm))
    np.testing.assert_allclose(np.abs(box).max(0), 1.5)
    np.testing.assert_allclose(np.abs(ball).sum(0), 1.5)


def test_a_gradient_of_zero_has_no_direction_to_lose():
    panel = plane.panel((0, 0))
    assert panel.readout.startswith("The gradient is zero")
    assert not panel.angle.label.get_visible()


def test_the_geometry_panel_lives_at_every_end_and_comes_back():
    panel = plane.panel()
    first = panel.readout, panel.picture.png
    for slider in (panel.threshold, panel.direction, panel.length):
        for end in (slider.min, slider.max):
            slider.value = end
            assert "Not possible" not in panel.readout
    assert (panel.readout, panel.picture.png) != first
    panel.reset_button.click()
    assert (panel.readout, panel.picture.png) == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gradient": (4, 4)}, "gradient must be two numbers of 2-norm up to 5"),
        ({"gradient": (1, math.nan)}, "gradient must be two numbers of 2-norm up to 5"),
        ({"gradient": (1, 2, 3)}, "gradient must be two numbers"),
        ({"threshold": 0}, "threshold must be a number from 0.1 to 6, got 0"),
        ({"norm_type": 1.5}, "norm_type must be one of 1.0, 2.0, 3.0, inf, got 1.5"),
    ],
)
def test_a_gradient_that_does_not_fit_the_plane_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plane.panel(**arguments)


def recorded(losses, norms, accuracy=math.nan, diverged=None):
    steps = len(losses)
    return Run(
        loss=np.array(losses, float),
        total_norm=np.array(norms, float),
        coefficient=np.minimum(1, 1 / np.maximum(norms, 1e-9)),
        fired=np.array(norms) > 1,
        layers=("w",),
        layer_norms=np.array(norms, float).reshape(steps, 1),
        accuracy=accuracy,
        diverged=diverged,
    )


LOST = Origin("stage2.conv1", "fc.weight")


@pytest.fixture
def contest():
    return race.panel(
        {
            "free": recorded([2, 30, math.inf], [3, 1e4, 1e36], 0.1, LOST),
            "clipped": recorded([2, 1.5, 1, 0.5, 0.4], [3, 2, 0.5, 4, 0.2], 0.75),
        }
    )


def test_the_race_says_where_each_run_is(contest):
    assert contest.readout == (
        "Step 4. free: diverged at step 3, first in the output of stage2.conv1. "
        "clipped: loss 0.400, norm 0.200, clipped in 3 of 5 steps, test accuracy 75 %."
    )
    contest.step.value = 1
    assert contest.readout == (
        "Step 1. free: loss 30.0, norm 1.00e+04, clipped in 2 of 2 steps. "
        "clipped: loss 1.50, norm 2.00, clipped in 2 of 2 steps."
    )


def test_the_curves_go_up_to_the_step_on_the_slider_and_stay_within_the_axes(contest):
    for step in range(5):
        contest.step.value = step
        for name, run in contest.runs.items():
            for trace, values in zip(contest.traces[name], (run.loss, run.total_norm), strict=True):
                low, high = trace.line.axes.get_ylim()
                expected = np.clip(values[: step + 1], low, high)
                np.testing.assert_array_equal(trace.line.get_ydata(), expected)
                assert trace.cross.get_visible() == (name == "free" and step >= 3)
                assert np.ravel(trace.cross.get_data()).tolist() == [len(run), high]
                assert trace.now.get_visible() != trace.cross.get_visible()


def test_a_race_comes_back_to_its_first_picture(contest):
    first = contest.readout, contest.picture.png
    contest.step.value = 0
    assert contest.picture.png != first[1]
    contest.reset_button.click()
    assert (contest.readout, contest.picture.png) == first


def test_a_run_that_diverged_at_once_is_told_beside_one_that_did_not():
    runs = {"lost": recorded([], [], diverged=LOST), "one step": recorded([2], [3])}
    assert race.panel(runs).readout == (
        "Step 0. lost: diverged at step 0, first in the output of stage2.conv1. "
        "one step: loss 2.00, norm 3.00, clipped in 1 of 1 step."
    )


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({}, "runs must be from 1 to 7, got 0"),
        ({"lost": recorded([], [], diverged=LOST)}, "runs must hold one with a step at least"),
    ],
)
def test_a_race_without_runners_is_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        race.panel(runs)
