"""Write the list of the notebooks in TEACHING.md from what the notebooks say of themselves."""

from pathlib import Path

from gradlab.course import exercises
from gradlab.course.outline import Outline

ROOT = Path(__file__).parents[1]
FILE = ROOT / "TEACHING.md"
MARK = "<!-- The rest is written by tests/refresh_teaching.py from the notebooks. -->\n"


def outlines():
    """Every notebook in short, in the order of the course."""
    return [Outline.of(path) for path in sorted(ROOT.glob("notebooks/*.ipynb"))]


def section(outline):
    """What a teacher wants to know of a notebook."""
    number = outline.name[:2]
    yield f"\n### {number} · [{outline.title}](notebooks/{outline.name}.ipynb)\n"
    yield f"About {outline.minutes} minutes. Students need {outline.needs}. Afterwards they can\n"
    yield from (f"- {objective}" for objective in outline.objectives)
    yield f"\nPredictions: {outline.predictions}. Exercises: {exercises_of(outline)}."


def exercises_of(outline):
    return ", ".join(map(with_lines, outline.exercises)) or "none that `gradlab grade` checks"


def with_lines(name):
    lines = getattr(exercises, name).lines
    return f"`{name}` ({lines} {'line' if lines == 1 else 'lines'})"


def text():
    """The file as it should stand: what a person wrote, then the list."""
    kept, mark, _ = FILE.read_text(encoding="utf-8").partition(MARK)
    assert mark, f"{FILE} has no line {MARK!r}"
    return kept + MARK + "\n".join(line for one in outlines() for line in section(one)) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
