"""Logs of other tools: what is in them is read as it is, and what is not is not made up."""

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_panels_recorded import gradients, recording_of

import gradlab
from gradlab import cli, clip
from gradlab.recording.logs.log import interval

NORMS = [0.5, 1.0, 3.0, 0.25, 8.0, 0.75]


def history(norms, every=1):
    return [
        {"step": every * k, "epoch": k / 10, "loss": 2.0, "grad_norm": norm, "learning_rate": 1e-4}
        for k, norm in enumerate(norms, 1)
    ]


def state(folder, norms=NORMS, every=1):
    """What a Trainer leaves in a checkpoint; its last entry has no norm."""
    entries = [*history(norms, every), {"step": every * len(norms), "train_runtime": 1.0}]
    path = folder / "trainer_state.json"
    path.write_text(json.dumps({"global_step": len(norms), "log_history": entries}))
    return path


def table(path, head, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


# What is there


@pytest.mark.parametrize("of", ["file", "folder"])
def test_a_trainers_state_holds_norms_by_step(tmp_path, of):
    path = state(tmp_path, every=10)
    log = gradlab.read_log(path if of == "file" else tmp_path)
    assert log.total_norm.tolist() == NORMS
    assert log.steps.tolist() == [10, 20, 30, 40, 50, 60]
    assert log.learning_rate.tolist() == [1e-4] * 6
    assert log.every == 10
    assert log.sparse


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (["step", "train/grad_norm"], lambda k, norm: [k, norm]),
        (
            ["Step", "run-1 - grad_norm", "run-1 - grad_norm__MIN", "run-1 - grad_norm__MAX"],
            lambda k, norm: [k, norm, norm, norm],
        ),
        (["_step", "loss", "gradient_norm"], lambda k, norm: [k, 1.0, norm]),
        (["epoch", "trainer/global_step", "grad_2.0_norm_total"], lambda k, norm: ["", k, norm]),
    ],
    ids=["trackio", "wandb page", "wandb history", "lightning"],
)
def test_a_table_holds_norms_by_step(tmp_path, head, row):
    path = table(tmp_path / "log.csv", head, [row(k, norm) for k, norm in enumerate(NORMS)])
    log = gradlab.read_log(path)
    assert log.total_norm.tolist() == NORMS
    assert not log.sparse


def test_what_gradlab_writes_for_tensorboard_it_reads_again(tmp_path):
    recording = recording_of(gradients(), clip=clip.ByNorm(5.0))
    recording.to_tensorboard(tmp_path)
    log = gradlab.read_log(tmp_path)
    assert np.allclose(log.total_norm, recording.total_norm, rtol=1e-6)
    rule = clip.ByNorm(float(np.median(recording.total_norm)) * 1.01)
    assert log.what_if(rule).fired.tolist() == recording.what_if(rule).fired.tolist()


def test_what_is_not_finite_in_a_log_is_kept(tmp_path):
    norms = [1.0, math.nan, math.inf, 2.0]
    rows = [[k, norm] for k, norm in enumerate(norms)]
    for log in (
        gradlab.read_log(state(tmp_path, norms)),
        gradlab.read_log(table(tmp_path / "log.csv", ["step", "grad_norm"], rows)),
    ):
        assert np.array_equal(log.total_norm, norms, equal_nan=True)
        assert "2 not finite" in repr(log)
        assert log.judge(1.5).fraction == 0.5  # of those that are finite


def test_a_step_that_was_logged_twice_counts_once_as_last_written(tmp_path):
    path = table(tmp_path / "log.csv", ["step", "grad_norm"], [[1, 5.0], [2, 6.0], [1, 7.0]])
    log = gradlab.read_log(path)
    assert (log.steps.tolist(), log.total_norm.tolist()) == ([1, 2], [7.0, 6.0])


# What is answered


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30), st.floats(1e-2, 1e2))
def test_a_threshold_fires_where_torch_would_have_clipped(norms, max_norm):
    log = gradlab.recording.logs.Log(
        "log", "grad_norm", np.arange(len(norms)), np.array(norms), np.full(len(norms), np.nan)
    )
    clipped = np.array([max_norm / (norm + 1e-6) < 1 for norm in norms])
    assert log.what_if(clip.ByNorm(max_norm)).fired.tolist() == clipped.tolist()


def test_it_judges_and_suggests_as_a_recording_does(tmp_path):
    log = gradlab.read_log(state(tmp_path))
    judged = log.judge(0.1, "AdamW")
    assert judged.word == "step-size limiter"
    assert judged.role == "inert"
    assert "all steps (95 %)" not in judged.because
    assert log.judge(4.0).word == "in between"
    assert log.judge(4.0).fraction == pytest.approx(1 / 6)
    assert log.suggest("SGD").median == np.median(NORMS)


def test_a_sparse_log_says_so_and_how_far_off_it_may_be(tmp_path):
    log = gradlab.read_log(state(tmp_path, every=10))
    assert "one in about 10 steps" in repr(log)
    assert "if those that are there are like the others" in log.judge(4.0).because
    assert log.what_if(clip.ByNorm(4.0)).fired.sum() == 1
    with pytest.raises(ValueError, match="follows the run step by step, and steps are missing"):
        log.what_if(clip.ZClip())


def test_a_rule_that_follows_the_run_is_replayed_where_no_step_is_missing(tmp_path):
    log = gradlab.read_log(state(tmp_path))
    assert len(log.what_if(clip.Percentile(50.0)).fired) == len(NORMS)


@pytest.mark.parametrize("rule", [clip.PerLayer(1.0), clip.ByValue(0.1), clip.Adaptive(0.1), 1.0])
def test_a_rule_that_needs_more_than_a_norm_is_refused(tmp_path, rule):
    log = gradlab.read_log(state(tmp_path))
    with pytest.raises(TypeError, match="clip must be a rule on the norm of the whole gradient"):
        log.what_if(rule)


def test_norms_from_after_clipping_are_noticed(tmp_path):
    log = gradlab.read_log(state(tmp_path, [1.0, 0.3, 1.0, 1.0, 0.9]))
    with pytest.raises(ValueError, match="must be norms from before clipping: none is above"):
        log.judge(1.0)
    assert log.judge(2.0).word == "unused"


@pytest.mark.parametrize("n", [10, 100])
def test_the_interval_holds_the_truth_in_about_95_of_100_draws(n):
    truth, stream = 0.2, np.random.default_rng(0)
    drawn = stream.binomial(n, truth, 2000) / n
    held = [low <= truth <= high for low, high in (interval(share, n) for share in drawn)]
    assert 0.93 < np.mean(held) < 0.98


# What is not there


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"log_history": [{"step": 1, "grad_n', "must be a Trainer's whole trainer_state.json"),
        ('{"epoch": 1}', "with its 'log_history'"),
        ("[1, 2]", "with its 'log_history'"),
        (
            '{"log_history": [{"step": 1, "loss": 2}]}',
            r"called like the norm of a gradient.*'loss'",
        ),
        ('{"log_history": {"step": 1}}', "must hold a list of entries"),
    ],
    ids=["cut off", "no history", "another file", "no norms", "no list"],
)
def test_a_damaged_state_is_named(tmp_path, content, message):
    path = tmp_path / "trainer_state.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as said:
        gradlab.read_log(tmp_path)
    assert str(path) in str(said.value) or str(tmp_path) in str(said.value)


def test_a_damaged_table_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"must have a column of steps, one of .*, got \['a'\]"):
        gradlab.read_log(table(tmp_path / "a.csv", ["a"], [[1]]))
    cut = table(tmp_path / "cut.csv", ["step", "grad_norm"], [[1, 2.0], [2]])
    with pytest.raises(ValueError, match=r"cut\.csv must have 2 fields in each row: line 3"):
        gradlab.read_log(cut)


def test_a_folder_without_a_log_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"trainer_state\.json or TensorBoard's event"):
        gradlab.read_log(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no"):
        gradlab.read_log(tmp_path / "nothing.csv")
    (tmp_path / "events.out.tfevents.0").write_bytes(b"")
    with pytest.raises(ValueError, match="must hold TensorBoard's scalars"):
        gradlab.read_log(tmp_path)


def test_a_column_is_chosen_by_name_where_several_might_be_meant(tmp_path):
    head = ["step", "a/grad_norm", "b/grad_norm"]
    path = table(tmp_path / "log.csv", head, [[1, 2.0, 3.0]])
    with pytest.raises(ValueError, match=r"column must say which of \['a/grad_norm', 'b/grad_n"):
        gradlab.read_log(path)
    assert gradlab.read_log(path, column="b/grad_norm").total_norm.tolist() == [3.0]
    with pytest.raises(ValueError, match="column must be one of"):
        gradlab.read_log(path, column="c")


# The command


def test_the_command_judges_a_log_for_people_and_for_programs(tmp_path, capsys):
    state(tmp_path, every=10)
    assert cli.main(["judge", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "give --max-norm X" in said
    assert "2 x median" in said
    words = ["judge", str(tmp_path), "--max-norm", "0.6", "--optimizer", "AdamW", "--json"]
    assert cli.main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["judgement"]["fraction"] == pytest.approx(4 / 6)
    assert (found["norms"], found["every"]) == (6, 10)
    assert len(found["suggestions"]) == 4


def test_the_command_judges_a_recording(tmp_path, capsys):
    recording = recording_of(gradients(), clip=clip.ByNorm(5.0))
    recording.save(tmp_path)
    assert cli.main(["judge", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert str(recording.judge()) in said
    assert str(recording.suggest()) in said
    assert cli.main(["judge", str(tmp_path), "--max-norm", "1"]) == 1
    assert "--max-norm is for logs" in capsys.readouterr().err


def test_the_command_says_what_it_cannot_read(tmp_path, capsys):
    assert cli.main(["judge", str(tmp_path / "gone")]) == 1
    assert "there is no" in capsys.readouterr().err
    assert cli.main(["judge", str(state(tmp_path)), "--max-norm", "-1"]) == 1
    assert "max_norm must be a number in (0, inf), got -1.0" in capsys.readouterr().err
