"""A predicted curve: the reader's points first, the true curve only after the answer."""

import base64

import pytest

from gradlab.course.prediction import predict_curve

HILL = (1.0, 4.0, 8.0, 4.0, 0.5)
ASKED = {"idea": "It is a hill.", "limits": (0.01, 100), "xlabel": "place", "ylabel": "height"}


@pytest.fixture
def asked():
    return predict_curve(HILL, "How high is it?", places=(1, 2, 4), **ASKED)


def test_the_curve_is_hidden_until_the_reader_answers(asked):
    assert asked.hidden
    assert asked.readout == ("How high is it?\nYour curve: 1.00 at 1, 1.00 at 2, 1.00 at 4.")
    before = asked.picture.png
    asked.answer_button.click()
    assert not asked.hidden
    assert asked.picture.png != before
    assert asked.curve.get_ydata().tolist() == list(HILL)


def test_a_slider_moves_its_point(asked):
    asked.heights[1].value = 10
    assert list(asked.drawn.get_xdata()) == [0, 1, 2, 4]
    assert asked.drawn.get_ydata() == pytest.approx([1, 1, 10, 1])
    assert "10.0 at 2" in asked.readout
    asked.reset()
    assert asked.drawn.get_ydata() == pytest.approx([1, 1, 1, 1])


def test_the_verdict_names_the_point_that_is_farthest_off(asked):
    asked.heights[0].value = 10**0.6
    asked.answer()
    assert "Farthest off at 2: you said 1.00, it is 8.00, a factor of 8.00." in asked.readout
    assert "is off by a factor of 2.00. It is a hill." in asked.readout


def test_after_the_answer_the_points_still_move(asked):
    asked.answer()
    verdict = asked.readout.splitlines()[-1]
    asked.heights[1].value = 10
    assert "10.0 at 2" in asked.readout
    assert asked.readout.endswith(verdict)


def test_it_can_be_skipped(asked):
    asked.skip_button.click()
    assert not asked.hidden
    assert "It is a hill" not in asked.readout


def test_a_stored_prediction_shows_the_readers_points_alone(asked):
    bundle, _ = asked._repr_mimebundle_()
    assert bundle["text/plain"] == asked.readout
    assert base64.b64decode(bundle["image/png"]) == asked.picture.png
    assert asked.hidden


@pytest.mark.parametrize(
    ("places", "limits", "message"),
    [
        ((), (0.1, 10), "places must be whole numbers that increase, got \\(\\)"),
        ((2, 1), (0.1, 10), "places must be whole numbers that increase"),
        ((0, 2), (0.1, 10), "places must be a whole number from 1 to 4, got 0"),
        ((1, 5), (0.1, 10), "places must be a whole number from 1 to 4, got 5"),
        ((1,), (0.1, 5), "limits must be above zero and hold the whole curve"),
        ((1,), (0, 10), "limits must be above zero and hold the whole curve"),
    ],
)
def test_a_curve_that_cannot_be_asked_for_is_refused(places, limits, message):
    with pytest.raises(ValueError, match=message):
        predict_curve(HILL, "?", places=places, **(ASKED | {"limits": limits}))
