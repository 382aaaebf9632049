"""Claims: rules that are written down, verdicts that are computed, statistics that refuse luck."""

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


def good(records):
    """A rule."""
    accuracy = over_seeds(records.values("accuracy"))
    return Verdict("holds" if accuracy.above(0.5) else "fails", f"|accuracy| {accuracy:.0%}")


CLAIM = Claim("S9-1", "It is good.", "More than 50 % in every seed.", "e", good)


# Every claim of the course


CLAIMS = lessons.claims()


def test_every_claim_of_the_sources_that_are_settled_is_found_in_its_lesson():
    settled = {f"S0-{k}" for k in range(1, 5)} | {f"S1-{k}" for k in range(1, 6)}
    settled |= {f"S3-{k}" for k in range(1, 8)} | {"S4-2", "S4-7"}
    assert set(CLAIMS) == settled
    assert list(CLAIMS) == sorted(CLAIMS)


@pytest.fixture(params=CLAIMS.values(), ids=CLAIMS)
def claim(request):
    return request.param


@cache
def recorded(name):
    """The runs that ship."""
    return sweep.recorded(name)


def test_a_claim_says_what_it_claims_by_which_rule_and_experiment(claim):
    assert re.fullmatch(r"S[0-4]-\d+", claim.number)
    assert claim.says.endswith(".")
    assert re.search(r"every (one of \d+ )?seeds?", claim.rule)
    assert claim.experiment in lessons.experiments()


def test_a_verdict_comes_with_its_numbers_and_their_source(claim):
    verdict = claim.verdict(recorded(claim.experiment))
    assert re.search(r"\d", verdict.because)
    shown = " ".join(str(verdict).split())
    assert f"gradlab sweep {claim.experiment} --budget" in shown
    assert recorded(claim.experiment).provenance[0].machine.hardware in shown


def test_other_runs_would_get_another_verdict(claim):
    words = {claim.verdict(world).word for world in other_runs(claim.experiment)}
    assert len(words - {"not testable"}) > 1


def test_four_seeds_decide_nothing(claim):
    records = recorded(claim.experiment)
    few = [row for row in records if row.cell["seed"] in records.axis("seed")[:4]]
    assert claim.verdict(replace(records, rows=tuple(few))).word == "not testable"


@cache
def other_runs(name):
    """What might have shipped instead."""
    return list(worlds(recorded(name)))


def worlds(records: Records) -> Iterator[Records]:
    """What might have been recorded: the same, nothing but its mean, reversed, anything."""
    spans = {name: span(records, name) for row in records for name in row.result or ()}

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
    yield world(lambda low, high, value, at: (low + high) / 2)
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
    """The least and the greatest number of all results of that name."""
    found: list[float] = []
    for row in records:
        each((row.result or {}).get(name), lambda value, at: found.append(value))
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
    typed_in = replace(CLAIM, decide=lambda records: Verdict("holds", "I say so"))
    records = made([0.1, 0.9, 0.2, 0.8, 0.5])
    assert {typed_in.verdict(world).word for world in worlds(records)} == {"holds"}
    assert {CLAIM.verdict(world).word for world in worlds(records)} == {"holds", "fails"}


# Verdicts


def test_a_verdict_shows_claim_rule_reason_hardware_and_command():
    verdict = CLAIM.verdict(made([0.6, 0.7, 0.8, 0.7, 0.7]))
    assert (verdict.word, verdict.because) == ("holds", "|accuracy| 70% (60% to 80% over 5 seeds)")
    assert str(verdict).splitlines() == [
        "S9-1         It is good.",
        "rule         More than 50 % in every seed.",
        "verdict      holds",
        "because      |accuracy| 70% (60% to 80% over 5 seeds)",
        "measured on  cpu; slow, 1 core, 1 thread per run; torch 2",
        "again        gradlab sweep e",
    ]
    table = verdict._repr_markdown_().splitlines()
    assert table[:2] == ["| S9-1 | It is good. |", "|:--|:--|"]
    assert r"| because | \|accuracy\| 70% (60% to 80% over 5 seeds) |" in table


@pytest.mark.parametrize("accuracies", [[], [0.9] * 4, [0.9] * 4 + [float("nan")]])
def test_fewer_than_five_seeds_are_not_testable(accuracies):
    verdict = CLAIM.verdict(made(accuracies))
    assert verdict.word == "not testable"
    assert f"only {np.isfinite(accuracies).sum()} of {len(accuracies)} seeds" in verdict.because


def test_a_word_that_is_no_verdict_is_refused():
    with pytest.raises(ValueError, match="word must be one of 'holds', 'fails', 'depends', 'not"):
        Verdict("maybe", "")


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
