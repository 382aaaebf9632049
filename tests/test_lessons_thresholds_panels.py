"""The panels on thresholds show what the records hold, and a live cell is one that is recorded."""

import threading

import numpy as np
import pytest
import torch

from gradlab.course.lessons import thresholds
from gradlab.course.lessons.thresholds import live, maps, setups
from gradlab.course.lessons.thresholds.claimed import BEST, CLAIMED, Table
from gradlab.course.lessons.thresholds.experiment import Run
from gradlab.course.sweep.records import Records, Row

STEPS = [12, 24, 60, 120]


def row(
    model, lr, max_norm, seed, accuracy, *, validation=None, diverged=None, optimizer="momentum"
):
    """A run whose accuracy rises in a line from nothing."""
    steps = [step for step in STEPS if diverged is None or step <= diverged]
    done = diverged is None
    result = {
        "steps": steps,
        "test": [accuracy * step / 120 for step in steps],
        "loss": [2.0] * len(steps),
        "norm": [3.0] * len(steps),
        "accuracy": accuracy if done else None,
        "train_accuracy": accuracy + 0.05 if done else None,
        "validation_accuracy": (validation or accuracy) if done else None,
        "clipped": 0.0 if max_norm is None else 0.75,
        "distance": 4.0 if done else None,
        "diverged": diverged,
    }
    cell = {"part": "by norm", "model": model, "optimizer": "momentum", "lr": lr, "steps": 120}
    return Row(cell | {"max_norm": max_norm, "seed": seed}, "done", result)


RECORDS = Records(
    (),
    tuple(
        row(model, lr, max_norm, seed, 0.8 - lr + seed / 100, validation=0.5 + lr)
        for model in setups.S3_MODELS
        for lr in (0.1, 0.3)
        for max_norm in (1, 10)
        for seed in range(3)
    )
    + tuple(
        row(model, lr, None, seed, 0.6, diverged=30 if lr == 0.3 else None)
        for model in setups.S3_MODELS
        for lr in (0.1, 0.3)
        for seed in range(3)
    ),
)


@pytest.fixture(scope="module")
def panel():
    return thresholds.map_panel(RECORDS)


@pytest.mark.parametrize(
    ("of", "number"),
    [
        ("test accuracy, large T", 0.7),
        ("gap, train − test", 0.05),
        ("share of the steps clipped", 0.75),
        ("distance from the first weights", 4),
    ],
)
def test_a_map_holds_what_the_runs_came_to(panel, of, number):
    panel.value.value = of
    panel.mark(model="VGG", lr=0.1, max_norm=1)
    assert panel.table.values[0, 0, 0] == pytest.approx(number)
    assert of in panel.readout


@pytest.mark.parametrize(("model", "short"), [("AlexNet", 60), ("VGG", 24)])
def test_the_small_t_of_a_network_is_read_from_the_long_run(panel, model, short):
    panel.value.value = "test accuracy, small T"
    panel.mark(model=model)
    assert panel.table.values[0, 0, 0] == pytest.approx(0.7 * short / 120)
    assert set(panel.table.ends[2, 1]) == {"diverged" if short > 30 else "done"}


def test_steps_to_an_accuracy_lie_between_two_marks_and_never_is_no_number(panel):
    panel.value.value = "steps to 50% test accuracy"
    panel.mark(model="VGG")
    assert panel.table.values[0, 0, 0] == pytest.approx(60 + 60 * (0.5 - 0.35) / 0.35)
    assert set(panel.table.ends[2, 1]) == {"diverged"}
    read = maps.QUANTITIES["steps to 50% test accuracy"]
    assert read(row("VGG", 0.1, 1, 0, 0.4)) is None


def test_what_is_not_mapped_is_refused():
    with pytest.raises(ValueError, match=r"of must be one of .*, got 'loss'"):
        thresholds.map_panel(RECORDS, of="loss")


# S3's table


def test_beside_each_claimed_number_stands_ours_at_the_sliders_place():
    panel = thresholds.claimed_panel(RECORDS)
    for max_norm, lr, means in ((1, 0.3, (0.51 / 5, 0.51)), (10, 0.1, (0.71 / 5, 0.71))):
        panel.max_norm.value, panel.rate.value = f"{max_norm:g}", f"{lr:g}"
        assert panel.columns["VGG"].mean.get_ydata() == pytest.approx(means)
        assert len(panel.columns["VGG"].seeds.get_ydata()) == 6
    assert "S3 says about 58% after 1,000" in panel.readout
    assert "Not the same experiment" in panel.readout


def test_the_best_rate_is_chosen_on_the_validation_pictures():
    table = Table(RECORDS)
    assert table.row("VGG", 1, BEST).lr == 0.3  # on the test pictures it is 0.1
    assert table.row("VGG", 1, 0.1).lr == 0.1
    assert table.row("AlexNet", 1, BEST).steps == (60, 120)


def test_runs_that_diverged_are_said_and_count_as_chance():
    panel = thresholds.claimed_panel(RECORDS)
    panel.max_norm.value, panel.rate.value = "none", "0.3"
    assert "3 of 3 seeds diverged" in panel.readout
    assert panel.columns["VGG"].mean.get_ydata() == pytest.approx((0.12, 0.1))


def test_the_claims_are_those_that_s3_prints():
    assert {model: [claim for _, claim in two] for model, two in CLAIMED.items()} == {
        "AlexNet": [0.71, 0.79],
        "VGG": [0.58, 0.74],
        "ResNet, batch norm": [0.47, 0.70],
    }


def test_a_network_without_runs_is_named():
    with pytest.raises(ValueError, match="runs of AlexNet under momentum, got none"):
        thresholds.claimed_panel(RECORDS.where(model="VGG"))


# A cell, live

CELL = {
    "part": "by norm", "model": "VGG", "optimizer": "momentum", "lr": 0.01, "max_norm": 1,
    "data": "patches", "width": 2, "batch_size": 8, "steps": 4, "seed": 3,
}  # fmt: skip


@pytest.fixture
def fewer(monkeypatch):
    """Measured on a few pictures, at each of the four steps."""
    found = setups.pictures("patches")
    few = setups.Pictures(
        found.train,
        *(setups._every(part, 25, 0) for part in (found.seen, found.test, found.validation)),
    )
    monkeypatch.setattr(setups, "pictures", lambda name: few)


def test_a_live_cell_is_the_run_that_the_experiment_would_record(fewer):
    points = list(live.train(CELL))
    run = Run(CELL, (0.25, 0.5, 0.75, 1.0))
    marks = list(run.marks())
    assert [point["step"] for point in points] == [mark["steps"] for mark in marks] == [1, 2, 3, 4]
    for name in maps.CURVES.values():
        assert [point[name] for point in points] == [mark[name] for mark in marks]


def test_a_live_cell_leaves_the_random_numbers_of_others_alone(fewer):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    thread = threading.Thread(target=lambda: list(live.train(CELL)))
    thread.start()
    thread.join()
    assert torch.equal(torch.rand(3), expected)


def test_a_live_cell_that_diverges_says_so(fewer):
    with pytest.raises(FloatingPointError, match="is not finite"):
        list(live.train(CELL | {"lr": 1e12, "max_norm": None}))


def test_the_panel_trains_the_marked_cell(fewer):
    found = {"steps": [4], "test": [0.5], "loss": [2.0], "norm": [1.0], "accuracy": 0.5}
    found |= {"train_accuracy": 0.5, "clipped": 1.0, "distance": 1.0, "diverged": None}
    records = Records((), (Row(CELL, "done", found),))
    panel = thresholds.map_panel(records)
    panel.train()
    assert panel.live.player.wait(60)
    assert "Trained here, seed 4: step 4" in panel.readout
    steps, _ = panel.board.curves["loss"].live.get_data()
    assert np.array_equal(steps[:-1], [1, 2, 3, 4])
