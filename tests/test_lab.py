"""Notebooks in a real JupyterLab in a real Chromium: sliders moved by key and by mouse."""

import re
from pathlib import Path

import nbformat
import pytest
import refresh_notebooks
from makers import PANELS
from nbformat.v4 import new_code_cell, new_markdown_cell

pytestmark = pytest.mark.browser

TINY = """
import io
import ipywidgets as widgets
from PIL import Image
slider = widgets.FloatLogSlider(value=1.0, min=-2, max=2, step=0.1, description="lambda")
colour = widgets.Dropdown(options=["red", "blue"], description="colour")
side = widgets.ToggleButtons(options=["left", "right"], description="side")
bright = widgets.Checkbox(value=True, description="bright")
reset = widgets.Button(description="Reset")
picture, words = widgets.Image(format="png"), widgets.HTML()
def paint(_=None):
    image = Image.new("RGB", (200, 100), "white" if bright.value else "grey")
    left, width = (0, 100)[side.value == "right"], int(20 * slider.value ** 0.3)
    image.paste(colour.value, (left, 0, left + width, 100))
    file = io.BytesIO()
    image.save(file, "png")
    picture.value = file.getvalue()
    words.value = f"{slider.value:.3g} {colour.value} {side.value} {bright.value}"
def start_again(_):
    slider.value, colour.value, side.value, bright.value = 1.0, "red", "left", True
for control in (slider, colour, side, bright):
    control.observe(paint, "value")
reset.on_click(start_again)
paint()
widgets.VBox([slider, colour, side, bright, reset, picture, words])
"""


HARMLESS = "print('fine')"
BROKEN = "1 / 0"
WARNING = "import warnings; warnings.warn('look out')"


def write(path, *sources):
    """A notebook of code cells under headings, none of them run."""
    notebook = nbformat.v4.new_notebook(metadata=refresh_notebooks.METADATA)
    for source in sources:
        notebook.cells += [new_markdown_cell("# A heading"), new_code_cell(source)]
    nbformat.write(notebook, path)
    return path


# The driver, on a notebook made here


@pytest.fixture(scope="module")
def tiny(jupyter, tmp_path_factory):
    with jupyter.open(
        write(tmp_path_factory.mktemp("tiny") / "tiny.ipynb", HARMLESS, TINY)
    ) as page:
        assert page.run_all() == []
        yield page
        assert page.console_errors == []


@pytest.fixture
def panel(tiny):
    (panel,) = tiny.panels()
    panel.click("Reset")
    panel.wait_until(lambda _, words: words == "1 red left True", "the start")
    return panel


@pytest.mark.parametrize(
    ("key", "times", "position"),
    [
        ("ArrowRight", 1, 0.525),
        ("ArrowRight", 4, 0.6),
        ("ArrowLeft", 2, 0.45),
        ("ArrowUp", 1, 0.525),
        ("Home", 1, 0),
        ("End", 1, 1),
    ],
)
def test_a_key_moves_the_slider_by_its_step_or_to_its_end(panel, key, times, position):
    before = panel.state()
    panel.slider("lambda").press(key, times)
    panel.wait_until_changed(before)
    assert panel.slider().position == pytest.approx(position)


@pytest.mark.parametrize("position", [0, 0.25, 0.8, 1])
def test_the_mouse_drags_the_slider_there(panel, position):
    before = panel.state()
    panel.slider().drag(position)
    panel.wait_until_changed(before)
    assert panel.slider().position == pytest.approx(position, abs=0.03)


def test_drop_down_buttons_and_check_box_do_what_they_say(panel):
    for act, words in (
        (lambda: panel.select("colour", "blue"), "1 blue left True"),
        (lambda: panel.select("side", "right"), "1 blue right True"),
        (lambda: panel.check("bright", on=False), "1 blue right False"),
    ):
        before = panel.state()
        act()
        assert panel.wait_until_changed(before)[1] == words


def test_the_same_state_is_the_same_picture(panel):
    before = panel.state()
    panel.slider().press("End")
    panel.wait_until_changed(before)
    panel.click("Reset")
    panel.wait_until(lambda *state: state == before, "the start again")


def test_waiting_in_vain_says_what_for(panel):
    with pytest.raises(TimeoutError, match="a picture and a readout other than '1 red left True'"):
        panel.wait_until_changed(panel.state(), timeout=0.2)


def test_a_control_that_is_not_there_is_named(panel):
    with pytest.raises(LookupError, match="'mu'"):
        panel.slider("mu")


def test_errors_and_warnings_of_cells_are_reported(jupyter, tmp_path):
    with jupyter.open(
        write(tmp_path / "broken.ipynb", HARMLESS, WARNING, BROKEN, HARMLESS)
    ) as page:
        warned, failed = page.run_all()
    assert re.match("code cell 2: .*UserWarning: look out", warned), warned
    assert failed == "code cell 3: ZeroDivisionError: division by zero"


# A notebook of the course


def test_the_panels_of_a_real_notebook_appear_and_follow_a_key(jupyter):
    with jupyter.open(refresh_notebooks.NOTEBOOKS / "00_start_here.ipynb") as page:
        assert page.run_all() == []
        assert len(page.panels()) == 3
        for panel in page.panels():
            if panel.hidden:
                reveal(panel)
            before = panel.state()
            panel.slider().press("ArrowRight", 3)
            panel.wait_until_changed(before)
        assert page.console_errors == []


# Every kind of panel


MENUS = {"bench", "learning"}
"""Panels that have no slider."""
SLID = [name for name in PANELS if name not in MENUS]

SHOW = """
import sys
sys.path.append({tests!r})
import makers
from gradlab.course.prediction import predict
from gradlab.panels import sharpening
sharpening.REST = 0.05  # a hand moves on sooner than that, these tests do not
"""


@pytest.fixture(scope="module")
def panels(jupyter, tmp_path_factory):
    """Every kind of panel with a slider, in one notebook, each behind a prediction."""
    cells = [f"predict(makers.PANELS[{n!r}](), 'How many?', truth=1, idea='')" for n in SLID]
    path = tmp_path_factory.mktemp("panels") / "panels.ipynb"
    with jupyter.open(write(path, SHOW.format(tests=str(Path(__file__).parent)), *cells)) as page:
        assert page.run_all() == []
        yield dict(zip(SLID, page.panels(), strict=True))
        assert page.console_errors == []


def reveal(panel):
    """Skip the prediction that a panel waits for."""
    assert not panel.sliders()
    panel.click("Skip")
    panel.wait_until(lambda *_: panel.sliders() and not panel.hidden, "the panel appears")


@pytest.fixture(params=SLID)
def each(panels, request):
    panel = panels[request.param]
    if panel.hidden:
        reveal(panel)
    return panel


def state(panel):
    return panel.wait_until(lambda _, words: words, "the picture rests", at_rest=True)


def reset(panel, start):
    panel.click("Reset")
    panel.wait_until(lambda *state: state == start, f"the start again: {start[1]!r}")


def test_every_slider_follows_a_key_and_the_keys_to_both_ends_and_reset_brings_it_back(each):
    """Picture and words follow each press: one step, then the ends, the far one first."""
    start = state(each)
    for slider in each.sliders():
        low = slider.position < 0.5
        slider.press("ArrowRight" if low else "ArrowLeft")
        before = each.wait_until_changed(start, at_rest=True)
        for key, end in (("End", 1), ("Home", 0)) if low else (("Home", 0), ("End", 1)):
            if slider.position != end:  # of two positions, one step is an end
                slider.press(key)
                before = each.wait_until_changed(before, at_rest=True)
                assert slider.position == end
        reset(each, start)


@pytest.mark.parametrize("each", ["depth", "sees", "sparsity", "threshold"], indirect=True)
def test_sliders_follow_the_mouse(each):
    """Of whole numbers, of a list, of fractions and of magnitudes: all that there are."""
    start = state(each)
    for slider in each.sliders():
        before = start
        for position in (0.8, 0.2) if slider.position < 0.5 else (0.2, 0.8):
            slider.drag(position)
            before = each.wait_until_changed(before, at_rest=True)
            assert (slider.position > 0.5) == (position > 0.5)
        reset(each, start)
