"""The notebooks come into a folder, come again after an update, and never over what you changed."""

import json

import pytest

from gradlab.course import notebooks

pytestmark = pytest.mark.once

START, CLIP = notebooks.FIRST, "02_clipping.ipynb"


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder that plays the course's own notebooks; rewriting a file there is an update."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / START).write_text("start, old")
    (folder / CLIP).write_text("clip, old")
    monkeypatch.setattr(notebooks, "notebooks", lambda: folder)
    return folder


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "some" / "where"


def newer(name: str) -> str:
    return name.replace(".ipynb", f".{notebooks.__version__}.ipynb")


def texts(folder):
    return {path.name: path.read_text() for path in folder.glob("*.ipynb")}


def test_the_first_copy_brings_everything(shipped, mine):
    assert notebooks.copy_into(mine) == notebooks.Copied(written=(START, CLIP))
    assert texts(mine) == texts(shipped)


def test_a_second_copy_does_nothing(shipped, mine):
    notebooks.copy_into(mine)
    before = {path: path.stat().st_mtime_ns for path in mine.glob("*.ipynb")}
    assert notebooks.copy_into(mine) == notebooks.Copied()
    assert {path: path.stat().st_mtime_ns for path in mine.glob("*.ipynb")} == before


def test_an_unchanged_copy_is_updated(shipped, mine):
    notebooks.copy_into(mine)
    (shipped / CLIP).write_text("clip, new")
    assert notebooks.copy_into(mine) == notebooks.Copied(updated=(CLIP,))
    assert texts(mine) == texts(shipped)


def test_a_changed_copy_is_kept(shipped, mine):
    notebooks.copy_into(mine)
    (mine / CLIP).write_text("clip, mine")
    assert notebooks.copy_into(mine) == notebooks.Copied(kept=(CLIP,))
    assert texts(mine) == {START: "start, old", CLIP: "clip, mine"}


def test_the_new_version_of_a_changed_copy_is_put_beside_it(shipped, mine):
    notebooks.copy_into(mine)
    (mine / CLIP).write_text("clip, mine")
    (shipped / CLIP).write_text("clip, new")
    assert notebooks.copy_into(mine) == notebooks.Copied(beside=((CLIP, newer(CLIP)),))
    assert texts(mine) == {
        START: "start, old",
        CLIP: "clip, mine",
        newer(CLIP): "clip, new",
    }
    assert notebooks.copy_into(mine) == notebooks.Copied(kept=(CLIP,))


def test_a_new_version_that_you_changed_is_kept_too(shipped, mine):
    test_the_new_version_of_a_changed_copy_is_put_beside_it(shipped, mine)
    (mine / newer(CLIP)).write_text("clip, new, mine")
    (shipped / CLIP).write_text("clip, newer")
    notebooks.copy_into(mine)
    assert texts(mine)[newer(CLIP)] == "clip, new, mine"


def test_a_deleted_copy_comes_back(shipped, mine):
    notebooks.copy_into(mine)
    (mine / CLIP).unlink()
    assert notebooks.copy_into(mine) == notebooks.Copied(written=(CLIP,))


def test_your_own_files_are_left_alone(shipped, mine):
    mine.mkdir(parents=True)
    (mine / "my_own.ipynb").write_text("mine")
    (mine / START).write_text("mine, before gradlab came")
    assert notebooks.copy_into(mine).beside == ((START, newer(START)),)
    assert texts(mine)["my_own.ipynb"] == "mine"
    assert texts(mine)[START] == "mine, before gradlab came"


@pytest.mark.parametrize("manifest", ["", "{", "[]", "null", '{"00_start_here.ipynb": 7}', "\xff"])
def test_without_a_readable_manifest_nothing_is_overwritten(shipped, mine, manifest):
    notebooks.copy_into(mine)
    (mine / notebooks.MANIFEST).write_bytes(manifest.encode("latin-1"))
    (mine / START).write_text("start, mine")
    (shipped / START).write_text("start, new")
    notebooks.copy_into(mine)
    assert texts(mine)[START] == "start, mine"
    assert set(json.loads((mine / notebooks.MANIFEST).read_text())) == {START, CLIP}


def test_a_crash_while_writing_leaves_the_old_file(shipped, mine, monkeypatch):
    notebooks.copy_into(mine)
    (shipped / START).write_text("start, new")

    def crash(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(notebooks.os, "replace", crash)
    with pytest.raises(OSError, match="no space left"):
        notebooks.copy_into(mine)
    assert texts(mine)[START] == "start, old"


def test_a_checkout_holds_its_notebooks():
    assert notebooks.notebooks() == notebooks.checkout() / "notebooks"


def test_a_package_without_its_notebooks_says_where_they_should_be(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "_PACKAGE", tmp_path / "gradlab")
    assert notebooks.checkout() is None
    with pytest.raises(FileNotFoundError, match=f"no {START} in .*gradlab.notebooks"):
        notebooks.notebooks()


@pytest.mark.parametrize("toml", ['[project]\nname = "other"\n', "[project\n", ""])
def test_the_folder_of_another_project_is_no_checkout(tmp_path, monkeypatch, toml):
    (tmp_path / "pyproject.toml").write_text(toml)
    monkeypatch.setattr(notebooks, "_PACKAGE", tmp_path / "gradlab")
    assert notebooks.checkout() is None
