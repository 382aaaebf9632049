"""Readers of scenes: CTC against all its paths, runs against their cells, and bad input."""

import itertools
import math

import numpy as np
import pytest
import torch

from gradlab.course import sweep
from gradlab.course.lessons import scenes
from gradlab.course.lessons.scenes import experiment, readers, running
from gradlab.course.lessons.scenes.experiment import EXPERIMENT, READERS, cell
from gradlab.course.lessons.scenes.unaligned import written


def probability_over_all_paths(outputs, target):
    """Of one scene: logits (classes, length); every way to say something, one by one."""
    shares = outputs.softmax(0)
    total = 0.0
    for path in itertools.product(range(shares.shape[0]), repeat=shares.shape[1]):
        if [sign for sign, _ in itertools.groupby(path) if sign] == target:
            total += math.prod(float(shares[sign, k]) for k, sign in enumerate(path))
    return total


@pytest.mark.parametrize("target", [[], [1], [2, 1], [1, 1]], ids=str)
def test_ctc_adds_up_every_path_that_says_the_target(target):
    outputs = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(1))
    padded = torch.tensor([[*target, 0, 0, 0][:3]])
    expected = -math.log(probability_over_all_paths(outputs[0], target)) / max(1, len(target))
    assert float(scenes.ctc(outputs, padded)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("length", "target", "needed"),
    [(1, [1, 2], 2), (2, [1, 1], 3), (4, [3, 3, 3], 5)],
    ids=["two signs", "a repeat", "two repeats"],
)
def test_a_sequence_that_is_shorter_than_its_target_is_refused(length, target, needed):
    with pytest.raises(ValueError, match=f"{needed} columns or more .* got {length}"):
        scenes.ctc(torch.zeros(1, 4, length), torch.tensor([target]))
    assert math.isfinite(scenes.ctc(torch.zeros(1, 4, needed), torch.tensor([target])))


def test_empty_strips_are_read_as_nothing():
    blank = torch.tensor([9.0, 0, 0])[None, :, None].expand(2, 3, 5)
    assert scenes.read(blank) == [[], []]
    assert written(torch.zeros(2, 3, dtype=torch.int64)) == [[], []]
    assert float(scenes.ctc(blank, torch.zeros(2, 3, dtype=torch.int64))) < 0.01


def test_reading_joins_repeats_and_then_drops_blanks():
    says = torch.tensor([[1, 1, 0, 1, 2, 2], [0, 0, 0, 0, 0, 0]])
    outputs = torch.nn.functional.one_hot(says, 3).movedim(-1, 1).float()
    assert scenes.read(outputs) == [[1, 1, 2], []]


@pytest.mark.parametrize("task", readers.TASKS)
@pytest.mark.parametrize("model", readers.MODELS)
def test_every_reader_reads_every_task_and_its_loss_has_a_gradient(task, model):
    network = readers.network(task, model, 0)
    pictures, targets = next(readers.TASKS[task]("train").batches(2, seed=0))
    readers.loss(task)(network(pictures), targets).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_whoever_says_the_blank_everywhere_reads_no_strip():
    network = readers.network("strips", "CRNN", 0)
    with torch.no_grad():
        network.logits.bias[0] = 99.0
    found = readers.judge(network, "strips", "test", scenes=20)
    assert (found.accuracy, found.empty) == (0.0, 1.0)
    assert network.training


@pytest.mark.parametrize(("task", "model"), [("reading", "RNN"), ("order", "GPT")])
def test_an_unknown_task_or_model_is_refused(task, model):
    with pytest.raises(ValueError, match="must be one of"):
        readers.network(task, model, 0)


def steps_of(**other):
    """A short run: its tally, and by how much each step moved the weights."""
    asked = {"seed": 0, "lr": 0.1, "steps": 4} | other
    run = cell(asked.pop("task", "relations"), asked.pop("model", "RNN"), **asked)
    network, moved = readers.network(run["task"], run["model"], 0), []
    before = torch.nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    for _ in running.taken(run, network):
        after = torch.nn.utils.parameters_to_vector(network.parameters()).detach().clone()
        moved.append(float((after - before).norm()))
        before = after
    return moved


def test_a_normalised_step_has_the_length_of_its_rate():
    assert steps_of(rule="normalised", lr=0.03)[0] == pytest.approx(0.03, rel=1e-2)
    assert steps_of(rule="normalised", lr=0.003)[0] == pytest.approx(0.003, rel=1e-2)


def test_a_rate_that_is_warmed_up_starts_at_a_hundredth():
    cold, warmed = steps_of(lr=0.1), steps_of(lr=0.1, warm_up=True)
    assert warmed[0] == pytest.approx(cold[0] / running.WARM_UP, rel=1e-3)


def test_a_bound_that_is_none_clips_nothing_whatever_the_rule():
    free = steps_of()
    assert steps_of(rule="by value", bound=None) == free
    assert steps_of(rule="by norm", bound=1e-3)[0] == pytest.approx(1e-4, rel=1e-2)
    assert max(steps_of(rule="by value", bound=1e-6)) < 1e-3


def test_a_run_says_what_became_of_it():
    run = cell("relations", "RNN", seed=0, lr=0.1, rule="by norm", bound=0.1, steps=20)
    found = EXPERIMENT.measure(run)
    assert found["steps"] == list(range(2, 21, 2))
    assert len(found["accuracy_curve"]) == len(found["norm_curve"]) == 10
    assert found["diverged"] is None
    assert 0 < found["accuracy"] < 1
    assert 0 < found["clipped"] <= 1
    assert found == EXPERIMENT.measure(run), "a cell gives the same numbers every time"


def test_a_run_that_diverges_keeps_its_curves_and_reads_nothing():
    run = cell("strips", "post-norm", seed=0, lr=1e6, steps=30)
    found = EXPERIMENT.measure(run)
    assert found["diverged"] is not None
    assert len(found["steps"]) == (found["diverged"] - 1) // 3
    assert (found["accuracy"], found["validation"]) == (0, 0)
    assert math.isinf(found["loss"])


def test_adam_says_what_early_gradients_left_in_its_second_moment():
    run = cell("relations", "RNN", seed=0, lr=0.003, optimizer="Adam", steps=25)
    found = EXPERIMENT.measure(run)
    assert 0 < found["early"] < 1
    assert found["spike"] > 0


@pytest.mark.parametrize("budget", ["ci", "cpu", "gpu"])
def test_the_grid_crosses_and_every_control_has_its_run_without(budget):
    grid = EXPERIMENT.grid(budget).values()
    seeds = {run["seed"] for run in grid}
    asked = {}
    for run in grid:
        rest = {name: value for name, value in run.items() if name != "seed"}
        asked.setdefault(str(rest), set()).add(run["seed"])
    assert all(found == seeds for found in asked.values())
    free = {(r["task"], r["model"], r["lr"]) for r in grid if r["bound"] is None}
    for run in grid:
        if run["part"] in ("grid", "warm-up", "normalised"):
            assert (run["task"], run["model"], run["lr"]) in free
    assert {run["model"] for run in grid} == {*READERS, "LSTM"}
    assert len(seeds) >= 5 or budget == "ci"


def test_an_unknown_budget_is_refused():
    with pytest.raises(ValueError, match="budget must be one of"):
        EXPERIMENT.grid("huge")


def test_a_watched_reader_takes_the_steps_of_its_cell():
    watched = scenes.watch("order", "RNN", lr=0.01, steps=4, every=2, scenes=3)
    assert watched.steps.tolist() == [0, 2, 4]
    assert watched.columns.shape == (3, 50)
    assert watched.layers.shape == (3, len(watched.names))
    assert watched.outputs.shape == (3, 3, 4)
    network = readers.network("order", "RNN", 0)
    for _ in running.taken(watched.cell, network):
        pass
    torch.testing.assert_close(network(watched.pictures).detach(), watched.outputs[-1])


def test_the_gradient_by_column_is_what_a_small_change_there_does():
    watched = scenes.watch("order", "RNN", lr=0.01, steps=1, every=1, scenes=1)
    network = readers.network("order", "RNN", 0)
    picture = watched.pictures.double().requires_grad_()
    value = torch.nn.functional.cross_entropy(network.double()(picture), watched.targets)
    value.backward()
    expected = picture.grad[0, 0].norm(dim=0).numpy()
    np.testing.assert_allclose(watched.columns[0], expected, rtol=1e-3)


def test_a_watched_reader_that_diverges_says_at_which_step():
    watched = scenes.watch("strips", "post-norm", lr=1e6, steps=30, every=1, scenes=2)
    assert watched.diverged == len(watched.steps)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"steps": 0}, "steps must be"),
        ({"every": 5}, "every must be"),
        ({"scenes": 0}, "scenes must be"),
        ({"rule": "by layer"}, "rule must be one of"),
        ({"rule": "by norm", "bound": -1.0}, "max_norm must be"),
        ({"task": "poems"}, "task must be one of"),
    ],
    ids=lambda one: str(one),
)
def test_what_cannot_be_watched_is_named(wrong, says):
    asked = {"task": "order", "model": "RNN", "lr": 0.01, "steps": 4, "every": 2} | wrong
    with pytest.raises(ValueError, match=says):
        scenes.watch(**asked)


def test_the_shipped_runs_are_those_of_the_grid():
    records = sweep.recorded("scenes")
    assert {sweep.plain.key(row.cell) for row in records} == set(EXPERIMENT.grid("cpu"))
    assert all(row.status == "done" for row in records)
    assert experiment.VALUES[0] == 0.1
