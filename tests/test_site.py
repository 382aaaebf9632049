"""Static pages show what the live panels show, ask nothing of anybody, and appear whole or not."""

import contextlib
import io
import itertools
import json
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import lab
import makers
import psutil
import pytest
from page import wait_until
from PIL import Image
from playwright.sync_api import expect
from site_page import WIDTHS, apart, opened, press, ready, seen, violations

from gradlab.cli import main
from gradlab.course.site import capture, formulas, settings
from gradlab.course.site.build import build
from gradlab.course.site.states import Captured
from gradlab.draw import vector
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.positions import Control

RAISES = """
import ipywidgets
from gradlab.panels.live import LivePicture, subplots
from gradlab.panels.panel import Panel
class Raises(Panel):
    def __init__(self):
        self.x = ipywidgets.IntSlider(0, 0, 3, description="x")
        super().__init__([self.x], LivePicture(subplots(2, 2)[0], []))
    def show(self):
        if self.x.value == 2:
            raise ValueError("no")
        return "fine"
Raises()
"""
TESTS = str(Path(__file__).parent)


def cell(kind, source, **metadata):
    made = {"cell_type": kind, "id": str(abs(hash(source))), "metadata": metadata, "source": source}
    return made if kind == "markdown" else made | {"outputs": [], "execution_count": None}


def write(path, *cells):
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


LESSON = (
    cell(
        "markdown",
        "# How far?\n\nIn about ten minutes you will be able to\n\n- say that $\\lambda \\le 1$.",
    ),
    cell("code", f"import sys; sys.path.append({TESTS!r})\nimport makers\nprint('said', 1 < 2)"),
    cell("code", "from gradlab.course.prediction import predict\nmakers.PANELS['race']()"),
    cell("code", "predict(makers.PANELS['race'](), 'Where?', truth='here', idea='So it is.',"
         " choices={'here': 'Yes & no.', 'there': ''})"),
    cell("code", "makers.PANELS['learning']()"),
    cell("code", "from gradlab.course.prediction import predict_curve\n"
         "predict_curve([1, 2, 4, 8, 4], 'How high?', places=(1, 4), idea='', limits=(0.1, 10),"
         " xlabel='place', ylabel='height')"),
    cell("code", "from gradlab.course.prediction import Asking, InTurn\n"
         "race = makers.PANELS['race']\nreplies = {'a': 'Not yet.', 'b': 'Right: b.'}\n"
         "InTurn([lambda: Asking(race(), 'Which?', replies, 'b'),"
         " lambda: predict(race(), 'And now?', truth='a', idea='Now a.',"
         " choices={'a': '', 'b': 'No.'})])"),
    cell("code", "from gradlab.course import exercises\nexercises.clip_by_value.check(print)"),
    cell("markdown", "## Checked by the tests", **{"jp-MarkdownHeadingCollapsed": True}),
    cell("code", "raise RuntimeError('for the tests alone')"),
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    first = write(folder / "00_first.ipynb", *LESSON)
    second = write(folder / "01_second.ipynb", cell("markdown", "# And <then>?"), cell("code", "1"))
    live = {"Binder": "live/{notebook}", "Colab": "there/{notebook}#{cell}"}
    (folder / "elsewhere").mkdir()
    with contextlib.chdir(folder / "elsewhere"):  # and kernels stand in `folder`
        pages = build([first, second], Path("site"), live=live, jobs=2)
    return folder / "elsewhere" / "site", pages


def settings_of(states):
    """Each setting of a page's panel: its choice of menus, positions of visible sliders, state."""
    for choice in states["choices"]:
        scales = [states["scales"][each[0]] for each in choice["sliders"] if each]
        for k, at in enumerate(itertools.product(*(range(len(scale)) for scale in scales))):
            yield choice, at, states["states"][choice["first"] + k]


def named(states, choice, at):
    """A setting by the labels that can be seen, as a page names it."""
    sliders = [each for each in states["controls"] if each["kind"] == "slider"]
    menus = [each for each in states["controls"] if each["kind"] != "slider"]
    setting = {
        menu["label"]: menu["names"][k]
        for n, (menu, k) in enumerate(zip(menus, choice["menus"], strict=True))
        if n not in choice["hidden"]
    }
    visible = [(s, scale[0]) for s, scale in zip(sliders, choice["sliders"], strict=True) if scale]
    for (slider, scale), k in zip(visible, at, strict=True):
        setting[slider["label"]] = states["scales"][scale][k]
    return setting


@pytest.mark.parametrize(
    "name",
    ["race", "claimed", "threshold", "scenes", "averages", "rules", "stretching", "history"],
)
def test_twenty_states_by_chance_are_what_the_live_panel_shows_there(name):
    panel = makers.PANELS[name]()
    panel.page_settings = 60
    start = panel.readout
    states = capture.captured(panel)
    assert panel.readout == start
    shown = [each for each in settings_of(states) if each[2]]
    assert len(shown) > 3
    for choice, at, state in random.Random(0).sample(shown, min(20, len(shown))):
        assert panel.put(named(states, choice, at)) is panel
        assert states["readouts"][state[-1]] == panel.readout
        layers = [table[k] for table, k in zip(states["parts"], state[:-1], strict=True)]
        assert layers == list(panel.picture.layers)


def test_the_page_hides_the_sliders_that_the_panel_hides():
    states = capture.captured(makers.PANELS["threshold"]())
    for choice in states["choices"]:
        assert sum(each is not None for each in choice["sliders"]) == 1
    assert {len(scale) for scale in states["scales"]} > {81}  # every position of the main slider


def test_fragments_are_svg_and_keep_their_letters():
    layers = makers.PANELS["race"]().picture.layers
    for layer in layers:
        ElementTree.fromstring(f'<svg xmlns:xlink="x">{layer}</svg>')
    assert ">loss of the batch</text>" in "".join(layers)
    assert "DejaVu" in "".join(layers)


def test_letters_that_mean_something_in_svg_come_back():
    figure, (axes,) = subplots(3, 2)
    axes.set_title('a < b & "c"')
    axes.set_xlabel("1   2")
    layers = LivePicture(figure, [axes.text(0.5, 0.5, "it's > 1")]).layers
    whole = ElementTree.fromstring(f'<svg xmlns:xlink="x">{"".join(layers)}</svg>')
    assert {'a < b & "c"', "it's > 1", "1\xa0\xa0\xa02"} <= set(whole.itertext())


def test_only_the_axes_that_changed_are_drawn_again(monkeypatch):
    figure, pair = subplots(4, 2, ncols=2)
    known, drawn = {}, []
    vector.still(figure, known)
    for axes in pair:
        draw = axes.draw
        monkeypatch.setattr(axes, "draw", lambda to, a=axes, d=draw: (drawn.append(a), d(to)))
    for changed in (pair[0], pair[1], pair[1]):
        changed.set_xlim(0, 2 + len(drawn))
        drawn.clear()
        found = vector.still(figure, known)
        assert drawn == [changed]
    assert found == vector.still(figure, {})


@pytest.mark.parametrize("name", ["race", "stretching", "plane", "maps"])
def test_every_frame_that_a_fragment_is_cut_to_is_defined_once(name):
    states = capture.captured(makers.PANELS[name]())
    grounds, *others = states["parts"]
    defined = [set(re.findall(r'id="(p\w+)"', ground)) for ground in grounds]
    used = {frame for table in others for part in table for frame in re.findall(r"#(p\w+)", part)}
    assert used
    assert used <= set.intersection(*defined)


@pytest.mark.parametrize("start", [0, 3, 6])
def test_a_thinned_slider_keeps_its_ends_and_its_start(start):
    whole = Control("slider", "x", tuple("abcdefg"), tuple(range(7)), start)
    thin = whole.thinned()
    assert {0, 6, start} <= set(thin.values) < set(whole.values)
    assert thin.values[thin.start] == start


def test_a_slider_goes_to_the_values_that_its_panel_has_for_a_page_and_to_its_start():
    whole = Control("slider", "x", tuple("abcdef"), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5), 4)
    few = whole.only((0.1 + 0.2, 0.0))
    assert (few.names, few.values, few.start) == (("a", "d", "e"), (0.0, 0.3, 0.4), 2)


def test_the_main_slider_keeps_most_and_menus_keep_all():
    def slider(count):
        return Control("slider", "x", tuple(map(str, range(count))), tuple(range(count)), 0)

    offered = [settings.Choice((k,), (slider(90), slider(40))) for k in range(4)]
    kept = settings.chosen(offered, 600)
    assert [choice.menus for choice in kept] == [(0,), (1,), (2,), (3,)]
    assert sum(map(len, kept)) <= 600
    main, other = kept[0].sliders
    assert len(main) >= 21 > len(other) >= 3
    fewer = settings.chosen(offered, 60)
    assert set(fewer[0].sliders[0].values) < set(main.values)
    assert settings.chosen([settings.Choice((k,), (slider(9),)) for k in range(90)], 600)[
        0
    ].menus == (0,)


def test_pages_hold_the_lesson_and_nothing_for_the_tests(built):
    folder, (first, second) = built
    text = (folder / "00_first.html").read_text(encoding="utf-8")
    assert first.place.title == "How far?"
    assert first.place.minutes == 10
    assert "<math" in text
    assert "said True" in text
    assert "for the tests alone" not in text
    assert "live/00_first.ipynb" in text
    assert f'"there/00_first.ipynb#{LESSON[2]["id"]}"' in text  # at the cell of a panel
    assert "And &lt;then&gt;?" in text
    assert "needs a kernel" in text  # the panel that trains
    gallery = (folder / "index.html").read_text(encoding="utf-8")
    for page in (text, gallery):
        names = re.findall(r'\bid="([^"]+)"', page)
        assert len(names) == len(set(names))
        assert set(re.findall(r"""(?:url\(|href=")#([^")]+)""", page)) <= set(names)
    assert gallery.count("<svg") == 3  # the first one moves, too; without what was asked before
    assert gallery.count("data-states") == 1
    assert len(first.panels) == 6
    assert "clamp takes the lower limit first" in text  # a hint of the exercise
    assert second.panels == []


def test_pages_ask_nothing_of_anybody(built):
    folder, _ = built
    for file in [*folder.glob("*.html"), *folder.glob("*.css"), *folder.glob("*.js")]:
        text = file.read_text(encoding="utf-8")
        asked = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(https?:|//)""", text)
        assert asked == [], file.name


@pytest.mark.browser
def test_sliders_move_in_a_browser_from_the_disk(built):
    folder, (first, _) = built
    with lab.browsing() as browser, opened(browser, folder / "00_first.html") as (page, troubles):
        panel = ready(page, 0)
        slider = panel.locator("input[type=range]")
        assert panel.locator(".readout").inner_text() == makers.PANELS["race"]().readout
        slider.press("Home")
        assert slider.get_attribute("aria-valuetext") == "0"
        said = first.panels[0].states["readouts"][0]
        expect(panel.locator(".readout")).to_have_text(said)
        assert max(press(page, panel, "ArrowRight")) < 1000  # the figure is bench_site's
        expect(panel.locator(".readout")).not_to_have_text(said)
        slider.press("Home")
        page.wait_for_url("**/00_first.html#panel-0&step=0")
        page.reload()  # a link opens a panel where one left it
        ready(page, 0)
        assert slider.input_value() == "0"
        page.evaluate("location.hash = 'panel-0&step=3'")
        expect(slider).to_have_value("3")
        live = makers.PANELS["race"]()
        exec(panel.locator(".line code").text_content(), {"_": live})
        expect(panel.locator(".readout")).to_have_text(live.readout)
        page.go_back()
        expect(slider).to_have_value("0")
        panel.get_by_role("button", name="Reset").click()
        expect(panel.locator(".readout")).to_have_text(makers.PANELS["race"]().readout)
        assert troubles == []


@pytest.mark.browser
def test_a_prediction_hides_its_picture_until_it_is_answered(built):
    folder, _ = built
    with lab.browsing() as browser, opened(browser, folder / "00_first.html") as (page, troubles):
        asked = page.locator("#panel-1")
        asked.scroll_into_view_if_needed()
        answer = asked.get_by_role("button", name="Answer")
        answer.click()
        expect(asked.locator(".verdict")).to_have_text("Not yet: choose an answer.")
        assert not asked.locator("svg").is_visible()
        asked.get_by_label("there").check()
        answer.click()
        expect(asked.locator(".verdict")).to_have_text("You said there; it is here. So it is.")
        assert asked.locator("svg").is_visible()
        curve = page.locator("#panel-3")
        curve.get_by_role("slider", name="at 4").press("End")
        expect(curve.locator(".readout")).to_contain_text("10.0 at 4")
        curve.get_by_role("button", name="Answer").click()
        expect(curve.locator(".verdict")).to_contain_text("Farthest off at 4: you said 10.0")
        first, then = page.locator("#panel-4"), page.locator("#panel-5")
        for choice, said, seen in (("a", "Not yet.", False), ("b", "Right: b.", True)):
            first.get_by_label(choice, exact=True).check()
            first.get_by_role("button", name="Answer").click()
            expect(first.locator(".verdict")).to_have_text(said)
            assert then.is_visible() == seen
        then.get_by_role("button", name="Skip").click()
        expect(then.locator("svg")).to_be_visible()
        assert troubles == []


@pytest.mark.browser
def test_on_paper_the_answers_stand_at_the_end(built):
    folder, _ = built
    with lab.browsing() as browser, opened(browser, folder / "00_first.html") as (page, _):
        ready(page, 0)
        page.emulate_media(media="print")
        asked = page.locator("#panel-1")
        expect(asked).to_contain_text("Question 1. Predict, then look. Where?")
        assert not asked.locator("svg").is_visible()
        said = page.locator(".answers").inner_text().splitlines()
        told = ["here. Yes & no. So it is.", "2.00 at 1, 4.00 at 4.", "It is: b.", "a. Now a."]
        assert said == ["Answers", *told]
        expect(page.locator("#panel-5")).to_contain_text("Question 4. Predict, then look. And now?")
        assert page.locator("#panel-5").is_visible()
        page.emulate_media(media="screen")
        assert not page.locator(".answers").is_visible()
        asked.get_by_role("button", name="Skip").click()
        page.emulate_media(media="print")
        assert asked.locator("svg").is_visible()  # the reader knows


@pytest.mark.browser
def test_the_page_shows_the_picture_of_the_live_panel(built):
    folder, _ = built
    file = folder / "00_first.html"
    with lab.browsing() as browser, opened(browser, file, device_scale_factor=2) as (page, _):
        live = Image.open(io.BytesIO(makers.PANELS["race"]().picture.png)).convert("L")
        mean, most = apart(seen(ready(page, 0)), live)
        assert mean < 0.006
        assert most < 0.12


@pytest.mark.browser
@pytest.mark.parametrize(
    ("scheme", "examined"), [("light", (WIDTHS[0], WIDTHS[-1])), ("dark", (WIDTHS[0],))]
)
def test_everything_can_be_seen_and_reached_by_the_keyboard(built, scheme, examined):
    """No style asks for both scheme and width; what must scroll does so where it is narrow."""
    folder, _ = built
    with lab.browsing() as browser:
        for file in sorted(folder.glob("*.html")):
            with opened(browser, file, color_scheme=scheme) as (page, troubles):
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": 900})
                    assert width not in examined or violations(page) == []
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert troubles == []


@pytest.mark.browser
def test_without_scripts_the_page_can_be_read(built):
    folder, _ = built
    with (
        lab.browsing() as browser,
        opened(browser, folder / "00_first.html", java_script_enabled=False) as (page, _),
    ):
        for number in range(6):
            assert page.locator(f"#panel-{number} svg").is_visible()
            assert not page.locator(f"#panel-{number} .controls").is_visible()
        assert "allow JavaScript" in page.locator("#panel-0").inner_text()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ((cell("markdown", "# Words"),), "has no code cells"),
        ((cell("code", "1 / 0"),), "ZeroDivisionError: division by zero"),
        ((cell("code", RAISES),), "Raises raises at x 2: ValueError('no')"),
    ],
    ids=["no code", "an error", "a panel that raises"],
)
def test_what_cannot_become_a_page_is_named_and_nothing_is_left(tmp_path, cells, said, capsys):
    notebook = write(tmp_path / "bad.ipynb", *cells)
    assert main(["export", str(notebook), str(tmp_path / "site")]) == 1
    error = capsys.readouterr().err
    assert "bad.ipynb" in error
    assert said in error
    assert [path.name for path in tmp_path.iterdir()] == ["bad.ipynb"]


@pytest.mark.once
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=lambda sent: sent.name)
def test_an_interrupted_export_leaves_no_half_site(tmp_path, sent):
    waits = "import os, time; open('started', 'w').write(str(os.getpid())); time.sleep(300)"
    notebook = write(tmp_path / "one.ipynb", cell("code", waits))
    start = (
        "import signal, sys; from gradlab.cli import main\n"
        # a shell in the background has its programs ignore it
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", start, "export", str(notebook), str(tmp_path / "site")]
    export = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    started = tmp_path / "started"
    wait_until(lambda: started.exists() and started.read_text(), "the notebook runs", 90)
    export.send_signal(sent)
    _, said = export.communicate(timeout=60)
    assert export.returncode
    assert not (tmp_path / "site").exists()
    wait_until(lambda: not psutil.pid_exists(int(started.read_text())), "its kernel is gone", 60)
    if sent is signal.SIGINT:
        assert "Traceback" not in said
        assert sorted(path.name for path in tmp_path.iterdir()) == ["one.ipynb", "started"]


def test_a_file_that_is_no_notebook_is_refused(tmp_path, capsys):
    (tmp_path / "bad.ipynb").write_text("{", encoding="utf-8")
    assert main(["export", str(tmp_path / "bad.ipynb"), str(tmp_path / "site")]) == 1
    assert "is no notebook" in capsys.readouterr().err


def test_a_folder_with_other_files_is_left_alone(tmp_path, capsys):
    notebook = write(tmp_path / "one.ipynb", cell("code", "1"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary", encoding="utf-8")
    assert main(["export", str(notebook), str(tmp_path / "mine")]) == 1
    assert "holds other files" in capsys.readouterr().err
    assert (tmp_path / "mine" / "diary.txt").read_text(encoding="utf-8") == "dear diary"


def test_two_notebooks_of_one_name_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    one = write(tmp_path / "one.ipynb", cell("code", "1"))
    two = write(tmp_path / "a" / "one.ipynb", cell("code", "1"))
    with pytest.raises(ValueError, match="notebooks must be files of different names"):
        build([one, two], tmp_path / "site")


def test_a_panel_knows_how_many_settings_its_page_shows(built):
    _, (first, _) = built
    for panel in first.panels:
        assert isinstance(panel, Captured)
        assert len(panel) == sum(state is not None for state in panel.states["states"])


def test_bars_come_in_pairs_no_bracket_grows_with_its_exponent_and_roots_have_a_sign():
    shown = formulas.mathml(r"\big(\lVert v\rVert^2 + |w|\big)^3")
    assert re.findall(r'form="(\w+)">&#x0(\w+);', shown) == [
        ("prefix", "2016"),
        ("postfix", "2016"),
        ("prefix", "007C"),
        ("postfix", "007C"),
    ]
    assert "minsize" not in shown
    assert "√" in set(formulas.letters(formulas.mathml(r"\sqrt 2")))  # or no root is drawn
    assert set(formulas.letters(f"<p>q</p>{shown}")) == set("()+23‖|vw𝑣𝑤")
