"""Questions on the course: the cell that teaches each answer is there, and teaches it."""

import tomllib
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import refresh_notebooks

pytestmark = pytest.mark.once

QUIZ = tomllib.loads(Path(__file__).with_name("quiz.toml").read_text(encoding="utf-8"))["question"]


def cells(notebook):
    path = refresh_notebooks.NOTEBOOKS / f"{notebook}.ipynb"
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


@pytest.mark.parametrize("asked", QUIZ, ids=lambda asked: f"{asked['notebook']}-{asked['cell']}")
def test_the_cell_that_a_question_names_teaches_its_answer(asked):
    cell = cells(asked["notebook"])[asked["cell"]]
    outputs = (refresh_notebooks.text_of(output) for output in cell.get("outputs", ()))
    taught = " ".join("\n".join([cell.source, *outputs]).split())
    assert " ".join(asked["shown"].split()) in taught


def test_the_quiz_has_25_questions_on_every_lesson_each_on_another_cell():
    assert len(QUIZ) == 25
    assert all(asked["ask"].endswith("?") and asked["answer"].endswith(".") for asked in QUIZ)
    assert max(Counter((asked["notebook"], asked["cell"]) for asked in QUIZ).values()) == 1
    lessons = {path.stem for path in refresh_notebooks.NOTEBOOKS.glob("*.ipynb")}
    assert {asked["notebook"] for asked in QUIZ} >= lessons
