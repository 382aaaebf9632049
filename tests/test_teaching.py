"""What README and TEACHING.md say of the notebooks is what the notebooks say of themselves."""

import re

import makers
import nbformat
import pytest
import refresh_teaching
from refresh_teaching import ROOT

pytestmark = pytest.mark.once

OUTLINES = refresh_teaching.outlines()
each_notebook = pytest.mark.parametrize("outline", OUTLINES, ids=lambda outline: outline.name)


def test_the_list_for_teachers_is_what_the_notebooks_say():
    assert refresh_teaching.FILE.read_text("utf-8") == refresh_teaching.text(), (
        "run tests/refresh_teaching.py"
    )


@each_notebook
def test_a_notebook_says_how_long_it_takes_what_it_needs_and_what_it_teaches(outline):
    assert 10 <= outline.minutes <= 85
    assert outline.needs
    assert len(outline.objectives) >= 3
    assert outline.predictions >= 2


def test_the_course_takes_eleven_hours():
    assert round(sum(outline.minutes for outline in OUTLINES) / 60) == 11


@each_notebook
def test_no_exercise_comes_solved(outline):
    cells = nbformat.read(ROOT / "notebooks" / f"{outline.name}.ipynb", as_version=4).cells
    for name in outline.exercises:
        (cell,) = [cell for cell in cells if f"exercises.{name}.check(" in cell.source]
        (output,) = cell.outputs
        assert output.data["text/plain"].startswith(f"{name}: not ")  # written yet, or yet right


@pytest.mark.parametrize("file", ["README.md", "notebooks/00_start_here.ipynb"])
def test_each_list_of_the_course_names_every_notebook_with_its_question(file):
    listed = (ROOT / file).read_text("utf-8").replace('\\"', '"')
    for outline in OUTLINES:
        (row,) = re.findall(rf"\| [*[]+{outline.name}\b.*?\| (.+?\?)", listed)
        assert outline.title.startswith(row.removesuffix("?"))


def test_the_code_of_the_teachers_runs_as_it_stands():
    text = refresh_teaching.FILE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    exec(code, {"model": makers.network()})
