"""What a person sees and does on a static page: its panels, how soon they move, whom they ask."""

import contextlib
import io
from pathlib import Path

import axe_playwright_python
import numpy as np
from PIL import Image, ImageFilter

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
WIDTHS = (360, 768, 1440)
# From a key press to the end of the frame that shows it: how long the page works, and how long it
# takes with the wait for the frame.
PRESSED = """(section) => new Promise((done) => {
  let begun, handled, frame;
  section.addEventListener('input', () => {
    begun = performance.now();
    requestAnimationFrame(() => (frame = performance.now()));
  }, {once: true, capture: true});
  section.addEventListener('input', ({timeStamp}) => {
    handled = performance.now();
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => {
        const end = performance.now();
        done([handled - begun + end - frame, end - timeStamp]);
      };
      painted.port2.postMessage(null);
    });
  }, {once: true});
})"""


@contextlib.contextmanager
def opened(browser, file, width=1440, **context):
    """A page opened from the disk, and a list of all that it should not have said or asked for."""
    around = browser.new_context(viewport={"width": width, "height": 900}, **context)
    page, troubles = around.new_page(), []
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else 0)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda asked: None if _here(asked.url) else troubles.append(asked.url))
    page.on("requestfailed", lambda asked: troubles.append(f"not found: {asked.url}"))
    try:
        page.goto(file.resolve().as_uri())
        yield page, troubles
    finally:
        around.close()


def _here(url):
    return url.startswith(("file:", "data:", "blob:", "about:"))


def ready(page, number):
    """A panel of the page, once its states are there; nothing waits for an answer any more."""
    section = page.locator(f"#panel-{number}")
    section.evaluate("(panel) => panel.classList.add('open')")
    section.scroll_into_view_if_needed()
    page.wait_for_function(f"document.getElementById('panel-{number}').panel")
    skip = section.locator(".skipped")
    if skip.count() and section.locator(".curtain").count():
        skip.click()
    return section


def violations(page):
    """What axe-core finds that a reader could not see, or not reach by the keyboard."""
    page.evaluate(AXE)
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    found = page.evaluate("axe.run({preload: false})")["violations"]  # it would ask for the style
    return [(each["id"], node["html"][:120]) for each in found for node in each["nodes"]]


def press(page, section, key):
    """What a key press on a panel's first slider takes, ms: the page's work; in all."""
    section.locator("input[type=range]:visible").first.focus()
    shown = section.evaluate_handle(f"(section) => [({PRESSED})(section)]")
    page.keyboard.press(key)
    return shown.evaluate("([promise]) => promise")


def seen(section):
    """The panel's picture as Chromium draws it, grey, 0 to 1, as wide as the panel says."""
    png = section.locator("svg").screenshot()
    return Image.open(io.BytesIO(png)).convert("L")


def apart(one, other):
    """How far two pictures of one thing differ, 0 to 1: on the average, and where it is most.

    Both are blurred: renderers disagree about edges, and where in a pixel a letter begins.
    """
    if one.size != other.size:
        other = other.resize(one.size)
    blurred = [
        np.asarray(p.filter(ImageFilter.GaussianBlur(12)), float) / 255 for p in (one, other)
    ]
    difference = np.abs(blurred[0] - blurred[1])
    return difference.mean(), difference.max()
