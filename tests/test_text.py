"""Laws of texts: a target is one character on, and the same batches come on every machine."""

import string
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradlab.course.data import python_docs
from gradlab.course.data.text import CHARACTERS, TextData, decode, encode


def counting(n):
    """A text whose tokens tell their place."""
    return TextData("counting", "train", torch.arange(n))


def drawn(batches):
    return [(inputs.tolist(), targets.tolist()) for inputs, targets in batches]


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_text_survives_as_tokens(text):
    assert decode(encode(text)) == text


@given(st.text())
def test_every_character_becomes_one_token(text):
    tokens = encode(text)
    assert tokens.dtype == torch.int64
    assert len(tokens) == len(text)
    assert all(0 <= token < CHARACTERS for token in tokens.tolist())


@given(st.integers(2, 50), st.integers(1, 8), st.integers(0, 5), st.data())
def test_a_batch_holds_pieces_of_the_text_and_what_follows_each_character(n, size, steps, data):
    length = data.draw(st.integers(1, n - 1))
    batches = list(
        counting(n).batches(size, length=length, seed=data.draw(st.integers(0, 99)), steps=steps)
    )
    assert len(batches) == steps
    for inputs, targets in batches:
        assert inputs.shape == targets.shape == (size, length)
        assert torch.equal(inputs, inputs[:, :1] + torch.arange(length))
        assert torch.equal(targets, inputs + 1)
        assert targets.max() < n


def test_pieces_come_from_the_whole_text():
    starts = [
        row[0] for i, _ in drawn(counting(12).batches(50, length=3, seed=0, steps=4)) for row in i
    ]
    assert set(starts) == set(range(9))


def test_batches_depend_on_the_seed_alone():
    text = counting(1000)
    first, again, other = (drawn(text.batches(8, length=5, seed=s, steps=3)) for s in (1, 1, 2))
    assert first == again
    assert first != other
    assert first[0] != first[1]
    assert drawn(islice(text.batches(8, length=5, seed=1), 3)) == first


def test_drawing_batches_leaves_the_global_streams_alone():
    torch.manual_seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    list(counting(100).batches(2, length=5, seed=0, steps=3))
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002


def test_the_manual_is_a_long_english_text_about_python():
    train, test = python_docs(), python_docs("test")
    assert len(train) > 200_000
    assert len(train) == pytest.approx(9 * len(test), rel=0.01)
    words = decode(train.tokens).lower().split()
    assert {"the", "statement", "expression", "python"} <= set(words)
    letters = sum(c in string.ascii_letters + " " for c in decode(train.tokens))
    assert letters / len(train) > 0.7


def test_no_line_of_text_is_in_both_splits():
    train, test = (decode(python_docs(split).tokens).splitlines() for split in ("train", "test"))
    shared = [line for line in test if len(line) > 40 and line in set(train)]
    assert len(shared) <= 0.01 * len(test)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"batch_size": 0}, ["batch_size", "1 or more", "0"]),
        ({"length": 0}, ["length", "from 1 to 9", "0"]),
        ({"length": 10}, ["length", "from 1 to 9", "10"]),
        ({"seed": -1}, ["seed", "0 or more", "-1"]),
        ({"steps": -1}, ["steps", "0 or more", "-1"]),
        ({"length": 2.5}, ["length", "2.5"]),
    ],
)
def test_bad_values_are_named_with_what_is_allowed(arguments, names):
    with pytest.raises(ValueError, match="must be") as caught:
        counting(10).batches(**{"batch_size": 2, "length": 3, "seed": 0} | arguments)
    assert all(name in str(caught.value) for name in names), caught.value


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match=r"split must be one of 'train', 'test', got 'valid'"):
        python_docs("valid")
