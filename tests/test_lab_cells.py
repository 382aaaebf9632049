"""In a real JupyterLab, a panel goes with its cell, and one that trains plays, and stops."""

import re

import pytest
import test_lab
from page import wait_until

pytestmark = pytest.mark.browser

# A panel goes with its cell, unless a name holds it

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


def wait_until_asked(page, answer):
    """The page tells the kernel that a view is gone some time after a person sees it go."""
    seen = []
    wait_until(lambda: seen.append(asked(page)) or seen[-1] == answer, answer, 10, lambda: seen)


def take_away(page, command, code, left):
    """Do it by JupyterLab's own command, and wait until so many panels are left on the page."""
    page.tab.evaluate(DO, [command, code])
    page.tab.wait_for_function(f"n => {SHOWN} === n", arg=left)


def test_a_cell_that_is_run_again_closes_its_panel(page):
    before, _ = asked(page)
    for code in (UNNAMED, NAMED):
        run(page, code)
        assert asked(page) == (before, False)


@pytest.mark.parametrize(
    ("command", "code"),
    [("notebook:clear-cell-output", CLEARED), ("notebook:delete-cell", DELETED)],
    ids=["cleared", "deleted"],
)
def test_a_cell_that_is_cleared_or_deleted_closes_its_panel(page, command, code):
    before, _ = asked(page)
    take_away(page, command, code, left=page.tab.evaluate(SHOWN) - 1)
    wait_until_asked(page, (before - 1, False))


def test_a_panel_under_a_name_survives_clearing_and_is_shown_again(page):
    take_away(page, "notebook:clear-all-cell-outputs", NAMED, left=0)
    wait_until_asked(page, (1, False))
    run(page, AGAIN)
    page.tab.wait_for_selector(".jp-OutputArea-output .noUi-handle")
    (panel,) = page.panels()
    before = panel.state()
    panel.slider("threshold").press("Home")
    panel.wait_until_changed(before)


# One that trains

TRAINS = """
import torch
from gradlab import panels
from gradlab.course import data, models
from gradlab.clip import ByNorm
from gradlab.training import Steered
photos = data.load("patches", "train")
torch.manual_seed(0)
model = models.vgg(11, width=8)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
run = Steered(model, optimizer, lambda: photos.batches(32, seed=0), clip=ByNorm(1.0))
run.step(10)
"""
STEER = "panel = panels.steer(run)\npanel"
SAID = "print(panel.playing, len(run.branches))"


@pytest.fixture(scope="module")
def training(jupyter, tmp_path_factory):
    path = tmp_path_factory.mktemp("steer") / "steer.ipynb"
    with jupyter.open(test_lab.write(path, TRAINS, STEER, SAID)) as page:
        assert page.run_all() == []
        yield page
        assert page.console_errors == []


@pytest.fixture
def panel(training):
    (panel,) = training.panels()
    panel.click("Reset")
    panel.wait_until(lambda _, words: words.startswith("Step 10: "), "the start")
    return panel


def step(words):
    return int(re.match(r"Step (\d+)", words)[1])


def test_it_plays_follows_a_slider_meanwhile_and_pauses(panel):
    start = panel.state()
    panel.click("Play")
    seen = panel.wait_until_changed(start)
    panel.wait_until(lambda _, words: step(words) >= 23, "it trains on", 30)
    panel.slider("learning rate").press("ArrowLeft", 4)
    panel.wait_until(lambda _, words: "Next step: learning rate 0.0315" in words, "the new rate")
    panel.click("Pause")
    button = panel.output.get_by_role("button", name="Play")
    paused = panel.wait_until(lambda *_: button.count(), "paused", at_rest=True)
    panel.tab.wait_for_timeout(300)
    assert panel.state() == paused
    assert step(paused[1]) > step(seen[1])
    assert "Rewound" not in paused[1]


def test_a_run_plays_from_its_very_first_step(panel):
    panel.slider("rewind to").press("Home")
    panel.wait_until(lambda _, words: words.startswith("Step 0: "), "the beginning")
    panel.click("Play")
    panel.wait_until(lambda _, words: step(words) >= 13, "it trains on", 30)
    panel.click("Pause")


def test_it_is_rewound_and_forked_by_hand(panel):
    panel.slider("rewind to").press("Home")
    panel.wait_until(lambda _, words: words.startswith("Step 0: "), "the beginning")
    panel.slider("learning rate").press("ArrowRight", 3)
    for number in (1, 2):
        panel.click("Step")
        said = panel.wait_until(lambda _, words, n=number: step(words) == n, f"step {number}")[1]
    assert "The run before had loss" in said


def test_it_stops_when_its_cell_is_run_again(training, panel):
    before = panel.state()
    panel.click("Play")
    panel.wait_until_changed(before)
    assert training.run_all() == []
    (again,) = training.panels()
    said = training.tab.locator(".jp-OutputArea-output pre").last.inner_text()
    assert said.startswith("False")
    assert again.output.get_by_role("button", name="Play").count() == 1


def test_it_stops_when_its_output_is_cleared(training, panel):
    before = panel.state()
    panel.click("Play")
    panel.wait_until_changed(before)
    training.tab.evaluate(DO, ["notebook:clear-all-cell-outputs", STEER])

    def said():
        run(training, SAID)
        return training.tab.locator(".jp-OutputArea-output pre").last.inner_text()

    wait_until(lambda: said().startswith("False"), "it plays no longer", 10, said)
