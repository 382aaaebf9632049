"""Broken runs: each fault shows its own sign, in three seeds, and no other; the clinic replies."""

import itertools
import re

import nbformat
import numpy as np
import pytest
import torch
from refresh_notebooks import NOTEBOOKS
from torch.nn import functional as F
from torch.utils.data import DataLoader

from gradlab.course.lessons import broken_runs
from gradlab.course.lessons.broken_runs import scripts
from gradlab.course.lessons.broken_runs.faults import FAULTS, HEALTHY, NAMES, fault, found
from gradlab.course.lessons.broken_runs.health import Checkup
from gradlab.course.lessons.broken_runs.listing import difference
from gradlab.course.lessons.broken_runs.patients import CLINIC
from gradlab.course.lessons.broken_runs.replies import CONFUSED, reply
from gradlab.course.lessons.broken_runs.running import run, source
from gradlab.course.lessons.broken_runs.signs import chance, floor
from gradlab.course.lessons.broken_runs.suspects import ROWS

SEEDS = (1, 2, 3)
SCRIPTS = (scripts.plain, scripts.scaled, scripts.normed)


@pytest.mark.once
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("one", FAULTS, ids=lambda one: one.name)
def test_every_fault_shows_its_own_sign_and_no_other(one, seed):
    assert found(run(one.broken, seed)) == (one.name,)


@pytest.mark.once
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_a_healthy_run_shows_no_sign_and_learns(script, seed):
    done = run(script, seed)
    assert found(done) == ()
    assert done.accuracy > 0.75
    assert done.train[-20:].mean() < 0.6


def test_a_run_is_the_same_every_time_and_touches_no_stream():
    before = torch.get_rng_state()
    one, other = (run(fault("one bad batch").broken, 2) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert repr(one.losses) == repr(other.losses)  # NaN is no equal of NaN
    assert len(one.recording) < 40  # stopped after it was lost


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " or ".join(row.suspects))
def test_the_experiment_of_a_row_cures_one_of_its_two_suspects(row):
    (other,) = {*row.suspects} - {row.cured}
    assert found(row.experiment.on(row.cured, 1)) == ()
    assert found(row.experiment.on(other, 1)) == (other,)


def test_the_bench_asks_first_and_then_shows_who_is_cured():
    bench = broken_runs.bench()
    assert bench.readout.endswith("Make the experiment.")
    assert not any(len(each.after.get_xdata()) for each in bench.losses)
    bench.experiment.value = True
    assert "rate too large: cured" in bench.readout
    assert "one bad batch: shows its sign as before" in bench.readout
    cured, other = bench.losses
    assert len(cured.before.get_xdata()) < len(cured.after.get_xdata())
    assert np.isnan(other.after.get_ydata()[-1])
    bench.suspects.index = 1
    assert "gain too small" in [each.name.get_text() for each in bench.losses]
    assert bench.readout.endswith("Make the experiment.")


def test_the_table_names_every_fault():
    assert {name for row in ROWS for name in row.suspects} == {one.name for one in FAULTS}
    assert len(repr(broken_runs.table()).splitlines()) == len(ROWS) + 2


def test_every_edit_stands_once_and_the_difference_is_the_edit():
    for one in FAULTS:
        assert source(one.script, one.edits) != source(one.script)
        changed = [
            line for line in difference(one.script, one.edits).splitlines() if line[0] in "+-"
        ]
        assert 1 <= len(changed) <= 4, one.name
    with pytest.raises(ValueError, match="stands once in the script, got 'nowhere'"):
        source(scripts.plain, (("nowhere", ""),))


def test_every_cell_of_the_table_of_answers_has_a_reply():
    for truth, said in itertools.product(NAMES, NAMES):
        told = reply(truth, said)
        assert told.startswith("Right: " if truth == said else f"You took it for: {said}.")
        if truth != said:
            assert truth not in told or truth in CONFUSED.get((truth, said), "") or said in told
    assert all({truth, said} <= set(NAMES) and truth != said for truth, said in CONFUSED)
    assert {truth for truth, _ in CONFUSED} == set(NAMES)
    with pytest.raises(ValueError, match="said must be one of"):
        reply(HEALTHY, "bad luck")


def test_every_diagnosis_waits_in_the_clinic_once():
    assert sorted(truth for truth, _ in CLINIC.values()) == sorted(NAMES)


@pytest.fixture(scope="module")
def ward():
    return broken_runs.Ward()


def test_the_clinic_hides_the_code_until_the_fault_is_named_and_then_mends_it(ward):
    clinic = ward.clinic("C")
    truth = fault("rate too large")
    assert "lr=" not in clinic.readout
    assert clinic._code.value == ""
    with pytest.raises(RuntimeError, match="has been named"):
        clinic.mend()
    clinic.answer("one bad batch")
    assert "You took it for: one bad batch" in clinic.readout
    assert "lr=" not in clinic.readout
    clinic.field.value = "rate too large"
    clinic.answer_button.click()
    assert truth.sign in clinic.readout
    assert re.search(r"- .*lr=0.6", clinic.readout)
    assert re.search(r"\+ .*lr=0.05", clinic.readout)
    assert ward.score.startswith("0 named at the first try, of 1 seen")
    clinic.mend_button.click()
    assert "Loss: train 0." in clinic.mended.readout
    mended = clinic.mended
    clinic.close()
    assert clinic.closed
    assert mended.closed


def test_a_healthy_patient_has_nothing_to_mend(ward):
    clinic = ward.clinic("L")
    clinic.answer_button.click()
    assert "Choose an answer first." in clinic.readout
    clinic.answer(HEALTHY)
    assert "Right" in clinic.readout
    assert clinic.mend_button.disabled
    with pytest.raises(RuntimeError):
        clinic.mend()
    with pytest.raises(ValueError, match="letter must be one of 'A', 'B'"):
        ward.clinic("Z")
    assert ward.score.startswith("1 named at the first try")


def test_who_gives_up_is_told(ward):
    clinic = ward.clinic("B")
    clinic.give_up_button.click()
    assert "It is: one bad batch." in clinic.readout
    assert not clinic.mend_button.disabled


def test_a_check_up_says_what_is_seen_and_who_is_healthy():
    ill = broken_runs.checkup(fault("dead ReLUs").broken, 1)
    assert isinstance(ill, Checkup)
    assert ill.signs == ("dead ReLUs",)
    assert "What is seen: Whole rows" in repr(ill)
    for seed in (0, 1):
        assert repr(broken_runs.checkup(scripts.plain, seed)).startswith("Healthy")
    with pytest.raises(ValueError, match="must take a step"):
        broken_runs.checkup(lambda digits, watch: None)


def test_the_floor_and_chance_are_those_of_the_loss():
    certain = torch.eye(10)[:1]
    assert float(F.cross_entropy(certain, torch.tensor([0]))) == pytest.approx(floor(10))
    guessed = F.cross_entropy(torch.zeros(1, 10), torch.tensor([0]))
    assert float(guessed) == pytest.approx(chance(10))


SENT = {  # the scripts that the notebook asks to mend: what shows, and the solution
    "first": (("rate too large",), (("gamma=1.05", "gamma=0.99"),)),
    "second": (("images and labels shuffled apart",), (("dims=0", "dims=1"),)),
    "third": (
        None,
        (
            ("shuffle=False", "shuffle=True"),
            (".bfloat16()\n", "\n"),
            ("images.bfloat16()", "images"),
            (
                "model.parameters(), lr=0.001, weight_decay=5.0",
                '[{"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": 5.0}, '
                '{"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0}], '
                "lr=0.001",
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", SENT)
def test_the_scripts_to_mend_are_broken_and_their_solutions_are_healthy(name):
    notebook = nbformat.read(NOTEBOOKS / "11_broken_runs.ipynb", as_version=4)
    (code,) = [cell.source for cell in notebook.cells if cell.source.startswith(f"def {name}(")]
    code = code[: code.index("\n\n\n")] + "\n"
    signs, edits = SENT[name]
    scope = {"torch": torch, "F": F, "DataLoader": DataLoader, "broken_runs": broken_runs}
    exec(code, scope)
    ill = broken_runs.checkup(scope[name])
    assert not ill.healthy
    assert ill.signs == signs if signs else len(ill.signs) >= 1
    for old, new in edits:
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    exec(code, scope)
    assert repr(broken_runs.checkup(scope[name])).startswith("Healthy")
