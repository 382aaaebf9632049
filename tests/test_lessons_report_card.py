"""The ledger panel shows the numbers behind a verdict, and invents none."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from test_claims import CLAIM, made

from gradlab.course import lessons
from gradlab.course.claims.claim import Verdict
from gradlab.course.claims.entries import Entry, Ledger, ledger
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import over_seeds
from gradlab.course.claims.sources import STATEMENTS
from gradlab.course.lessons.report_card import ledger_panel
from gradlab.course.lessons.report_card.controls import FACTORS


@pytest.fixture(scope="module")
def book():
    return ledger(lessons.claims(), lessons.experiments())


@pytest.fixture(scope="module")
def panel(book):
    return ledger_panel(book)


@pytest.fixture(autouse=True)
def _start_again(panel):
    panel.reset()


def test_the_panel_offers_every_claim_with_its_verdict(panel, book):
    offered = dict(map(reversed, panel.claim.options))
    assert list(offered) == list(STATEMENTS)
    assert all(book[number].word in label for number, label in offered.items())


@pytest.mark.parametrize("source", ["S0", "S1"])
def test_a_dot_is_a_seed_and_a_line_what_the_rule_compares_with(panel, book, source):
    for _, number in book_numbers(book, source):
        panel.claim.value = number
        for kind, evidence in enumerate(book[number].verdict.evidence):
            panel.numbers.value = kind
            found = list(chain(*(seeds.values for seeds in evidence.numbers.values())))
            np.testing.assert_array_equal(panel.dots.seeds.get_xdata(), found)
            means = [seeds.mean for seeds in evidence.numbers.values()]
            np.testing.assert_array_equal(panel.dots.means.get_xdata(), means)
            assert set(panel.dots.bounds.get_xdata()[::3]) == set(evidence.bounds)
            low, high = panel.dots.axes.get_xlim()
            assert low < min(*found, *evidence.bounds)
            assert max(*found, *evidence.bounds) < high
            assert panel.dots.nothing.get_text() == ""


def book_numbers(book, source):
    return [(entry.word, entry.statement.number) for entry in book.where(source=source)]


def test_the_slider_moves_the_rules_own_lines_and_its_verdict(panel, book):
    panel.claim.value = "S1-4"
    verdict = book["S1-4"].verdict
    for factor in FACTORS:
        panel.factor.value = factor
        moved = verdict.at(time=0.02 * factor)
        assert panel.readout.startswith(f"S1-4, {moved.word}: ")
        assert f"Cut-offs: time {0.02 * factor:.3g}." in panel.readout
        assert set(panel.dots.bounds.get_xdata()[::3]) == {-0.02 * factor, 0.02 * factor}
        assert panel.strip.words[int(panel.strip.here.get_ydata()[0])] == moved.word
    words = [panel.strip.words[row] for row in panel.strip.line.get_ydata()]
    assert words == [verdict.at(time=0.02 * factor).word for factor in FACTORS]
    assert "The rule's own would give: depends." in panel.readout


def test_each_cut_off_is_moved_alone(panel, book):
    panel.claim.value = "S1-1"
    assert [name for name, _ in panel.cutoff.options] == ["accuracy", "amount"]
    for name, value in book["S1-1"].verdict.cutoffs.items():
        panel.cutoff.value = name
        words = [panel.strip.words[row] for row in panel.strip.line.get_ydata()]
        moved = [book["S1-1"].verdict.at(**{name: value * factor}).word for factor in FACTORS]
        assert words == moved


def test_a_rule_without_a_cut_off_stays_as_it_is(panel, book):
    panel.claim.value = "S0-2"
    before = panel.readout
    panel.factor.value = 4.0
    assert panel.readout == before
    assert "Cut-offs: none; only signs count." in before


def test_the_readout_has_the_sources_words_the_rule_the_reason_and_the_command(panel, book):
    panel.claim.value = "S0-4"
    verdict = book["S0-4"].verdict
    for part in (
        book["S0-4"].statement.original,
        verdict.claim.rule,
        verdict.because,
        "gradlab claims --rerun S0-4",
    ):
        assert part in panel.readout


def test_a_claim_may_be_open_at_first_if_the_ledger_has_it(book):
    opened = ledger_panel(book.where(source="S1"), claim="S1-4")
    opened.claim.value = "S1-1"
    opened.reset()
    assert opened.readout.startswith("S1-4, ")
    with pytest.raises(ValueError, match=r"claim must be one of 'S1-1', .*, got 'S0-1'"):
        ledger_panel(book.where(source="S1"), claim="S0-1")


def test_filters_leave_the_claims_of_a_source_with_a_verdict(panel):
    panel.source.value = "S1"
    assert [number for _, number in panel.claim.options] == [f"S1-{k}" for k in range(1, 6)]
    panel.claim.value = "S1-4"
    panel.word.value = "depends"
    assert [number for _, number in panel.claim.options] == ["S1-4"]
    assert panel.claim.value == "S1-4"
    panel.word.value = "not testable"
    assert panel.claim.options == ()
    assert panel.readout == "Not possible: no claim of this source has this verdict."
    assert len(panel.dots.seeds.get_xdata()) == len(panel.strip.line.get_xdata()) == 0
    panel.reset()
    assert panel.claim.value == "S0-1"
    assert panel.readout.startswith("S0-1, ")


@pytest.mark.parametrize(
    ("verdict", "because", "says", "shows"),
    [
        (None, "no runs are recorded", "Because: no runs are recorded.", "not measured yet"),
        (CLAIM.verdict(made([0.9] * 4)), "", "only 4 of 4 seeds", "not testable"),
        (CLAIM.verdict(made([0.9] * 5)), "", "|accuracy| 90%", ""),
    ],
)
def test_where_there_are_no_numbers_nothing_is_drawn(verdict, because, says, shows):
    entry = Entry(STATEMENTS["S1-1"], verdict, CLAIM, because)
    panel = ledger_panel(Ledger((entry,)))
    for factor in FACTORS:
        panel.factor.value = factor
        assert says in panel.readout
    assert panel.dots.nothing.get_text() == shows
    assert (len(panel.dots.seeds.get_xdata()) == 0) == bool(shows)
    assert len(panel.strip.line.get_xdata()) == (0 if verdict is None else len(FACTORS))


def test_numbers_that_hang_on_a_cut_off_move_with_it():
    def decide(records, least):
        shown = Evidence(f"times {least:g}", {"ours": over_seeds(np.full(5, least))}, (1.0,))
        return Verdict("depends", "it moves", (shown,))

    verdict = replace(CLAIM, decide=decide).verdict(made([0.9] * 5))
    panel = ledger_panel(Ledger((Entry(STATEMENTS["S1-1"], verdict, CLAIM),)))
    for factor in FACTORS:
        panel.factor.value = factor
        assert set(panel.dots.seeds.get_xdata()) == {0.5 * factor}
        assert panel.dots.about.get_text() == f"times {0.5 * factor:g}"


def test_a_verdict_that_another_cut_off_makes_undecidable_is_shown_without_numbers():
    def decide(records, least):
        if least > 0.6:
            return Verdict("not testable", "too much is asked")
        return CLAIM.decide(records, least)

    verdict = replace(CLAIM, decide=decide).verdict(made([0.9] * 5))
    panel = ledger_panel(Ledger((Entry(STATEMENTS["S1-1"], verdict, CLAIM),)))
    assert len(panel.dots.seeds.get_xdata()) == 5
    panel.factor.value = 4.0
    assert panel.readout.startswith("S1-1, not testable: ")
    assert len(panel.dots.bounds.get_xdata()) == len(panel.dots.seeds.get_xdata()) == 0
