"""Questions in turn: what is asked next appears once the one before has been answered."""

import makers
import pytest

from gradlab.course.prediction import Asking, InTurn, predict

REPLIES = {"a": "Not a.", "b": "Right: b."}


def asking(**changed):
    asked = {"question": "Which?", "choices": REPLIES, "truth": "b"} | changed
    return Asking(makers.PANELS["race"](), **asked)


def test_it_is_asked_until_it_is_answered_rightly_and_then_no_more():
    asked, tried, solved = asking(), [], []
    asked.on_answer(tried.append)
    asked.when_answered(lambda: solved.append(1))
    asked.answer_button.click()
    assert asked.readout.startswith("Which?\n- a\n- b\nChoose an answer first.\n")
    asked.answer("a")
    assert "Not a." in asked.readout
    asked.field.value = "b"
    asked.answer_button.click()
    assert "Right: b." in asked.readout
    assert (tried, solved) == ([False, True], [1])
    assert asked.answer_button.disabled


def test_who_gives_up_is_told_and_counts_as_wrong():
    asked, tried = asking(), []
    asked.on_answer(tried.append)
    asked.give_up()
    assert "It is: b." in asked.readout
    assert tried == [False]


def test_many_choices_go_into_a_menu():
    asked = asking(choices=dict.fromkeys("abcdefg", "Right: no."))
    assert asked.field.options[0] == ("choose …", None)
    assert "- a" not in asked.readout


def test_what_cannot_be_answered_is_refused():
    with pytest.raises(ValueError, match=r"truth must be one of \['a', 'b'\], got 'c'"):
        asking(truth="c")
    with pytest.raises(ValueError, match=r"the answer must be one of \['a', 'b'\], got 'c'"):
        asking().answer("c")


def test_a_part_appears_when_its_turn_comes_and_is_made_no_earlier():
    made = []

    def part(name, make):
        return lambda: made.append(name) or make()

    def predicted():
        return predict(makers.PANELS["race"](), "And?", truth="a", idea="", choices=REPLIES)

    turns = InTurn([part("first", asking), part("then", predicted), part("last", asking)])
    first = turns.shown[0]
    assert (made, turns.picture) == (["first"], first.picture)
    first.answer("a")
    assert made == ["first"]
    first.give_up()
    first.answer("b")
    assert made == ["first", "then"]
    assert turns.readout.count("Which?") == 1
    turns.shown[1].skip()
    assert turns.put({"step": 1}) is turns
    assert len(turns.parts) == 3
    turns.close()
    assert first.closed
    assert turns.closed


def test_all_parts_may_be_asked_for_without_an_answer():
    turns = InTurn([asking, asking])
    first, then = turns.parts
    first.give_up()
    assert turns.parts == (first, then)
