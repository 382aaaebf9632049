"""The project as a whole: what an import costs, what a wheel carries, what `make check` runs."""

import base64
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
import types
import zipfile
from importlib import metadata
from pathlib import Path

import moving_picture
import nbformat
import pytest
import torch
import yaml
from PIL import Image, ImageChops, ImageStat

import gradlab

ROOT = Path(__file__).resolve().parent.parent
CHECKERS = ["ruff check .", "ruff format --check .", "mypy", "lint-imports"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_importing_gradlab_loads_neither_torch_nor_a_drawing_library():
    loaded = run(sys.executable, "-c", "import gradlab, sys; print(*sys.modules)").split()
    assert "gradlab" in loaded
    assert not {"torch", "numpy", "matplotlib", "ipywidgets", "IPython"} & set(loaded)


def test_the_version_stands_in_one_place():
    assert "version" in PROJECT["project"]["dynamic"]
    assert metadata.version("gradlab-course") == gradlab.__version__
    assert f"## [{gradlab.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_wheel_carries_the_library_and_every_notebook(tmp_path):
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    (wheel,) = tmp_path.glob("gradlab_course-*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    notebooks = {f"gradlab/notebooks/{path.name}" for path in ROOT.glob("notebooks/*.ipynb")}
    assert notebooks
    assert {name for name in carried if name.startswith("gradlab/notebooks/")} == notebooks
    assert {"gradlab/cli/__init__.py", "gradlab/py.typed", "gradlab/panels/__init__.py"} <= carried
    records = {
        f"gradlab/course/records/{path.name}" for path in ROOT.glob("gradlab/course/records/*")
    }
    assert records
    assert records <= carried
    assert {name.split("/")[0] for name in carried} == {
        "gradlab",
        f"gradlab_course-{gradlab.__version__}.dist-info",
    }


def tracked_texts():
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file():  # a file may be deleted and not yet committed
            yield name, path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the tree is not a git checkout")
def test_nobody_is_told_to_install_the_other_gradlab():
    other = re.compile(r"pip3? install (?:-\S+ )*[\"']?gradlab(?!-course)\b")
    assert [name for name, text in tracked_texts() if other.search(text)] == []


def test_the_pre_commit_hook_is_make_check():
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repo["hooks"]
    assert (repo["repo"], hook["language"], hook["entry"]) == ("local", "system", "make check")


@pytest.mark.once
@pytest.mark.skipif(not shutil.which("git"), reason="pre-commit needs git")
def test_pre_commit_runs_the_hook_offline_and_stops_a_commit_that_fails_it(tmp_path):
    shutil.copy(ROOT / ".pre-commit-config.yaml", tmp_path)
    (tmp_path / "Makefile").write_text("check:\n\t@test ! -e broken\n")
    run("git", "init", "--quiet", cwd=tmp_path)
    run("git", "add", ".", cwd=tmp_path)
    hook = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    home = {"PRE_COMMIT_HOME": str(tmp_path / "home")}
    assert "Passed" in run(*hook, cwd=tmp_path, **home)
    (tmp_path / "broken").touch()
    with pytest.raises(AssertionError, match="Failed"):
        run(*hook, cwd=tmp_path, **home)


IN_TWO = "-n 2 --dist loadfile --no-loadscope-reorder"


def make(*words: str, status: int = 0) -> str:
    """What make prints; nothing is installed, since it is a dry run or it fails at once."""
    # `make test` hands its own flags and variables down; this make is not to know of them.
    handed_down = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "VENV", "OLDEST", "ARGS"}
    environment = {name: value for name, value in os.environ.items() if name not in handed_down}
    done = subprocess.run(
        ["make", *words], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert (done.returncode == 0) == (status == 0), done.stdout + done.stderr
    return done.stdout + done.stderr


def test_make_check_runs_every_checker(tmp_path):
    planned = make("--dry-run", "check", f"VENV={tmp_path}/venv")
    assert [line.split("/bin/")[1] for line in planned.splitlines()[-4:]] == CHECKERS


@pytest.mark.checker
@pytest.mark.parametrize("checker", CHECKERS)
def test_every_checker_is_content(checker):
    name, *words = checker.split()
    run(Path(sys.executable).with_name(name), *words)


def test_make_test_tests_everything_and_the_checkers_are_among_it(tmp_path, pytestconfig):
    planned = make("--dry-run", "test", f"VENV={tmp_path}/venv")
    assert planned.splitlines()[-1] == f"{tmp_path}/venv/bin/python -m pytest {IN_TWO} "
    assert pytestconfig.getini("testpaths") == ["gradlab", "tests", "notebooks"]
    assert not {"-m", "-k"} & set(pytestconfig.getini("addopts"))


def test_make_test_oldest_leaves_out_the_browser_and_what_no_version_changes(tmp_path):
    planned = make("--dry-run", "test-oldest", f"OLDEST={tmp_path}/venv").splitlines()
    laws, notebooks, frameworks = (line for line in planned if " -m pytest " in line)
    most, left_out = laws.split(" gradlab tests ")
    assert most.endswith('-m pytest -m "not browser and not checker and not once" ')
    assert frameworks == f"{most} {left_out.replace('--ignore=', '')}"
    assert all((ROOT / file).exists() for file in frameworks.split() if file.startswith("tests/"))
    assert "small_machine.py" in notebooks
    assert notebooks.endswith("-m pytest notebooks ")


def test_make_help_names_every_command():
    assert re.findall(r"^make ([\w-]+)", make("help"), re.MULTILINE) == [
        "help",
        "lab",
        "test",
        "test-oldest",
        "check",
        "bench",
        "notebooks",
        "site",
        "clean",
    ]


def fake_python(folder: Path, body: str) -> Path:
    python = folder / "fake-python"
    python.write_text(f"#!/bin/sh\n{body}\n")
    python.chmod(0o755)
    return python


def test_make_says_when_python_is_too_old(tmp_path):
    old = fake_python(tmp_path, '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    said = make("lab", f"VENV={tmp_path}/venv", f"PYTHON={old}", status=2)
    assert "needs Python 3.11 or newer" in said
    assert "Python 3.9.2" in said
    assert not (tmp_path / "venv").exists()


def test_make_says_when_python_cannot_make_environments(tmp_path):
    bare = fake_python(tmp_path, 'case "$2" in *ensurepip*) exit 1;; esac')
    said = make("lab", f"VENV={tmp_path}/venv", f"PYTHON={bare}", status=2)
    assert "apt-get install python3-venv" in said
    assert not (tmp_path / "venv").exists()


def test_make_site_links_to_live_kernels_where_it_knows_the_repository(tmp_path):
    planned = make("--dry-run", "site", f"VENV={tmp_path}/venv").splitlines()[-1]
    assert planned.split()[1:] == ["export", "build/site", "--jobs", "2"]
    linked = make("--dry-run", "site", f"VENV={tmp_path}/venv", "GITHUB=a/b")
    export, colab = linked.splitlines()[-2:]
    assert "Binder=https://mybinder.org/v2/gh/a/b/HEAD?" in export
    colabs = "Colab=https://colab.research.google.com/github/a/b/blob/gh-pages/colab/"
    assert f"{colabs}{{notebook}}#scrollTo={{cell}}'" in export
    assert colab.endswith("python tests/for_colab.py a/b build/site/colab")


def test_the_readme_shows_a_picture_that_a_notebook_stores():
    (name,) = re.findall(r'srcset="(.+\.png)"', (ROOT / "README.md").read_text(encoding="utf-8"))
    notebook = nbformat.read((ROOT / name).with_suffix(".ipynb"), as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    stored = [output.get("data", {}).get("image/png", "") for output in outputs]
    shown = base64.b64encode((ROOT / name).read_bytes()).decode()
    assert shown in [picture.replace("\n", "") for picture in stored], "copy it from the notebook"


@pytest.mark.once
def test_the_moving_picture_of_the_readme_is_the_panel_as_it_is():
    shown = re.search(r'src="(.+?)"', (ROOT / "README.md").read_text(encoding="utf-8"))
    assert ROOT / shown[1] == moving_picture.FILE
    assert moving_picture.FILE.stat().st_size < 1.5e6
    with Image.open(moving_picture.FILE) as stored:
        picture, _ = next(moving_picture.frames(moving_picture.gradient()))
        assert stored.size == picture.size
        assert stored.n_frames > 100
        apart = ImageChops.difference(stored.convert("RGB"), picture)
    assert max(ImageStat.Stat(apart).mean) < 3, "run tests/moving_picture.py"


def test_the_code_of_the_readme_runs_as_it_stands(tmp_path, monkeypatch):
    from gradlab import training
    from gradlab.course import data, models

    monkeypatch.chdir(tmp_path)
    model = models.pruning_cnn(4)
    batches = list(data.load("patches").batches(16, seed=0, steps=20))
    inputs, targets = batches[0]
    here = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.05),
        "train": lambda model, optimizer: training.train(model, optimizer, batches),
        "loss": torch.nn.functional.cross_entropy(model(inputs), targets),
        "batches": batches,
        "inputs": inputs,
    }
    blocks = re.findall(r"```python\n(.+?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    blocks = [block for block in blocks if "gradlab.frameworks" not in block]  # they have a file
    assert len(blocks) == 3
    for block in blocks:
        exec(block, here)
    assert here["recording"].fired.any()
    assert here["done"].total_norm > 0
    assert here["small"](inputs).shape == (16, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gradients.pdf", "run-7"]


def packages():
    """Every package of gradlab, the front door first."""
    found = pkgutil.walk_packages(gradlab.__path__, "gradlab.")
    return [gradlab, *(importlib.import_module(one.name) for one in found if one.ispkg)]


def test_the_library_has_at_most_80_public_names_and_a_lesson_at_most_6():
    public = {package.__name__: getattr(package, "__all__", ()) for package in packages()}
    lessons = {name: names for name, names in public.items() if ".lessons." in name}
    assert all(len(names) <= 6 for names in lessons.values()), lessons
    library = [f"{name}.{one}" for name in public if name not in lessons for one in public[name]]
    assert len(library) <= 80, "\n".join(library)


def test_no_name_of_a_package_hides_its_own_module():
    for package in packages():
        for module in pkgutil.iter_modules(package.__path__):
            hidden = getattr(package, module.name, None)
            assert hidden is None or isinstance(hidden, types.ModuleType), (package, module.name)


def test_every_package_says_what_it_is_and_every_public_name_is_documented():
    for package in packages():
        assert package.__doc__, package
        for name in getattr(package, "__all__", ()):
            one = getattr(package, name)
            assert one.__doc__ or not callable(one), f"{package.__name__}.{name}"


@pytest.mark.once
def test_who_imports_the_instrument_gets_nothing_of_the_course():
    rooms = ["clip", "histogram", "panels", "prune", "recording", "report", "training"]
    program = f"import sys; from gradlab import {', '.join(rooms)}; print(*sys.modules)"
    loaded = run(sys.executable, "-c", program).split()
    assert "gradlab.panels.steering" in loaded
    assert [name for name in loaded if name.startswith("gradlab.course")] == []
