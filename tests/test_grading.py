"""A folder of students' notebooks becomes a table, whatever they do."""

import json

import pytest

from gradlab.cli import main
from gradlab.course import grading

pytestmark = pytest.mark.once

IMPORTS = "import torch\nfrom gradlab.course import exercises"
RIGHT = "lambda gradient, clip_value: gradient.clamp(-clip_value, clip_value)"
WRONG = "lambda gradient, clip_value: gradient"


def check(function):
    return f"exercises.clip_by_value.check({function})"


NOTEBOOKS = {
    "a/right.ipynb": [IMPORTS, check(WRONG), "1 / 0", check(RIGHT)],
    "a/01_exploding_gradients.ipynb": [IMPORTS],
    "b/loops.ipynb": [IMPORTS, check(WRONG), "import time; time.sleep(600)"],
    "b/crashes.ipynb": ["import os; os._exit(7)"],
    "b/.ipynb_checkpoints/right.ipynb": [IMPORTS, check(RIGHT)],
    "c/empty.ipynb": ["1"],
    "c/asks the network.ipynb": [
        IMPORTS,
        "import socket\n"
        "try:\n"
        "    socket.create_connection(('192.0.2.1', 80), timeout=60)\n"
        "except PermissionError:\n"
        f"    {check(RIGHT)}",
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for name, sources in NOTEBOOKS.items():
        cells = [{"cell_type": "code", "source": source} for source in sources]
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (folder / "c" / "text.ipynb").write_text("no notebook", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def rows(folder):
    table = {}
    for notebook, exercise, result in grading.grade(folder, seconds=30, jobs=2):
        table.setdefault(notebook, {})[exercise] = result
    return table


def test_the_last_check_of_an_exercise_counts_and_an_error_does_not_stop_the_next_cell(rows):
    assert rows["a/right.ipynb"] == {"clip_by_value": "all laws hold"}


def test_an_exercise_that_the_course_asks_for_is_missed(rows):
    assert rows["a/01_exploding_gradients.ipynb"]["typical_stretch"] == "not checked"


def test_a_notebook_that_does_not_end_keeps_what_it_has_checked(rows):
    found = rows["b/loops.ipynb"]
    assert found["clip_by_value"].startswith("not yet right: a right function ")
    assert found[""] == "did not end within 30 s"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("b/crashes.ipynb", "crashed: exit status 7"),
        ("c/empty.ipynb", "checks no exercise"),
        ("c/text.ipynb", "is no notebook"),
    ],
)
def test_what_goes_wrong_is_said(rows, name, said):
    assert rows[name] == {"": said}


def test_there_is_no_network(rows):
    assert rows["c/asks the network.ipynb"] == {"clip_by_value": "all laws hold"}


def test_copies_that_an_editor_keeps_are_left_out(rows):
    assert not any("checkpoints" in name for name in rows)


def test_the_command_prints_the_rows_and_writes_them(folder, tmp_path, capsys):
    assert main(["grade", str(folder / "c"), "--csv", str(tmp_path / "rows.csv")]) == 0
    assert "text.ipynb" in capsys.readouterr().out
    written = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert written[0] == "notebook,exercise,result"
    assert "text.ipynb,,is no notebook" in written


def test_a_folder_without_notebooks_is_refused(tmp_path, capsys):
    assert main(["grade", str(tmp_path)]) == 1
    assert main(["grade", str(tmp_path / "nowhere")]) == 1
    said = capsys.readouterr().err
    assert "there are no notebooks" in said
    assert "is no folder" in said
