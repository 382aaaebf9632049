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
ASKED = "print(sum(not each.closed for each in list(made)), panel.closed)"
CELLS = SETUP, UNNAMED, NAMED, ASKED, AGAIN
DO = """async ([command, code]) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.deselectAll();
  notebook.activeCellIndex = notebook.widgets.findIndex(
    cell => cell.model.sharedModel.source === code);
  await window.jupyterapp.commands.execute(command);
}"""


@pytest.fixture
def page(jupyter, tmp_path):
    with jupyter.open(test_lab.write(tmp_path / "closing.ipynb", *CELLS)) as page:
        assert page.run_all() == []
        yield page
        assert page.console_errors == []


def run(page, code):
    page.tab.evaluate(DO, ["notebook:run-cell", code])


def asked(page):
    """How many panels are open, and whether the named one is closed."""
    run(page, ASKED)
    return page.tab.locator(".jp-OutputArea-output pre").last.inner_text().strip()


def take_away(page, command, code):
    """Do it by JupyterLab's own command, and wait until a panel is off the page."""
    shown = "document.querySelectorAll('.jp-OutputArea-output .widget-image').length"
    before = page.tab.evaluate(shown)
    page.tab.evaluate(DO, [command, code])
    page.tab.wait_for_function(f"n => {shown} < n", arg=before)


def test_a_cell_that_is_run_again_closes_its_panel(page):
    assert asked(page) == "2 False"
    for code in (UNNAMED, NAMED):
        run(page, code)
        assert asked(page) == "2 False"


@pytest.mark.parametrize("command", ["notebook:clear-cell-output", "notebook:delete-cell"])
def test_a_cell_that_is_cleared_or_deleted_closes_its_panel(page, command):
    take_away(page, command, UNNAMED)
    assert asked(page) == "1 False"


def test_a_panel_under_a_name_survives_clearing_and_is_shown_again(page):
    take_away(page, "notebook:clear-all-cell-outputs", NAMED)
    assert asked(page) == "1 False"
    run(page, AGAIN)
    page.tab.wait_for_selector(".jp-OutputArea-output .noUi-handle")
    (panel,) = page.panels()
    before = panel.state()
    panel.slider("threshold").press("Home")
    panel.wait_until_changed(before)
