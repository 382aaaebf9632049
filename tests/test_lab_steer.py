"""The steer panel in a real JupyterLab: it plays, follows its sliders meanwhile, and stops."""

import re

import pytest
import test_lab

pytestmark = pytest.mark.browser

SETUP = """
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
PANEL = "panel = panels.steer(run)\npanel"
SAID = "print(panel.playing, len(run.branches))"


@pytest.fixture(scope="module")
def page(jupyter, tmp_path_factory):
    path = tmp_path_factory.mktemp("steer") / "steer.ipynb"
    with jupyter.open(test_lab.write(path, SETUP, PANEL, SAID)) as page:
        assert page.run_all() == []
        yield page
        assert page.console_errors == []


@pytest.fixture
def panel(page):
    (panel,) = page.panels()
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


def test_it_stops_when_its_cell_is_run_again(page, panel):
    before = panel.state()
    panel.click("Play")
    panel.wait_until_changed(before)
    assert page.run_all() == []
    (again,) = page.panels()
    said = page.tab.locator(".jp-OutputArea-output pre").last.inner_text()
    assert said.startswith("False")
    assert again.output.get_by_role("button", name="Play").count() == 1


def test_it_stops_when_its_output_is_cleared(page, panel):
    before = panel.state()
    panel.click("Play")
    panel.wait_until_changed(before)
    page.tab.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.tab.wait_for_timeout(300)
    page.tab.evaluate(
        """async () => {
          const notebook = window.jupyterapp.shell.currentWidget.content;
          notebook.activeCellIndex = notebook.widgets.length - 1;
          await window.jupyterapp.commands.execute('notebook:run-cell');
        }"""
    )
    said = page.tab.locator(".jp-OutputArea-output pre").last.inner_text()
    assert said.startswith("False")
