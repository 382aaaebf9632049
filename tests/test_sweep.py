"""Sweeps: what is recorded, what a crash costs, and who may run them."""

import json
import math
import os
import pkgutil
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sweeping
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradlab.course import device, sweep
from gradlab.course.lessons import experiments
from gradlab.course.sweep import journal, plain, workers
from gradlab.course.sweep.provenance import here
from gradlab.course.sweep.records import Records, Row

TESTS = Path(__file__).parent


def experiment(run, cells):
    """An experiment of that run."""
    return sweep.Experiment(run.__name__, "For a test.", cells, run)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "double.jsonl"


@pytest.fixture
def run(path):
    """Sweep in this process."""

    def run(what=sweeping.DOUBLE, **options):
        with ThreadPoolExecutor(1) as executor:
            return sweep.complete(
                what, path, budget="ci", executor=executor, progress=False, **options
            )

    return run


# What is recorded


def test_every_cell_is_run_once_and_stands_in_the_order_of_the_grid(run):
    records = run()
    assert [row.cell for row in records] == sweeping.cells("ci")
    assert {row.status for row in records} == {"done"}
    assert [row.result["twice"] for row in records] == [0, 2, 4, 0, 2, 4]


def test_the_file_is_strict_json_line_by_line_provenance_first(run, path):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    run()
    first, *others = [
        json.loads(text, parse_constant=refuse) for text in path.read_text().splitlines()
    ]
    provenance = first["provenance"]
    assert provenance["experiment"] == "double"
    assert provenance["budget"] == "ci"
    assert provenance["machine"]["torch"] == torch.__version__
    assert provenance["machine"]["cores"] == device.describe().cores
    assert len(others) == 6
    assert all(list(other) == sorted(other) for other in others)


@pytest.mark.once
def test_the_provenance_of_an_experiment_of_ones_own_names_the_call_that_measures(run, path):
    (provenance,) = run().provenance
    call = re.fullmatch(
        r"sweep.complete\(Experiment\('double', ..., (.+)\), ..., budget='ci'\)",
        provenance.command,
    )
    assert pkgutil.resolve_name(call[1]) is sweeping.double
    path.unlink()
    (provenance,) = sweep.complete(sweeping.DOUBLE, path, budget="ci", workers=2).provenance
    assert provenance.command == call[0].replace("'ci'", "'ci', workers=2")


@pytest.mark.once
def test_the_provenance_of_a_script_names_its_file_and_not_where_it_lies(tmp_path):
    script, path = tmp_path / "mine.py", tmp_path / "records.jsonl"
    script.write_text(
        "import sys; from concurrent.futures import ThreadPoolExecutor\n"
        "from gradlab.course import sweep\n"
        "def measure(cell): return cell\n"
        "cells = [{'seed': 0}]\n"
        "with ThreadPoolExecutor(1) as here:\n"
        "    own = sweep.Experiment('own', '', lambda budget: cells, measure)\n"
        "    sweep.complete(own, sys.argv[1], budget='ci', executor=here)\n"
    )
    subprocess.run([sys.executable, script, path], check=True, stderr=subprocess.DEVNULL)
    (provenance,) = sweep.read(path).provenance
    assert "Experiment('own', ..., mine.measure)" in provenance.command
    assert str(tmp_path) not in path.read_text()


def test_two_sweeps_differ_only_in_date_and_seconds(run, path):
    def told(text):
        return {**json.loads(text), "seconds": 0}

    run()
    first = path.read_text().splitlines()
    path.unlink()
    run(replace(sweeping.DOUBLE, cells=lambda budget: sweeping.cells(budget)[::-1]))
    run(resume=True)
    second = path.read_text().splitlines()
    assert list(map(told, second[1:])) == list(map(told, first[1:]))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text().filter(lambda text: text not in ("inf", "-inf", "nan")),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=5,
)


@pytest.mark.once
@given(json_values)
def test_what_is_written_reads_as_it_was(value):
    written = plain.line(value)
    assert "\n" not in written
    assert plain.revived(json.loads(written)) == value


def test_arrays_tensors_and_nan_are_written_as_lists_and_words():
    value = {"a": np.float32(0.5), "b": torch.tensor([math.nan, 1.0]), "c": (np.int64(3), math.inf)}
    assert plain.line(value) == '{"a": 0.5, "b": ["nan", 1.0], "c": [3, "inf"]}'
    a, b, c = plain.revived(json.loads(plain.line(value))).values()
    assert (a, b[1], c) == (0.5, 1.0, [3, math.inf])
    assert math.isnan(b[0])


@pytest.mark.parametrize("odd", [{"a": object()}, {1: "a"}, {"a": {2}}])
def test_what_json_cannot_hold_is_refused(odd):
    with pytest.raises(TypeError, match=r"must be (made of|text)"):
        plain.plain(odd)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([{"rate": 1}], "a cell's 'seed' must be a whole number, 0 or more, got None"),
        ([{"seed": 0, "rate": 1}] * 2, r'cells must differ, got {"rate": 1, "seed": 0} twice'),
    ],
)
def test_a_grid_without_seeds_or_with_doubles_is_refused(run, path, cells, message):
    with pytest.raises(ValueError, match=message):
        run(experiment(sweeping.double, lambda budget: cells))
    assert not path.exists()


# Failures


def test_a_failed_run_is_a_record_and_is_not_made_again(run):
    failing = experiment(sweeping.fail, lambda budget: [{"seed": n} for n in (0, 1, 2, 3, 6, 7)])
    records = run(failing)
    assert [row.status for row in records] == [
        "diverged",
        "out of memory",
        "out of memory",
        "error",
        "error",
        "done",
    ]
    assert "NonFiniteGradient: gradient of conv1.weight holds NaN (sweeping.py:" in str(
        records.rows[0].error
    )
    assert all((row.result is None) == (row.error is not None) for row in records)
    assert run(failing, resume=True) == records


@pytest.mark.once
def test_a_process_that_dies_costs_one_run_and_another_takes_its_place(path):
    cells = [{"seed": n} for n in (4, 8, 5, 9, 10)]
    failing = experiment(sweeping.fail, lambda budget: cells)
    records = sweep.complete(failing, path, budget="ci", workers=2, progress=False)
    assert [row.status for row in records] == ["out of memory", "done", "error", "done", "done"]
    assert "killed" in str(records.rows[0].error)
    assert f"exit code -{signal.SIGABRT.value}" in str(records.rows[2].error)
    assert len(records.provenance) == 1


def test_a_run_that_another_process_cannot_find_stops_the_sweep(path):
    hidden = experiment(lambda cell: cell, sweeping.cells)
    with pytest.raises((AttributeError, TypeError, ValueError), match=r"lambda|pickle"):
        sweep.complete(hidden, path, budget="ci", progress=False)


def test_processes_that_cannot_begin_stop_the_sweep_and_nothing_is_recorded(path, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "mine", sweeping.double, raising=False)
    monkeypatch.setattr(sweeping.double, "__module__", "__main__")
    monkeypatch.setattr(sweeping.double, "__qualname__", "mine")
    with pytest.raises(ChildProcessError, match="a process for the runs must begin"):
        sweep.complete(sweeping.DOUBLE, path, budget="ci", workers=2, progress=False)
    assert len(sweep.read(path)) == 0


# Crashes


@pytest.mark.once
def test_killed_ten_times_a_sweep_loses_nothing_and_repeats_nothing(tmp_path):
    count, log, path = 400, tmp_path / "log", tmp_path / "slow.jsonl"
    # Without torch, whose import would take most of the test: what is left is the sweep's own.
    program = f"""if True:
        import sys; sys.path.insert(0, {str(TESTS)!r})
        import types, concurrent.futures, time, pathlib
        from gradlab.course import sweep
        from gradlab.course.sweep import workers
        from gradlab.course.sweep.provenance import Machine
        workers.here = lambda: Machine(python="", torch="", torchvision=None, numpy="",
            gradlab="", device="", processor="", cores=1, threads=1, memory=None)
        def slow(cell):
            with open({str(log)!r}, "a") as file:
                print(cell["seed"], file=file, flush=True)
            time.sleep(float(sys.argv[1]))
            return cell
        slow = sweep.Experiment("slow", "", lambda b: [{{"seed": s}} for s in range({count})], slow)
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            sweep.complete(slow, {str(path)!r}, budget="ci", executor=executor, resume=True)
    """

    def begun():
        return list(map(int, log.read_text().split())) if log.exists() else []

    finished: list[int] = []
    for _ in range(10):
        before = len(begun())
        process = subprocess.Popen([sys.executable, "-c", program, "0.02"], stderr=subprocess.PIPE)
        wait_for(lambda before=before: len(begun()) >= before + 3)
        process.kill()
        assert process.wait() == -signal.SIGKILL, process.stderr.read()
        process.stderr.close()
        now = [row.cell["seed"] for row in sweep.read(path)]
        assert now[: len(finished)] == finished
        assert len(finished) < len(now) < count
        assert not set(begun()[before:]) & set(finished)
        # In flight: the run that the thread is at, and the one that it has just handed over.
        assert len(set(begun()) - set(now)) <= 2
        finished = now
    before = len(begun())
    subprocess.run([sys.executable, "-c", program, "0"], check=True, stderr=subprocess.DEVNULL)
    assert [row.cell["seed"] for row in sweep.read(path)] == list(range(count))
    assert sorted(begun()[before:]) == sorted(set(range(count)) - set(finished))


def wait_for(condition, seconds=60):
    """Until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.once
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_sweep_that_started_them(tmp_path, how):
    program = (
        "import signal, sys, sweeping; from gradlab.course import sweep\n"
        "if __name__ == '__main__':\n"
        # a shell in the background has its programs ignore it
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    endless = sweep.Experiment('e', '', sweeping.seeds(1), sweeping.endless)\n"
        "    sweep.complete(endless, sys.argv[1], budget='ci')\n"
    )
    script, log = tmp_path / "script.py", tmp_path / "log"
    script.write_text(program)
    environment = os.environ | {"GRADLAB_TEST_LOG": str(log)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "e.jsonl"],
        env=environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: log.exists() and log.read_text())
    process.send_signal(how)
    assert process.wait(60) != 0
    wait_for(lambda: not running(int(log.read_text())))


def running(process):
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")  # one that ended and that nobody asked about still counts
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_wherever_a_crash_cuts_the_last_line_it_is_mended(run, path):
    complete = run()
    data = path.read_bytes()
    start = data[:-1].rindex(b"\n") + 1
    for cut in range(start, len(data)):
        path.write_bytes(data[:cut])
        assert sweep.read(path).rows == complete.rows[:-1]
        assert [replace(row, seconds=0) for row in run(resume=True)] == [
            replace(row, seconds=0) for row in complete
        ]


def test_wherever_a_crash_cuts_the_first_line_it_is_mended(run, path):
    run()
    data = path.read_bytes()
    for cut in range(0, data.index(b"\n") + 1, 7):
        path.write_bytes(data[:cut])
        assert len(sweep.read(path)) == 0
        assert len(run(resume=True)) == 6


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"my notes", 1),
        (b"my notes\n", 1),
        (b"{}\n", 1),
        (b"[1]\n", 1),
        (b'{"cell": {"seed": 0}, "status": "done"}\n', 1),
        (b'{"provenance": {"budget": "ci"}}\n', 1),
        (b"\0\0\0\0", 1),
    ],
)
def test_a_foreign_file_is_refused_and_left_alone(run, path, content, line):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"double.jsonl must hold .* line {line} is none"):
        run(resume=True)
    assert path.read_bytes() == content


def test_a_line_torn_in_the_middle_is_named(run, path):
    run()
    first, second, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, second[:40] + b"\n", *others]))
    with pytest.raises(ValueError, match="line 2 is none"):
        sweep.read(path)


def test_a_full_disk_stops_the_sweep_and_the_file_can_be_gone_on_with(run, path, monkeypatch):
    write = os.write

    def full(file, data):
        return write(file, data[:20])

    monkeypatch.setattr(journal.os, "write", full)
    with pytest.raises(OSError, match=r"20 of \d+ bytes could be written"):
        run()
    monkeypatch.undo()
    assert len(run(resume=True)) == 6


# Who may write


def test_without_resume_a_file_that_is_there_is_left_as_it_is(run, path):
    run()
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="is there already, and is left as it is"):
        run()
    assert path.read_bytes() == before


def test_two_sweeps_of_one_file_refuse_each_other(run, path):
    with (
        journal.opened(path, resume=False),
        pytest.raises(BlockingIOError, match="another sweep"),
    ):
        run(resume=True)
    assert len(run(resume=True)) == 6


def test_the_runs_of_another_experiment_are_refused(run, path):
    run()
    with pytest.raises(ValueError, match="must hold runs of 'slow', got 'double'"):
        run(experiment(sweeping.slow, sweeping.seeds(1)), resume=True)


def test_resuming_on_another_machine_says_so_beside_the_new_runs(run, monkeypatch):
    run(replace(sweeping.DOUBLE, cells=lambda budget: sweeping.cells(budget)[2:]))
    run(replace(sweeping.DOUBLE, cells=lambda budget: sweeping.cells(budget)[1:]), resume=True)
    monkeypatch.setattr(workers, "here", lambda: replace(here(), torch="99"))
    records = run(resume=True)
    assert [one.machine.torch for one in records.provenance] == [torch.__version__, "99"]
    assert [row.provenance for row in records] == [1, 0, 0, 0, 0, 0]


def test_runs_of_another_grid_are_kept(run):
    old = run(replace(sweeping.DOUBLE, cells=lambda budget: [{"seed": 9, "rate": 0}]))
    assert run(resume=True).rows == (*run(resume=True).rows[:-1], *old.rows)


# Where runs are made


def test_two_processes_share_the_cores(path):
    records = sweep.complete(
        experiment(sweeping.threads, sweeping.seeds(6)), path, budget="ci", workers=2
    )
    share = max(1, int(device.describe().cores) // 2)
    assert set(records.values("threads")) == {share}
    assert {one.machine.threads for one in records.provenance} == {share}
    assert os.getpid() not in records.values("process")


def test_runs_in_threads_of_one_process_do_not_share_random_numbers(path):
    def draw(cell):
        torch.manual_seed(cell["seed"])
        time.sleep(0.002)
        return {"drawn": torch.rand(3)}

    cells = sweeping.seeds(8)
    with ThreadPoolExecutor(4) as executor:
        records = sweep.complete(experiment(draw, cells), path, budget="ci", executor=executor)
    assert [row.result["drawn"] for row in records] == [
        draw(cell)["drawn"].tolist() for cell in cells("ci")
    ]


def test_an_executor_that_gives_up_stops_the_sweep(path):
    class Gone(Executor):
        def submit(self, *_):
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(ConnectionError, match="gave up"):
        sweep.complete(sweeping.DOUBLE, path, budget="ci", executor=Gone())


def test_importing_the_room_does_not_load_torch():
    program = "import sys, gradlab.course.sweep; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


# Records


def made(*rows):
    """Records of cells with results."""
    return Records((), tuple(Row(cell, "done", result) for cell, result in rows))


GRID = made(
    *[
        (
            {"seed": seed, "rule": rule, "norm": norm},
            {"loss": 100 * seed + norm, "curve": [seed, 1]},
        )
        for seed in (3, 1)
        for rule in ("value", "norm")
        for norm in (math.inf, 10.0)
    ]
)


def test_values_have_an_axis_per_name_numbers_ascending():
    chosen = GRID.where(rule="norm")
    assert (chosen.axis("seed"), chosen.axis("norm")) == ([1, 3], [10.0, math.inf])
    assert GRID.axis("rule") == ["value", "norm"]
    values = chosen.values("loss", by=("norm", "seed"))
    np.testing.assert_array_equal(values, [[110, 310], [math.inf, math.inf]])
    curves = chosen.where(norm=10).values("curve")
    np.testing.assert_array_equal(curves, [[1, 1], [3, 1]])


def test_a_missing_or_failed_run_is_nan():
    rows = (*GRID.where(rule="norm", norm=10).rows, Row({"seed": 5}, "diverged", error="NaN"))
    values = replace(GRID, rows=rows).values("loss")
    np.testing.assert_array_equal(values, [110, 310, math.nan])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda records: records.values("loss"), "by must tell the runs apart, got .*seed=3"),
        (lambda records: records.values("loss", by=("sed",)), "must be one of 'norm', 'rule', 's"),
        (lambda records: records.where(rul="norm"), "must be one of 'norm', 'rule', 'seed', got"),
        (
            lambda records: records.where(rule="norm", norm=10).values("los"),
            "name must be one of 'curve', 'loss', got 'los'",
        ),
    ],
)
def test_a_question_that_has_no_answer_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(GRID)


def test_seconds_can_be_asked_like_a_result():
    rows = tuple(Row({"seed": n}, "done", {}, seconds=n / 2) for n in range(3))
    np.testing.assert_array_equal(Records((), rows).values("seconds"), [0, 0.5, 1])


# What ships


def shipped():
    """Names of the experiments whose runs ship with the course."""
    return sorted(path.stem for path in Path(sweep.__file__).parents[1].glob("records/*.jsonl"))


@pytest.mark.parametrize("name", shipped())
def test_the_runs_that_ship_are_complete_and_those_of_the_grid(name):
    records = sweep.recorded(name)
    assert {row.status for row in records} <= {"done", "diverged"}
    assert {one.experiment for one in records.provenance} == {name}
    (budget,) = {one.budget for one in records.provenance}
    grid = experiments()[name].grid(budget)
    assert [plain.key(row.cell) for row in records] == list(grid)


def test_runs_that_do_not_ship_are_named_beside_those_that_do():
    with pytest.raises(FileNotFoundError, match=r"'mine' ship with the course, only of \['av"):
        sweep.recorded("mine")
