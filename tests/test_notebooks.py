"""Every notebook of the course is one question, runs, stores what it shows, and is really compared.

The comparing itself is `pytest --nbval-lax notebooks`. What it would let pass, these tests do not.
"""

import ast
import base64
import io
import re
import statistics
import subprocess
import sys

import nbformat
import pytest
import refresh_notebooks
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image, PngImagePlugin

NOTEBOOKS = sorted(refresh_notebooks.NOTEBOOKS.glob("*.ipynb"))
MARK = "nbval-check-output"
"""The tag of a cell whose printed output nbval compares with what is stored."""
CHECKED = "## Checked by the tests"
SETS_A_SLIDER = re.compile(r"\.value = ")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def has_picture(cell):
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))


def is_marked(cell):
    return cell.cell_type == "code" and MARK in cell.metadata.get("tags", ())


def compared_cells(notebook):
    """The cells that nbval compares with something: marked, run, and with stored text."""
    return [
        cell
        for cell in notebook.cells
        if is_marked(cell)
        and cell.execution_count is not None
        and "".join(map(refresh_notebooks.text_of, cell.outputs)).strip()
    ]


def nothing_compared(notebook):
    """The marked cells of which nbval would compare nothing, and say `passed`."""
    compared = compared_cells(notebook)
    return [cell for cell in notebook.cells if is_marked(cell) and cell not in compared]


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


@each_notebook
def test_checks_are_out_of_the_readers_way(path):
    """A mark is a tag. What only moves sliders stands in a last section, which opens closed."""
    cells = nbformat.read(path, as_version=4).cells
    (start,) = [k for k, cell in enumerate(cells) if cell.source.startswith(CHECKED)]
    lesson, last = cells[:start], cells[start + 1 :]
    assert cells[start].metadata.get("jp-MarkdownHeadingCollapsed") is True
    assert last
    assert all(map(is_marked, last))
    assert not [cell.source for cell in lesson if SETS_A_SLIDER.search(cell.source)]
    assert not [cell.source for cell in cells if "# NBVAL" in cell.source]


def predictions(path):
    """The calls of `predict` in the lesson itself, as syntax trees."""
    for cell in cells_of(path, "code"):
        for node in ast.walk(ast.parse("" if is_marked(cell) else cell.source)):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name.startswith("predict"):
                yield node


@each_notebook
def test_a_notebook_asks_twice_or_more_and_answers_each_wrong_choice(path):
    asked = list(predictions(path))
    assert len(asked) >= 2
    for call in asked:
        for offered in (each.value for each in call.keywords if each.arg == "choices"):
            assert isinstance(offered, ast.Dict | ast.DictComp), "choices without replies"
            silent = [r for r in getattr(offered, "values", ()) if getattr(r, "value", 0) == ""]
            assert len(silent) <= 1, "only the right answer needs no reply"


# The machinery, on notebooks made here


def stored(path, *cells):
    nbformat.write(new_notebook(cells=cells, metadata=refresh_notebooks.METADATA), path)
    return path


def marked(source, text, execution_count=1):
    """A marked cell that had printed `text` when it was stored."""
    outputs = [new_output("stream", name="stdout", text=text)] if text else []
    tags = {"tags": [MARK]}
    return new_code_cell(source, execution_count=execution_count, outputs=outputs, metadata=tags)


def nbval(*paths):
    """What nbval says, in a pytest of its own that is as strict as ours."""
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"]
    command += ["--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_nbval_passes_the_truth_and_fails_a_tampered_output(tmp_path):
    truth = stored(tmp_path / "truth.ipynb", marked("print(1 + 1)", "2\n"))
    lie = stored(tmp_path / "lie.ipynb", marked("print(1 + 1)", "3\n"))
    code, said = nbval(truth, lie)
    assert code == 1
    assert "1 failed, 1 passed" in said
    assert "lie.ipynb::Cell 0" in said
    assert "mismatch 'stdout'" in said


@pytest.mark.parametrize("cell", [marked("1;", ""), marked("print(2)", "", None)])
def test_a_marked_cell_of_which_nbval_compares_nothing_is_found(cell):
    notebook = new_notebook(cells=[cell])
    assert compared_cells(notebook) == []
    assert nothing_compared(notebook) == [cell]


PANEL = """
import ipywidgets, matplotlib.pyplot as plt
class Panel(ipywidgets.VBox):
    def _repr_mimebundle_(self, **_):
        return super()._repr_mimebundle_() | {"text/plain": "a sentence"}
print("one", flush=True); print("two")
plt.plot([1, 2])
plt.show()
Panel([ipywidgets.IntSlider()])
"""


@pytest.mark.once
def test_a_refreshed_notebook_holds_pictures_and_words_and_is_the_same_every_time(tmp_path):
    path = stored(tmp_path / "panel.ipynb", new_code_cell(PANEL, metadata={"scrolled": True}))
    versions = []
    for _ in range(2):
        assert refresh_notebooks.refresh(path) == []
        versions.append(path.read_bytes())
    assert versions[0] == versions[1]
    assert refresh_notebooks.check(path) == []
    (cell,) = cells_of(path, "code")
    assert cell.metadata == {}
    printed, drawn, shown = cell.outputs
    assert printed.text == "one\ntwo\n"
    assert set(drawn.data) == {"image/png", "text/plain"}
    assert shown.data == {"text/plain": "a sentence"}
    assert [file.name for file in tmp_path.iterdir()] == ["panel.ipynb"]


def test_a_picture_loses_its_margins_and_keeps_its_pixels():
    file = io.BytesIO()
    drawn = Image.effect_mandelbrot((8, 8), (-2, -1, 1, 1), 20)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Software", "a program")
    drawn.save(file, "PNG", pnginfo=notes)
    png = refresh_notebooks.without_margins(base64.b64encode(file.getvalue()))
    again = Image.open(io.BytesIO(base64.b64decode(png)))
    assert again.info == {}
    assert again.tobytes() == drawn.tobytes()


@pytest.mark.once
@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("object()", "code cell 1 prints a memory address"),
        ("import warnings; warnings.warn('look out')", "code cell 1 warns: .*look out"),
        ("import os; os.getcwd()", "code cell 1 prints /.*"),
        ("", "code cell 1 has execution count None"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_notebook_that_must_not_be_stored_stays_as_it_was(tmp_path, source, complaint):
    path = stored(tmp_path / "bad.ipynb", new_code_cell(source))
    before = path.read_bytes()
    (said,) = refresh_notebooks.refresh(path)
    assert re.search(complaint, said, re.DOTALL)
    assert path.read_bytes() == before


@pytest.mark.once
def test_a_notebook_over_its_budget_is_a_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(refresh_notebooks, "MAX_SECONDS", 0.0)
    monkeypatch.setattr(refresh_notebooks, "MAX_GIGABYTES", 0.001)
    path = stored(tmp_path / "slow.ipynb", new_code_cell("1"))
    assert refresh_notebooks.main([str(path)]) == 1
    said = capsys.readouterr().err
    assert "allowed are 0 s" in said
    assert "allowed are 0.001 GB" in said


def test_a_notebook_that_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        refresh_notebooks.main([str(tmp_path / "gone.ipynb")])
    assert "notebook must be a file, got" in capsys.readouterr().err


def changed(change):
    """A notebook in stored form, and then changed."""
    notebook = new_notebook(cells=[marked("print(2)", "2\n")], metadata=refresh_notebooks.METADATA)
    notebook.cells[0].id = "first"
    change(notebook)
    return notebook


@pytest.mark.parametrize(
    "change",
    [
        lambda notebook: notebook.metadata.update(widgets={}),
        lambda notebook: notebook.metadata.language_info.update(version="3.11.7"),
        lambda notebook: notebook.cells[0].metadata.update(scrolled=True),
        lambda notebook: notebook.cells[0].update(execution_count=7),
        lambda notebook: notebook.cells[0].outputs[0].update(name="stderr"),
        lambda notebook: notebook.cells[0].outputs.append(
            new_output("display_data", {refresh_notebooks.WIDGET: {"model_id": "1"}})
        ),
    ],
)
def test_a_notebook_that_is_not_in_normal_form_is_found_without_running_it(tmp_path, change):
    path = tmp_path / "changed.ipynb"
    path.write_text(refresh_notebooks.text(changed(lambda _: None)))
    assert refresh_notebooks.main(["--check", str(path)]) == 0
    path.write_text(refresh_notebooks.text(changed(change)))
    assert refresh_notebooks.main(["--check", str(path)]) == 1
