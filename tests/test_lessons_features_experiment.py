"""The experiment on short feature vectors, and the rules that decide what S0 claims of them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gradlab.course import lessons, sweep
from gradlab.course.lessons.features.experiment import EXPERIMENT, vectors
from gradlab.course.sweep.records import Records, Row


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "features.jsonl"
    with ThreadPoolExecutor(1) as here:
        return sweep.complete(EXPERIMENT, path, budget="ci", executor=here, progress=False)


@pytest.mark.once
def test_the_smallest_budget_makes_one_run_of_each_sort_and_all_are_done(few):
    assert [row.status for row in few] == ["done"] * 4
    full, pca, relu, timed = (row.result for row in few)
    assert full["accuracy"] > pca["accuracy"] > 0.7
    assert full["classifier_parameters"] == 7850
    assert (pca["map_parameters"], pca["classifier_parameters"]) == (785 * 8, 90)
    assert relu["map_parameters"] == 785 * 64 + 65 * 8
    assert 0 < pca["explained"] < full["explained"] == 1
    assert 0 < timed["classifier_time"] <= timed["whole_time"]


def test_a_run_is_its_cell():
    cell = EXPERIMENT.cells("cpu")[1] | {"features": "pixels"}
    assert EXPERIMENT.measure(cell) == EXPERIMENT.measure(cell)


@pytest.mark.once
def test_cells_that_share_a_seed_differ_in_one_thing_and_share_the_digits():
    raw, unit = (vectors("digits", "pixels", unit, 1) for unit in (False, True))
    other = vectors("digits", "pixels", False, 2)
    assert np.array_equal(raw.labels, unit.labels)
    assert not np.array_equal(raw.labels, other.labels)
    assert len(raw.train) == 3000
    lengths = np.linalg.norm(raw.train, axis=1, keepdims=True)
    assert raw.train / lengths == pytest.approx(unit.train, abs=1e-6)


def test_the_deciding_runs_are_not_those_it_was_tried_out_with():
    seeds = {cell["seed"] for cell in EXPERIMENT.cells("cpu")}
    assert len(seeds) >= 5
    assert 0 not in seeds


def test_an_unknown_budget_is_refused():
    with pytest.raises(ValueError, match="budget must be one of 'ci', 'cpu', 'gpu', got 'tpu'"):
        EXPERIMENT.cells("tpu")


# The rules, on records made up so that the verdict is known


def made_up(**say):
    """Records of the whole grid, with results from functions of the cell."""
    usual = {
        "accuracy": lambda cell: 0.9,
        "classifier_parameters": lambda cell: 10 * (cell["k"] + 1),
        "map_parameters": lambda cell: 785 * cell["k"],
        "classifier_time": lambda cell: 0.5,
        "whole_time": lambda cell: 0.7,
    }
    rows = [
        Row(cell, "done", {name: of(cell) for name, of in (usual | say).items()})
        for cell in EXPERIMENT.cells("cpu")
    ]
    return Records((), tuple(rows))


def verdict(number, **say):
    return lessons.claims()[number].verdict(made_up(**say))


def below(k, loss, **same):
    """An accuracy of 0.9, less a loss in cells of fewer than k numbers that hold ``same``."""
    return lambda cell: 0.9 - loss * (cell["k"] < k and all(cell[n] == v for n, v in same.items()))


def test_s0_1_depends_on_every_map_and_length_and_a_point_is_allowed():
    assert verdict("S0-1").word == "holds"
    assert verdict("S0-1", accuracy=below(784, 0.01)).word == "holds"
    assert verdict("S0-1", accuracy=below(784, 0.011)).word == "fails"
    found = verdict("S0-1", accuracy=below(16, 0.1, map="random", features="pixels"))
    assert found.word == "depends"
    assert "pixels random from 16 numbers on (1 : 49)" in found.because
    assert "network random from 2 numbers on" in found.because


def test_s0_1_needs_every_seed():
    found = verdict("S0-1", accuracy=below(64, 0.1, seed=3, map="pca"))
    assert found.word == "depends"
    assert "network pca from 64 numbers on" in found.because


def test_s0_2_counts_the_map():
    assert verdict("S0-2").word == "depends"  # 64 numbers: 785 * 64 parameters are in the map
    assert verdict("S0-2", map_parameters=lambda cell: 0).word == "holds"
    assert verdict("S0-2", whole_time=lambda cell: 1.1).word == "depends"
    slow = verdict("S0-2", classifier_time=lambda cell: 0.5 + 0.6 * (cell["seed"] == 2))
    assert slow.word == "fails"


def test_s0_3_needs_half_a_point_in_every_setting():
    def gain(of):
        return lambda cell: 0.9 + of * cell["unit"]

    assert verdict("S0-3", accuracy=gain(0.006)).word == "holds"
    assert verdict("S0-3", accuracy=gain(0.004)).word == "fails"
    assert verdict("S0-3", accuracy=gain(-0.006)).word == "fails"
    found = verdict("S0-3", accuracy=lambda c: 0.9 + 0.01 * (c["unit"] and c["map"] == "pca"))
    assert found.word == "depends"
    assert "pixels pca +1.0%" in found.because


def test_s0_4_compares_with_the_linear_map_at_the_same_length():
    def gain(**same):
        return lambda cell: (
            0.9
            + 0.01
            * (cell["map"] in ("relu", "lstm") and all(cell[n] == v for n, v in same.items()))
        )

    assert verdict("S0-4").word == "fails"
    assert verdict("S0-4", accuracy=gain()).word == "holds"
    found = verdict("S0-4", accuracy=gain(k=2, map="relu"))
    assert found.word == "depends"
    assert "relu 2 +1.0%" in found.because
    assert verdict("S0-4", accuracy=gain(k=2, seed=1)).word == "fails"


@pytest.mark.parametrize("number", ["S0-1", "S0-2", "S0-3", "S0-4"])
def test_one_seed_decides_nothing(few, number):
    assert lessons.claims()[number].verdict(few).word == "not testable"
