"""Every notebook of the course is one question, runs, stores what it shows, and is really compared.

The comparing itself is `pytest --nbval-lax notebooks`. What it would let pass, these tests do not.
"""

import re
import statistics
import subprocess
import sys

import nbformat
import pytest
import refresh_notebooks
from nbformat.v4 import new_code_cell, new_notebook, new_output

NOTEBOOKS = sorted(refresh_notebooks.NOTEBOOKS.glob("*.ipynb"))
MARK = "# NBVAL_CHECK_OUTPUT"
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def has_picture(cell):
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))


def compared_cells(notebook):
    """The cells that nbval compares with something: marked, run, and with stored text."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and MARK in (line.strip() for line in cell.source.splitlines())
        and cell.execution_count is not None
        and "".join(map(refresh_notebooks.text_of, cell.outputs)).strip()
    ]


def nothing_compared(notebook):
    """The marked cells of which nbval would compare nothing, and say `passed`."""
    compared = compared_cells(notebook)
    return [cell for cell in notebook.cells if MARK in cell.source and cell not in compared]


# The notebooks of the course


@each_notebook
def test_the_title_is_one_question(path):
    first = nbformat.read(path, as_version=4).cells[0]
    title = first.source.splitlines()[0]
    assert first.cell_type == "markdown"
    assert re.fullmatch(r"# [^?]+\?|# start here.*", title, re.IGNORECASE), title


@each_notebook
def test_a_stored_notebook_is_in_normal_form_without_errors_and_widget_models(path):
    assert refresh_notebooks.check(path) == []
    assert refresh_notebooks.WIDGET not in path.read_text(encoding="utf-8")


@each_notebook
def test_code_cells_are_short(path):
    lengths = [len(cell.source.splitlines()) for cell in cells_of(path, "code")]
    assert max(lengths) <= 20
    assert statistics.median(lengths) <= 6


@each_notebook
def test_prose_stands_before_and_after_every_picture(path):
    cells = nbformat.read(path, as_version=4).cells
    for k, cell in enumerate(cells):
        if has_picture(cell):
            around = [neighbour.cell_type for neighbour in cells[k - 1 : k + 2]]
            assert around == ["markdown", "code", "markdown"], f"around cell {k}: {around}"


@each_notebook
def test_marked_cells_exist_and_compare_something(path):
    notebook = nbformat.read(path, as_version=4)
    assert compared_cells(notebook)
    assert nothing_compared(notebook) == []


# The machinery, on notebooks made here


def stored(path, *cells):
    nbformat.write(new_notebook(cells=cells, metadata=refresh_notebooks.METADATA), path)
    return path


def checked(source, text, execution_count=1):
    """A marked cell that printed `text` when it was stored."""
    outputs = [new_output("stream", name="stdout", text=text)] if text else []
    source = f"{MARK}\n{source}"
    return new_code_cell(source, execution_count=execution_count, outputs=outputs)


def nbval(*paths):
    """What nbval says, in a pytest of its own that is as strict as ours."""
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"]
    command += ["--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def refresh(*arguments):
    """The script, in a process of its own, as `make notebooks` runs it."""
    command = [sys.executable, refresh_notebooks.__file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_nbval_passes_the_truth_and_fails_a_tampered_output(tmp_path):
    truth = stored(tmp_path / "truth.ipynb", checked("print(1 + 1)", "2\n"))
    lie = stored(tmp_path / "lie.ipynb", checked("print(1 + 1)", "3\n"))
    code, said = nbval(truth, lie)
    assert code == 1
    assert "1 failed, 1 passed" in said
    assert "lie.ipynb::Cell 0" in said
    assert "mismatch 'stdout'" in said


@pytest.mark.parametrize("cell", [checked("1;", ""), checked("print(2)", "", None)])
def test_a_marked_cell_of_which_nbval_compares_nothing_is_found(cell):
    notebook = new_notebook(cells=[cell])
    assert compared_cells(notebook) == []
    assert nothing_compared(notebook) == [cell]
