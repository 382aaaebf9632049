"""In a real JupyterLab, a panel goes with its cell, unless a name holds it."""

import pytest
import test_lab

pytestmark = pytest.mark.browser

SETUP = """import weakref
from gradlab.course.lessons import plane
made = weakref.WeakSet()
def geometry():
    panel = plane.panel()
    made.add(panel)
    return panel"""
UNNAMED, NAMED, AGAIN = "geometry()", "panel = geometry()\npanel", "panel"
CLEARED, DELETED = "geometry()  # to be cleared", "geometry()  # to be deleted"
ASKED = "print(sum(not each.closed for each in list(made)), panel.closed)"
CELLS = SETUP, UNNAMED, CLEARED, DELETED, NAMED, ASKED, AGAIN
SHOWN = "document.querySelectorAll('.jp-OutputArea-output .widget-image').length"
DO = """async ([command, code]) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.deselectAll();
  notebook.activeCellIndex = notebook.widgets.findIndex(
    cell => cell.model.sharedModel.source === code);
  await window.jupyterapp.commands.execute(command);
}"""


@pytest.fixture(scope="module")
def notebook(jupyter, tmp_path_factory):
    path = tmp_path_factory.mktemp("closing") / "closing.ipynb"
    with jupyter.open(test_lab.write(path, *CELLS)) as page:
        yield page
        assert page.console_errors == []


@pytest.fixture
def page(notebook):
    """With every cell run again; the one that a test has deleted is of no other test."""
    assert notebook.run_all() == []
    opened, closed = asked(notebook)
    notebook.tab.wait_for_function(f"n => {SHOWN} === n + 1", arg=opened)  # the named one twice
    assert not closed
    return notebook


def run(page, code):
    page.tab.evaluate(DO, ["notebook:run-cell", code])


def asked(page):
    """How many panels are open, and whether the named one is closed."""
    run(page, ASKED)
    number, closed = page.tab.locator(".jp-OutputArea-output pre").last.inner_text().split()
    return int(number), closed == "True"


def take_away(page, command, code):
    """Do it by JupyterLab's own command, and wait until a panel is off the page."""
    before = page.tab.evaluate(SHOWN)
    page.tab.evaluate(DO, [command, code])
    page.tab.wait_for_function(f"n => {SHOWN} < n", arg=before)


def test_a_cell_that_is_run_again_closes_its_panel(page):
    before, _ = asked(page)
    for code in (UNNAMED, NAMED):
        run(page, code)
        assert asked(page) == (before, False)


@pytest.mark.parametrize(
    ("command", "code"),
    [("notebook:clear-cell-output", CLEARED), ("notebook:delete-cell", DELETED)],
)
def test_a_cell_that_is_cleared_or_deleted_closes_its_panel(page, command, code):
    before, _ = asked(page)
    take_away(page, command, code)
    assert asked(page) == (before - 1, False)


def test_a_panel_under_a_name_survives_clearing_and_is_shown_again(page):
    take_away(page, "notebook:clear-all-cell-outputs", NAMED)
    assert asked(page) == (1, False)
    run(page, AGAIN)
    page.tab.wait_for_selector(".jp-OutputArea-output .noUi-handle")
    (panel,) = page.panels()
    before = panel.state()
    panel.slider("threshold").press("Home")
    panel.wait_until_changed(before)
