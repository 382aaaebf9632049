"""A check lets through what is allowed; otherwise it names argument, rule and value."""

import math

import numpy as np
import pytest
import torch

from gradlab import arguments

NO_NUMBERS = ["1", None, True, [1.0], torch.tensor(1.0), 1j]


@pytest.mark.parametrize("value", [1, 0.5, np.float32(2), np.int64(3)])
def test_what_is_allowed_comes_back_as_a_plain_number(value):
    assert arguments.positive("x", value) == arguments.within("x", value, 0) == float(value)
    assert type(arguments.positive("x", value)) is float


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, *NO_NUMBERS])
def test_a_bound_that_is_not_positive_is_refused(value):
    with pytest.raises(ValueError, match=r"^x must be a number in \(0, inf\), got "):
        arguments.positive("x", value)


def test_infinity_is_positive_only_where_it_is_allowed():
    assert arguments.positive("x", math.inf, may_be_inf=True) == math.inf
    with pytest.raises(ValueError, match=r"\(0, inf\], got nan"):
        arguments.positive("x", math.nan, may_be_inf=True)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, *NO_NUMBERS[:3]])
def test_a_number_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match=r"^x must be a number from 0 to 1, got "):
        arguments.within("x", value, 0, 1)


def test_the_end_of_a_range_can_be_left_out():
    assert arguments.within("x", 0.99, 0, 1, below=True) == 0.99
    with pytest.raises(ValueError, match=r"^x must be a number in \[0, 1\), got 1$"):
        arguments.within("x", 1, 0, 1, below=True)


@pytest.mark.parametrize("value", [0, 5, 2.0, True, "2", None])
def test_a_whole_number_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match=f"^n must be a whole number from 1 to 4, got {value!r}"):
        arguments.whole("n", value, 1, 4)
    assert arguments.whole("n", 4, 1, 4) == 4


@pytest.mark.parametrize("value", ["c", None, [1]])
def test_what_is_not_in_the_list_is_refused_with_the_list(value):
    with pytest.raises(ValueError, match=r"^name must be one of 'a', 'b', got "):
        arguments.one_of("name", value, ("a", "b"))


def test_another_type_is_refused():
    arguments.instance_of("x", None, int | None)
    with pytest.raises(TypeError, match=r"^x must be a int \| None, got str '1'$"):
        arguments.instance_of("x", "1", int | None)
