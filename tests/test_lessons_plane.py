"""What clipping does in the plane, against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlab.clip import ByNorm, ByValue, NonFiniteGradient
from gradlab.course.lessons.plane import vectors

COORDINATES = st.floats(-100, 100)
VECTORS = st.tuples(COORDINATES, COORDINATES)
THRESHOLDS = st.floats(0.01, 100)
NORM_TYPES = st.sampled_from([1.0, 2.0, 3.0, math.inf])


@given(vector=VECTORS, threshold=THRESHOLDS)
def test_by_value_every_element_is_clamped_alone(vector, threshold):
    expected = np.clip(vector, -threshold, threshold)
    np.testing.assert_array_equal(vectors.clipped(ByValue(threshold), vector), expected)


@given(vector=VECTORS, threshold=THRESHOLDS, norm_type=NORM_TYPES)
def test_by_norm_the_vector_is_scaled_into_the_ball(vector, threshold, norm_type):
    norm = np.linalg.norm(vector, norm_type)
    expected = np.asarray(vector) * min(1.0, threshold / (norm + 1e-6))
    found = vectors.clipped(ByNorm(threshold, norm_type), vector)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
    assert np.linalg.norm(found, norm_type) <= threshold * (1 + 1e-6)


def test_the_vector_that_is_given_is_not_changed():
    vector = np.array([3.0, 4.0])
    vectors.clipped(ByValue(1.0), vector)
    np.testing.assert_array_equal(vector, [3.0, 4.0])


def test_what_is_not_finite_is_refused_by_the_rule():
    with pytest.raises(NonFiniteGradient):
        vectors.clipped(ByNorm(1.0), [math.nan, 1.0])


@pytest.mark.parametrize(
    ("a", "b", "degrees"),
    [
        ((1, 0), (1, 1), 45),
        ((1, 0), (1, -1), 45),
        ((1, 0), (0, 5), 90),
        ((1, 0), (-2, 0), 180),
        ((3, 4), (6, 8), 0),
        ((0, 0), (1, 0), 0),
        ((1, 0), (1, 1e-9), math.degrees(1e-9)),
    ],
)
def test_the_angle_is_that_of_the_protractor(a, b, degrees):
    assert vectors.degrees_between(a, b) == pytest.approx(degrees, rel=1e-9)


@given(degrees=st.floats(0, 45), excess=st.floats(1, 1e3))
def test_by_value_a_gradient_is_turned_towards_the_diagonal_and_less_than_45_degrees(
    degrees, excess
):
    """Length L, direction d up to 45°, threshold 1: the result points to atan(min(1, L sin d))."""
    angle = math.radians(degrees)
    vector = excess * np.array([math.cos(angle), math.sin(angle)])
    after = math.degrees(math.atan2(min(1.0, vector[1]), min(1.0, vector[0])))
    turned = vectors.degrees_between(vector, vectors.clipped(ByValue(1.0), vector))
    assert turned == pytest.approx(after - degrees, abs=1e-6)
    assert turned <= 45


@given(radius=st.floats(0.1, 10), norm_type=NORM_TYPES)
def test_every_point_of_a_circle_has_its_radius_for_norm(radius, norm_type):
    around = vectors.circle(radius, norm_type)
    np.testing.assert_allclose(np.linalg.norm(around, norm_type, axis=-1), radius)
    np.testing.assert_allclose(around[0], around[-1], atol=1e-12 * radius)


def test_the_diamond_and_the_square_have_their_corners():
    for norm_type, corner in ((1.0, (0, 1)), (math.inf, (1, 1))):
        distance = np.linalg.norm(vectors.circle(1.0, norm_type) - corner, axis=-1)
        assert distance.min() < 1e-12
