"""The ledger: every claim of the sources has a row, and a row invents nothing."""

import re
from dataclasses import replace
from importlib import resources
from types import SimpleNamespace

import pytest
from test_claims import CLAIM, PROVENANCE

from gradlab.course import lessons, sweep
from gradlab.course.claims import ledger
from gradlab.course.claims.entries import UNMEASURED, WORDS
from gradlab.course.claims.sources import SOURCES, STATEMENTS
from gradlab.course.sweep import Experiment, journal
from gradlab.course.sweep.records import Records, Row

pytestmark = pytest.mark.once

CLAIMS, EXPERIMENTS = lessons.claims(), lessons.experiments()


# What the sources claim


def test_every_claim_of_the_sources_is_stated_once():
    count = {"S0": 4, "S1": 5, "S2": 4, "S3": 10, "S4": 7}
    assert list(STATEMENTS) == [f"{name}-{k + 1}" for name in SOURCES for k in range(count[name])]


@pytest.mark.parametrize("number", STATEMENTS)
def test_a_statement_is_a_sentence_and_the_words_that_the_source_has_for_it(number):
    one = STATEMENTS[number]
    assert one.says.endswith(".")
    for words in (one.original, one.source.title):
        assert re.search("[\u4e00-\u9fff]", words)
        assert "\n" not in words


@pytest.mark.parametrize("number", STATEMENTS)
def test_once_an_experiment_exists_every_claim_that_it_is_to_decide_uses_it(number):
    assert STATEMENTS[number].experiment not in EXPERIMENTS or number in CLAIMS


def test_a_claim_is_decided_in_one_lesson():
    numbers = [claim.number for found in lessons._collected("claims", "CLAIMS") for claim in found]
    assert sorted(numbers) == sorted(CLAIMS)


# The ledger of the course


@pytest.fixture(scope="module")
def book():
    return ledger(CLAIMS, EXPERIMENTS)


def test_every_claim_has_a_row_in_the_ledger_in_order(book):
    assert [entry.statement.number for entry in book] == list(STATEMENTS)
    assert book._repr_markdown_().count("\n| S") == len(STATEMENTS) == len(book)
    assert all(re.search(rf"^{number} ", str(book), re.MULTILINE) for number in STATEMENTS)


def test_a_row_has_a_verdict_exactly_if_a_lesson_decides_it(book):
    measured = {entry.statement.number for entry in book if entry.verdict}
    assert measured == set(CLAIMS)
    for entry in book:
        assert (entry.word == UNMEASURED) == (entry.verdict is None)
        assert re.search(r"\d|is to$", entry.number)


def test_a_row_tells_source_words_rule_runs_verdict_number_and_command(book):
    for number in CLAIMS:
        entry, told = book[number], unspaced(str(book[number]))
        for part in (
            entry.statement.source.title,
            entry.statement.original,
            entry.claim.rule,
            f"verdict {entry.word}",
            f"runs of `{entry.claim.experiment}`",
            f"gradlab claims --rerun {number}",
        ):
            assert unspaced(part) in told
        assert not entry.missing


def unspaced(text):
    """The text as it is wherever its lines break."""
    return "".join(text.split())


def test_the_ledger_can_be_filtered_and_counts_what_is_left(book):
    parts = [book.where(source=name) for name in SOURCES]
    assert sum(map(len, parts)) == sum(len(book.where(word=word)) for word in WORDS) == len(book)
    assert {entry.statement.source.name for entry in parts[2]} == {"S2"}
    some = book.where(source="S1", word="depends")
    assert [entry.statement.number for entry in some] == ["S1-4"]
    assert some.count == "1 claims: 1 depends"
    assert len(book.where(source="S1", word="holds")) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": "S5"}, "source must be one of 'S0', .*, got 'S5'"),
        ({"word": "maybe"}, "word must be one of 'holds', .*, got 'maybe'"),
    ],
)
def test_a_filter_that_is_none_is_refused(book, wrong, message):
    with pytest.raises(ValueError, match=message):
        book.where(**wrong)
    with pytest.raises(ValueError, match=r"number must be one of 'S0-1', .* got 'S0-9'"):
        book["S0-9"]


# Records that are missing, damaged, or of something else

EXPERIMENT = Experiment(
    "pruning", "", lambda budget: [{"seed": seed} for seed in range(6)], lambda cell: {}
)
PRUNING = replace(PROVENANCE, experiment="pruning")


def rows(seeds=range(6), **cell):
    return tuple(Row({"seed": seed, **cell}, "done", {"accuracy": 0.9}) for seed in seeds)


def entry_of(records):
    return ledger({"S1-1": CLAIM}, {"pruning": EXPERIMENT}, lambda name: records)["S1-1"]


def test_runs_of_the_grid_get_a_verdict():
    entry = entry_of(Records((PRUNING,), rows()))
    assert (entry.word, entry.missing, entry.because) == ("holds", 0, "")
    assert entry.number == "accuracy, ours: 90% (90% to 90% over 6 seeds)"


def test_missing_runs_are_counted():
    entry = entry_of(Records((PRUNING,), rows(range(5))))
    assert (entry.word, entry.missing) == ("holds", 1)
    assert "missing   1 runs that the claim needs are not recorded" in str(entry)


def test_a_run_that_diverged_is_counted_and_decides_nothing():
    lost = replace(rows()[0], status="diverged", result=None)
    entry = entry_of(Records((PRUNING,), (lost, *rows()[1:])))
    assert entry.word == "holds"
    assert "6 runs (1 diverged) of `pruning`" in str(entry)
    assert "over 5 seeds" in entry.number


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (Records((), ()), "no runs of 'pruning' are recorded"),
        (Records((PRUNING,), rows(width=8)), "6 of the 6 recorded runs are of another grid"),
        (Records((PRUNING,), rows(range(5, 8))), "2 of the 3 recorded runs are of another grid"),
        (Records((PROVENANCE,), rows()), "must hold runs of 'pruning', and hold some of 'e'"),
    ],
)
def test_runs_of_something_else_decide_nothing(records, why):
    entry = entry_of(records)
    assert (entry.word, entry.verdict) == (UNMEASURED, None)
    assert why in entry.because
    assert entry.claim.rule in str(entry)
    assert UNMEASURED in str(entry)


def test_a_rule_that_cannot_read_the_runs_says_so():
    records = Records((PRUNING,), tuple(replace(row, result={"loss": 1.0}) for row in rows()))
    assert "the rule cannot read these runs: name must be one of" in entry_of(records).because


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of recorded runs that ship, empty."""
    (tmp_path / "records").mkdir()
    files = SimpleNamespace(files=lambda package: tmp_path, as_file=resources.as_file)
    monkeypatch.setattr(journal, "resources", files)
    return tmp_path / "records"


def test_records_that_do_not_ship_or_are_damaged_are_told(shipped):
    def found():
        return ledger({"S1-1": CLAIM}, {"pruning": EXPERIMENT}, sweep.recorded)["S1-1"]

    assert "no runs of 'pruning' ship with the course" in found().because
    (shipped / "pruning.jsonl").write_text("{\n")
    assert "line 1 is none: '{'" in found().because
    assert found().word == UNMEASURED


def test_a_claim_without_its_experiment_is_told():
    entry = ledger({"S1-1": CLAIM}, {}, sweep.recorded)["S1-1"]
    assert entry.because == "there is no experiment 'pruning'"
