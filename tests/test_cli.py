"""The commands: what they start, what they say, and how they fail."""

import re
import shlex
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import sweeping

import gradlab
from gradlab import cli
from gradlab.course import lessons, notebooks, sweep
from gradlab.course.claims import Claim
from gradlab.course.claims.claim import Verdict
from gradlab.course.claims.seeds import over_seeds
from gradlab.course.claims.sources import STATEMENTS


@pytest.fixture
def started(monkeypatch):
    """The argument lists with which JupyterLab was started; it is not."""
    calls = []
    app = types.SimpleNamespace(launch_instance=calls.append)
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", types.SimpleNamespace(LabApp=app))
    return calls


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout to run from, with one notebook."""
    root = tmp_path / "checkout"
    (root / "notebooks").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "gradlab-course"\n')
    (root / "notebooks" / notebooks.FIRST).write_text("start")
    monkeypatch.setattr(notebooks, "_PACKAGE", root / "gradlab")
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def installed(checkout):
    """The same, as a wheel lays it out."""
    (checkout / "pyproject.toml").unlink()
    (checkout / "notebooks").rename(checkout / "moved")
    (checkout / "gradlab").mkdir()
    (checkout / "moved").rename(checkout / "gradlab" / "notebooks")
    return checkout


def root_dir(arguments: list[str]) -> Path:
    (found,) = [word for word in arguments if word.startswith("--ServerApp.root_dir=")]
    return Path(found.partition("=")[2])


def test_a_checkout_opens_its_notebooks_in_place(checkout, started):
    assert cli.main(["lab"]) == 0
    assert root_dir(started[0]) == checkout / "notebooks"


def test_a_checkout_copies_into_a_folder_that_is_named(checkout, started, tmp_path):
    assert cli.main(["lab", "mine"]) == 0
    assert root_dir(started[0]) == tmp_path / "mine"
    assert (tmp_path / "mine" / notebooks.FIRST).read_text() == "start"


def test_an_installed_wheel_copies_into_gradlab_notebooks(installed, started, tmp_path, capsys):
    assert cli.main(["lab"]) == 0
    assert root_dir(started[0]) == tmp_path / "gradlab-notebooks"
    assert f"gradlab-notebooks/{notebooks.FIRST}: new" in capsys.readouterr().out


def test_the_screen_names_the_new_version_of_a_notebook_that_you_changed(
    installed, started, tmp_path, capsys
):
    cli.main(["lab", "mine"])
    (tmp_path / "mine" / notebooks.FIRST).write_text("mine")
    (installed / "gradlab" / "notebooks" / notebooks.FIRST).write_text("newer")
    cli.main(["lab", "mine"])
    newer = f"00_start_here.{gradlab.__version__}.ipynb"
    said = f"{Path('mine', notebooks.FIRST)}: kept as you changed it; the new version is {newer}"
    assert said in capsys.readouterr().out
    assert (tmp_path / "mine" / newer).read_text() == "newer"


def test_the_course_opens_on_this_machine_only_at_its_first_page(checkout, started):
    cli.main(["lab"])
    assert "--ServerApp.ip=127.0.0.1" in started[0]
    assert f"--LabApp.default_url=/lab/tree/{notebooks.FIRST}" in started[0]
    assert not any("token" in word or "password" in word for word in started[0])


def test_options_reach_jupyterlab(checkout, started):
    cli.main(["lab", "--no-browser", "--port", "9000", "--", "--debug", "--LabApp.dev_mode=True"])
    assert {"--no-browser", "--ServerApp.port=9000", "--debug", "--LabApp.dev_mode=True"} <= set(
        started[0]
    )
    cli.main(["lab"])
    assert not {"--no-browser", "--debug"} & set(started[1])


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_allowed_only_to_root(checkout, started, monkeypatch, user, allowed):
    monkeypatch.setattr("os.geteuid", lambda: user, raising=False)
    cli.main(["lab"])
    assert ("--allow-root" in started[0]) is allowed


def test_a_second_address_is_refused_by_jupyterlab(checkout):
    """The real one: it must not start listening anywhere else."""
    command = [sys.executable, "-m", "gradlab", "lab", "--no-browser", "--", "--ip=0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "ip only accepts one value" in done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "8888.0", ""])
def test_a_port_that_is_none_is_refused(port, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["lab", f"--port={port}"])
    assert stopped.value.code == 2
    assert f"a whole number from 1 to 65535, not {port!r}" in capsys.readouterr().err


def test_without_jupyterlab_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    assert cli.main(["lab"]) == 1
    assert 'pip install "gradlab-course[course]"' in capsys.readouterr().err


def test_a_file_in_the_way_is_named(installed, started, tmp_path, capsys):
    (tmp_path / "mine").touch()
    assert cli.main(["lab", "mine"]) == 1
    assert "'mine'" in capsys.readouterr().err
    assert started == []


def test_a_package_without_notebooks_is_an_error(installed, started, capsys):
    (installed / "gradlab" / "notebooks" / notebooks.FIRST).unlink()
    assert cli.main(["lab"]) == 1
    assert f"no {notebooks.FIRST}" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"gradlab {gradlab.__version__}\n"


def test_help_loads_nothing_heavy():
    program = (
        "import sys; from gradlab import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: assert not {'torch', 'jupyterlab', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def _register(monkeypatch, experiment):
    """Let the command line know one more experiment."""
    known = lessons.experiments() | {experiment.name: experiment}
    monkeypatch.setattr(lessons, "experiments", lambda: known)


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """A folder to sweep in, and an experiment to sweep."""
    monkeypatch.chdir(tmp_path)
    _register(monkeypatch, sweeping.DOUBLE)
    return tmp_path


def test_sweep_without_a_name_lists_the_experiments(swept, capsys):
    assert cli.main(["sweep"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(lessons.experiments())
    assert listed[-1].endswith("  Doubles the seed.")


def test_sweep_refuses_a_name_that_is_none(swept, capsys):
    assert cli.main(["sweep", "doubled"]) == 1
    assert "there is no experiment 'doubled', only: " in capsys.readouterr().err


@pytest.mark.once
def test_sweep_records_beside_and_refuses_to_begin_again(swept, capsys):
    """With real worker processes, and the progress on a screen that is none."""
    assert cli.main(["sweep", "double", "--budget=ci", "--workers=2"]) == 0
    records = sweep.read(swept / "double.jsonl")
    assert len(records) == 6
    assert capsys.readouterr() == ("double.jsonl: 6 runs (6 done)\n", "")
    assert cli.main(["sweep", "double"]) == 1
    assert "double.jsonl is there already, and is left as it is" in capsys.readouterr().err
    assert cli.main(["sweep", "double", "--budget=ci", "--resume"]) == 0
    assert sweep.read(swept / "double.jsonl") == records


@pytest.mark.once
@pytest.mark.parametrize("workers", [[], ["--workers=2"]])
def test_the_recorded_command_makes_the_records_again(swept, monkeypatch, workers):
    threads = sweep.Experiment("threads", "", sweeping.seeds(3), sweeping.threads)
    _register(monkeypatch, threads)
    assert cli.main(["sweep", "threads", "--budget=ci", "--out=first.jsonl", *workers]) == 0
    first = sweep.read("first.jsonl")
    program, *words = shlex.split(first.provenance[0].command)
    assert program == "gradlab"
    assert cli.main(words) == 0
    again = sweep.read("threads.jsonl")
    assert again.provenance == first.provenance
    assert again.provenance[0].command == first.provenance[0].command
    np.testing.assert_array_equal(again.values("threads"), first.values("threads"))


@pytest.mark.parametrize(
    ("seeds", "status"), [([0], 0), ([0, 7], 0), ([2, 7], 1), ([6], 1), ([6, 6.0], 1)]
)
def test_sweep_fails_if_a_run_failed_and_not_if_it_diverged(
    swept, monkeypatch, capsys, seeds, status
):
    cells = [{"seed": int(seed), "like": seed} for seed in seeds]
    failing = sweep.Experiment("double", "", lambda budget: cells, sweeping.fail)
    _register(monkeypatch, failing)
    monkeypatch.setattr(sweep, "cluster", lambda address: ThreadPoolExecutor(1))
    assert cli.main(["sweep", "double", "--scheduler=here", "--out=mine.jsonl"]) == status
    assert len(sweep.read("mine.jsonl")) == len(seeds)
    said = capsys.readouterr()
    assert said.out.startswith(f"mine.jsonl: {len(seeds)} runs (")
    if 6 in seeds:
        assert f"{len(seeds)} x ValueError: no such thing (sweeping.py:" in said.err


def test_sweep_stopped_by_the_keyboard_says_how_to_go_on(swept, monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "complete", stopped)
    assert cli.main(["sweep", "double"]) == 130
    assert "double.jsonl keeps the runs that had ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers=0"], "a whole number, 1 or more, not '0'"),
        (["--workers=2", "--scheduler=tcp://here:1"], "not allowed with argument"),
        (["--budget=all"], "invalid choice: 'all'"),
    ],
)
def test_sweep_refuses_words_that_make_no_sense(words, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["sweep", "double", *words])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_sweep_says_where_a_file_cannot_be(swept, capsys):
    assert cli.main(["sweep", "double", "--budget=ci", "--out=nowhere/a.jsonl"]) == 1
    assert "nowhere/a.jsonl" in capsys.readouterr().err


@pytest.mark.once
def test_claims_prints_the_ledger(capsys):
    assert cli.main(["claims"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n{number} " in f"\n{printed}" for number in STATEMENTS)
    assert printed.splitlines()[-1].startswith(f"{len(STATEMENTS)} claims: ")


@pytest.mark.once
def test_claims_prints_one_of_them(capsys):
    assert cli.main(["claims", "S1-4"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("S1-4  ")
    assert "例如半精度计算" in printed
    assert "gradlab claims --rerun S1-4 --workers 2" in printed


@pytest.fixture
def claimed(tmp_path, monkeypatch):
    """A folder to work in, where S1-1 claims what ten recorded runs say."""

    def decide(records):
        twice = over_seeds(records.where(rate=0.1).values("twice"))
        return Verdict("holds" if twice.above(-1) else "fails", f"twice is {twice:.0f}")

    claim = Claim("S1-1", "Not below 0 in every seed.", decide, needs=({"rate": 0.1},))
    rates = sweep.Experiment("pruning", "", rated, sweeping.double)
    monkeypatch.setattr(lessons, "claims", lambda: {"S1-1": claim})
    monkeypatch.setattr(lessons, "experiments", lambda: {"pruning": rates})
    (tmp_path / "records").mkdir()
    files = types.SimpleNamespace(files=lambda package: tmp_path, as_file=resources.as_file)
    monkeypatch.setattr(sweep.journal, "resources", files)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep, "cluster", lambda address: ThreadPoolExecutor(1))
    out = tmp_path / "records" / "pruning.jsonl"
    with ThreadPoolExecutor(1) as executor:
        sweep.complete(rates, out, budget="ci", executor=executor)
    return tmp_path


RERUN = ["claims", "--scheduler=here", "--rerun"]


def rated(budget):
    """Of each rate five seeds."""
    return [{"seed": seed, "rate": rate} for rate in (0.1, 1.0) for seed in range(5)]


def test_claims_makes_again_the_runs_that_a_claim_needs_and_compares(claimed, capsys):
    assert cli.main([*RERUN, "S1-1"]) == 0
    printed = capsys.readouterr().out
    assert "S1-1.jsonl: 5 runs (5 done)" in printed
    for when in ("recorded", "again"):
        assert re.search(rf"{when} +holds: twice is 4 \(0 to 8 over 5 seeds\)", printed)
    again = sweep.read("S1-1.jsonl")
    assert {row.cell["rate"] for row in again} == {0.1}
    assert again.provenance[0].command == "gradlab claims --rerun S1-1 --budget ci"
    assert cli.main([*RERUN, "S1-1"]) == 1
    assert "S1-1.jsonl is there already" in capsys.readouterr().err
    assert cli.main([*RERUN, "S1-1", "--resume"]) == 0


def test_claims_fails_if_the_verdict_is_another(claimed, monkeypatch, capsys):
    (experiment,) = lessons.experiments().values()
    other = replace(experiment, measure=lambda cell: {"twice": -2.0})
    monkeypatch.setattr(lessons, "experiments", lambda: {"pruning": other})
    assert cli.main([*RERUN, "S1-1", "--out=mine.jsonl"]) == 1
    assert "fails: twice is -2" in capsys.readouterr().out
    assert len(sweep.read("mine.jsonl")) == 5


def test_claims_makes_runs_where_none_are_recorded(claimed, capsys):
    (claimed / "records" / "pruning.jsonl").unlink()
    assert cli.main([*RERUN, "S1-1", "--budget=ci"]) == 0
    printed = capsys.readouterr().out
    assert "not measured yet: no runs of 'pruning' ship" in printed
    assert "holds: twice is 4" in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["S9-9"], "there is no claim 'S9-9', only: S0-1, "),
        (["--rerun", "S9-9"], "there is no claim 'S9-9', only: S0-1, "),
        (["--rerun"], "--rerun needs the number of a claim"),
        (["--rerun", "S2-1"], "there are no runs of S2-1 to be made: no lesson measures it yet"),
        (["S1-1", "--workers=2"], "--workers says how runs are to be made: it goes with --rerun"),
    ],
)
def test_claims_refuses_words_that_make_no_sense(claimed, words, said, capsys):
    assert cli.main(["claims", *words]) == 1
    assert said in capsys.readouterr().err
    assert [path.name for path in claimed.iterdir()] == ["records"]
