"""Sweeps over a real Dask cluster of two worker processes on this machine."""

import sys

import pytest
import sweeping

from gradlab.course import sweep


@pytest.fixture(scope="module")
def address():
    """Of a scheduler with two worker processes."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),  # else one run kills four
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
        ) as running,
    ):
        yield running.scheduler_address


def test_a_cluster_gives_the_results_of_this_process(address, tmp_path):
    path = tmp_path / "double.jsonl"
    with sweep.cluster(address) as executor:
        records = sweep.complete(sweeping.DOUBLE, path, budget="ci", executor=executor)
        again = sweep.complete(sweeping.DOUBLE, path, budget="ci", executor=executor, resume=True)
    assert [(row.cell, row.result["twice"]) for row in records] == [
        (cell, 2 * cell["seed"]) for cell in sweeping.cells("ci")
    ]
    assert again == records


def test_a_failed_run_on_a_cluster_is_a_record(address, tmp_path):
    cells = [{"seed": seed} for seed in (0, 6, 4)]
    failing = sweep.Experiment(
        "fail", "", lambda budget: cells[: 2 if budget == "ci" else 3], sweeping.fail
    )
    path = tmp_path / "f.jsonl"
    with sweep.cluster(address) as executor:
        sweep.complete(failing, path, budget="ci", executor=executor)
        # Alone, because Dask charges a death to whatever else that worker has.
        records = sweep.complete(failing, path, budget="cpu", executor=executor, resume=True)
    assert [row.status for row in records] == ["diverged", "error", "error"]
    assert "KilledWorker" in records.rows[2].error


def test_a_scheduler_that_does_not_answer_is_an_error():
    with (
        pytest.raises(OSError, match=r"127\.0\.0\.1:1"),
        sweep.cluster("tcp://127.0.0.1:1", patience=0.5),
    ):
        pass


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ModuleNotFoundError, match=r'pip install "gradlab-course\[scale\]"'),
        sweep.cluster("tcp://127.0.0.1:1"),
    ):
        pass
