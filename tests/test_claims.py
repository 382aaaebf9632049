"""Claims: rules that are written down, verdicts that are computed, statistics that refuse luck."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlab.course import lessons, sweep
from gradlab.course.claims import Claim
from gradlab.course.claims.claim import Verdict
from gradlab.course.claims.evidence import Evidence
from gradlab.course.claims.seeds import TooFewSeeds, over_seeds, paired
from gradlab.course.sweep.provenance import Machine, Provenance
from gradlab.course.sweep.records import Records, Row

MACHINE = Machine(
    python="3",
    torch="2",
    torchvision=None,
    numpy="2",
    gradlab="0",
    device="cpu",
    processor="slow",
    cores=1,
    threads=1,
    memory=None,
)
PROVENANCE = Provenance(experiment="e", budget="ci", machine=MACHINE, command="gradlab sweep e")


def made(accuracies):
    """Records of one run per seed."""
    rows = [Row({"seed": n}, "done", {"accuracy": value}) for n, value in enumerate(accuracies)]
    return Records((PROVENANCE,), tuple(rows))


def good(records, least):
    """A rule."""
    accuracy = over_seeds(records.values("accuracy"))
    word = "holds" if accuracy.above(least) else "fails"
    shown = Evidence("accuracy", {"ours": accuracy}, (least,), ".0%")
    return Verdict(word, f"|accuracy| {accuracy:.0%}", (shown,))


CLAIM = Claim("S1-1", "More than 50 % in every seed.", good, {"least": 0.5})


# Every claim of the course


CLAIMS = lessons.claims()


@pytest.fixture(params=CLAIMS.values(), ids=CLAIMS)
def claim(request):
    return request.param


@cache
def recorded(name):
    """The runs that ship."""
    return sweep.recorded(name)


def test_a_claim_says_what_it_claims_by_which_rule_and_experiment(claim):
    assert re.search(r"every (one of \d+ )?seeds?|of \d+ seeds", claim.rule)
    assert claim.experiment in lessons.experiments()


@pytest.mark.once
def test_a_verdict_comes_with_its_numbers_and_their_source(claim):
    verdict = claim.verdict(recorded(claim.experiment))
    assert re.search(r"\d", verdict.because)
    shown = " ".join(str(verdict).split())
    assert f"gradlab sweep {claim.experiment} --budget" in shown
    assert f"gradlab claims --rerun {claim.number}" in shown
    assert verdict.evidence or verdict.word == "not testable"
    assert recorded(claim.experiment).provenance[0].machine.hardware in shown


@pytest.mark.once
def test_other_runs_would_get_another_verdict(claim):
    words = {claim.verdict(world).word for world in other_runs(claim.experiment)}
    assert words == {"not testable"} or len(words - {"not testable"}) > 1


def test_a_verdict_needs_no_other_runs_than_those_that_its_claim_names(claim):
    records = recorded(claim.experiment)
    assert 0 < len(claim.verdict(records).records) <= len(records)


@pytest.mark.once
def test_a_cut_off_can_be_moved(claim):
    verdict = claim.verdict(recorded(claim.experiment))
    assert list(verdict.nearby) == list(claim.cutoffs)
    for name, (half, double) in verdict.nearby.items():
        value = claim.cutoffs[name]
        assert claim.verdict(verdict.records, **{name: value / 2}).word == half
        assert claim.verdict(verdict.records, **{name: value * 2}).word == double


WORDS = {
    "S0-1": "depends",
    "S0-2": "depends",
    "S0-3": "fails",
    "S0-4": "depends",
    "S1-1": "fails",
    "S1-2": "fails",
    "S1-3": "fails",
    "S1-4": "depends",
    "S1-5": "fails",
    "S2-1": "depends",
    "S2-2": "depends",
    "S2-3": "depends",
    "S2-4": "depends",
    "S4-3": "depends",
    "S3-8": "depends",
    "S3-9": "depends",
    "S3-10": "fails",
    "S4-1": "fails",
    "S4-4": "depends",
    "S4-5": "fails",
    "S4-6": "fails",
}


@pytest.mark.parametrize("number", WORDS)
def test_the_runs_that_ship_say_what_notebooks_say_of_them(number):
    claim = CLAIMS[number]
    assert claim.verdict(recorded(claim.experiment)).word == WORDS[number]


@pytest.mark.once
def test_four_seeds_decide_nothing(claim):
    records = recorded(claim.experiment)
    few = [row for row in records if row.cell["seed"] in records.axis("seed")[:4]]
    assert claim.verdict(replace(records, rows=tuple(few))).word == "not testable"


@cache
def other_runs(name):
    """What might have shipped instead."""
    return list(worlds(recorded(name)))


def worlds(records: Records) -> Iterator[Records]:
    """What might have been recorded: the same, one and the same value, reversed, anything."""
    names = {name for row in records for name in row.result or ()}
    spans = {name: span(records, name) for name in names}

    def world(change) -> Records:
        rows = [replace(row, result=changed(row, change)) for row in records]
        return replace(records, rows=tuple(rows))

    def changed(row, change):
        condition = str({**row.cell, "seed": None})
        return {
            name: each(value, partial(change, *spans[name]), (condition, name))
            for name, value in (row.result or {}).items()
        }

    yield records
    for share in (0, 0.5, 1):
        yield world(lambda low, high, value, at, share=share: low + share * (high - low))
    yield world(lambda low, high, value, at: low + high - value)
    for salt in range(20):
        drawn: dict = {}
        stream = np.random.default_rng(salt)
        yield world(
            lambda low, high, value, at, drawn=drawn, stream=stream: drawn.setdefault(
                at, stream.uniform(low, high)
            )
        )


def span(records, name):
    """The least and the greatest finite number of all results of that name."""
    values: list[float] = []
    for row in records:
        each((row.result or {}).get(name), lambda value, at: values.append(value))
    found = [value for value in values if math.isfinite(value)]
    found = [value for value in found if math.isfinite(value)]
    return min(found, default=0), max(found, default=0)


def each(value, change, at=()):
    """Every number in a result changed, with its place; what is none left as it is."""
    if isinstance(value, dict):
        return {name: each(part, change, (*at, name)) for name, part in value.items()}
    if isinstance(value, list):
        return [each(part, change, (*at, place)) for place, part in enumerate(value)]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return change(value, at) if is_number else value


def test_a_verdict_that_is_typed_in_is_noticed():
    typed_in = replace(CLAIM, decide=lambda records, least: Verdict("holds", "I say so"))
    records = made([0.1, 0.9, 0.2, 0.8, 0.5])
    assert {typed_in.verdict(world).word for world in worlds(records)} == {"holds"}
    assert {CLAIM.verdict(world).word for world in worlds(records)} == {"holds", "fails"}


# Verdicts


def test_a_verdict_shows_claim_rule_reason_hardware_and_command():
    verdict = CLAIM.verdict(made([0.6, 0.7, 0.8, 0.7, 0.7]))
    assert (verdict.word, verdict.because) == ("holds", "|accuracy| 70% (60% to 80% over 5 seeds)")
    source = CLAIM.statement.source
    assert str(verdict).splitlines() == [
        "S1-1      Weights with a small gradient can be removed while accuracy holds.",
        f"source    {source.title} ({source.english}):",
        "          “通过裁剪神经网络中的某些权重，使模型更加简洁，同时保持准确率”",
        "rule      More than 50 % in every seed.",
        "verdict   holds",
        "because   |accuracy| 70% (60% to 80% over 5 seeds)",
        "cut-offs  least 0.5 (at half: holds, at double: fails). The verdict is sensitive to where "
        "the",
        "          line is drawn.",
        "runs      5 runs of `pruning`",
        "made on   cpu; slow, 1 core, 1 thread per run; torch 2",
        "made by   gradlab sweep e",
        "again     gradlab claims --rerun S1-1",
    ]
    table = verdict._repr_markdown_().splitlines()
    assert table[0].startswith("| S1-1 | Weights with a small gradient")
    assert table[1] == "|:--|:--|"
    assert r"| because | \|accuracy\| 70% (60% to 80% over 5 seeds) |" in table


@pytest.mark.parametrize("accuracies", [[], [0.9] * 4, [0.9] * 4 + [float("nan")]])
def test_fewer_than_five_seeds_are_not_testable(accuracies):
    verdict = CLAIM.verdict(made(accuracies))
    assert verdict.word == "not testable"
    assert f"only {np.isfinite(accuracies).sum()} of {len(accuracies)} seeds" in verdict.because


def test_a_word_that_is_no_verdict_is_refused():
    with pytest.raises(ValueError, match="word must be one of 'holds', 'fails', 'depends', 'not"):
        Verdict("maybe", "")


def test_a_claim_that_no_source_makes_is_refused():
    with pytest.raises(ValueError, match=r"number must be one of 'S0-1', .*, got 'S9-1'"):
        replace(CLAIM, number="S9-1")


def test_a_cut_off_that_the_rule_does_not_have_is_refused():
    with pytest.raises(ValueError, match="a cut-off must be one of 'least', got 'most'"):
        CLAIM.verdict(made([0.9] * 5), most=1.0)


def test_a_rule_sees_the_runs_that_its_claim_names_and_no_others():
    one, other = made([0.9] * 5), made([0.1] * 5)
    rows = [replace(row, cell={**row.cell, "part": "a"}) for row in one]
    rows += [replace(row, cell={**row.cell, "part": "b"}) for row in other]
    both = replace(one, rows=tuple(rows))
    for part, word in (("a", "holds"), ("b", "fails")):
        verdict = replace(CLAIM, needs=({"part": part},)).verdict(both)
        assert (verdict.word, len(verdict.records)) == (word, 5)


def test_runs_that_did_not_end_well_are_counted():
    records = made([0.9] * 6)
    lost = replace(records.rows[0], status="diverged", result=None)
    verdict = CLAIM.verdict(replace(records, rows=(lost, *records.rows[1:])))
    assert "6 runs (1 diverged) of" in str(verdict)
    assert "over 5 seeds" in verdict.because


def test_evidence_of_nothing_is_refused():
    with pytest.raises(ValueError, match="numbers must hold one or more, got none"):
        Evidence("accuracy", {})


# Statistics over seeds

numbers = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=12)


@given(numbers, st.floats(-1e6, 1e6))
def test_above_and_below_ask_every_seed(values, bound):
    seeds = over_seeds(values)
    assert seeds.above(bound) == all(value > bound for value in values)
    assert seeds.below(bound) == all(value < bound for value in values)
    assert (seeds.low, seeds.high) == (min(values), max(values))
    assert seeds.mean == pytest.approx(np.mean(values))


@given(numbers)
def test_pairs_are_differences_seed_by_seed(values):
    ours = np.array(values)
    np.testing.assert_array_equal(paired(ours + 1, ours).values, ours + 1 - ours)
    assert paired(ours, ours).above(0) is False


def test_a_seed_that_did_not_end_well_is_left_out_of_both():
    nan = float("nan")
    found = paired([1, 2, 3, nan, 5, 6, 7], [0, 0, nan, 0, 0, 0, 0])
    np.testing.assert_array_equal(found.values, [1, 2, 5, 6, 7])
    with pytest.raises(TooFewSeeds, match="only 4 of 5 seeds, and 5 are needed"):
        paired([1, 2, 3, 4, nan], [0] * 5)


def test_pairs_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"theirs must have the shape \(5,\), got \(6,\)"):
        paired([1] * 5, [1] * 6)


def test_a_spread_is_told_as_mean_and_range():
    seeds = over_seeds([0.01, 0.02, 0.03, 0.04, 0.05])
    assert f"{seeds:+.1%}" == "+3.0% (+1.0% to +5.0% over 5 seeds)"
    assert str(seeds) == "0.03 (0.01 to 0.05 over 5 seeds)"
