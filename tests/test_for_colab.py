"""Colab: the same notebooks, with a cell that installs what is missing there."""

import tomllib
from pathlib import Path

import for_colab
import nbformat
import pytest
from packaging.requirements import Requirement
from refresh_notebooks import NOTEBOOKS

pytestmark = pytest.mark.once

TOML = Path(__file__).parents[1] / "pyproject.toml"
PROJECT = tomllib.loads(TOML.read_text(encoding="utf-8"))["project"]
COLAB_HAS = {"torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "pillow", "tqdm"}
COLAB_HAS |= {"scikit-image", "scikit-learn", "mlxtend"}
NOT_NEEDED_THERE = {"jupyterlab"}


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colab")
    for_colab.main(["owner/name", str(folder)])
    return folder


def test_every_notebook_is_there_and_says_the_same_after_its_first_cell(copies):
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        install, *lesson = nbformat.read(copies / path.name, as_version=4).cells
        stored = nbformat.read(path, as_version=4).cells
        assert '"git+https://github.com/owner/name"' in install.source
        there = "(https://colab.research.google.com/github/owner/name/blob/gh-pages/colab/"
        assert [cell.source.replace(there, "(") for cell in lesson] == [c.source for c in stored]
        assert [cell.metadata.id for cell in lesson] == [cell.id for cell in stored]
        assert [cell.get("outputs") for cell in lesson] == [cell.get("outputs") for cell in stored]


def test_what_colab_lacks_is_installed():
    course = PROJECT["optional-dependencies"]["course"]
    needed = {Requirement(line).name for line in [*PROJECT["dependencies"], *course]}
    brought = {"sortedcontainers"}  # by hypothesis
    assert set(for_colab.MISSING) == needed - COLAB_HAS - NOT_NEEDED_THERE | brought


def test_what_is_no_repository_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        for_colab.main(["https://github.com/owner/name", str(tmp_path)])
    assert "must be owner/name" in capsys.readouterr().err
